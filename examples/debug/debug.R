# Teaches: debugging. A step fails on one of its items; `debug` opens a prompt with what the failed task saw.
#
# Run:     Rscript examples/debug/debug.R run
# Fails with:
#     There is no length in 'n/a'.
#     To look into it: Rscript examples/debug/debug.R debug 1/measure/3
#     To go on from here: Rscript examples/debug/debug.R resume
# Then:    Rscript examples/debug/debug.R debug 1/measure/3 --command "self$length <- 0; cat(self$input, self$unit)"
# Prints:
#     n/a cm

library(instep)

# Has one task for each length.
have_lengths <- function(self) {
  self$unit <- "cm"
  self$lengths <- c("1.5", "n/a")
}

# Fails where there is no number. Without --command, `debug` opens a prompt: try measure(self) there.
measure <- function(self) {
  if (!grepl("^[0-9.]+$", self$input)) stop("There is no length in '", self$input, "'.")
  self$length <- as.numeric(self$input)
}

flow("Debug", doc = "Measures things, of which one has no length.") |>
  step("start", have_lengths, next_step = "measure", foreach = "lengths") |>
  step("measure", measure, next_step = "total") |>
  step("total", \(self, inputs) self$sum <- sum(unlist(gather_inputs(inputs, "length"))),
    join = TRUE, next_step = "end"
  ) |>
  step("end", \(self) print(self$sum)) |>
  run()
