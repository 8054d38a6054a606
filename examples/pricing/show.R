# R reads a table that Python wrote in the last run of the flow Pricing: `make demo` runs this.

library(instep)

scores <- flow_client("Pricing")$latest_successful_run$data$scores
cat("R reads Python's table: ", class(scores)[[1]], ", ", nrow(scores), " cuts,\n", sep = "")
cat("  better model by cut:", paste(scores$cut, scores$better, collapse = ", "), "\n")
