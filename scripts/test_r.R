# Runs r/tests/testthat and writes one line with the counts to a file: Rscript test_r.R FILE [FILTER]
arguments <- commandArgs(TRUE)
results <- as.data.frame(testthat::test_dir(
  "r/tests/testthat",
  package = "instep",
  load_package = "installed",
  filter = if (length(arguments) > 1) arguments[[2]],
  reporter = "summary",
  stop_on_failure = FALSE
))
failed <- sum(results$failed) + sum(results$error)
summary <- sprintf("testthat: %d passed, %d failed, %d skipped", sum(results$passed), failed, sum(results$skipped))
writeLines(summary, arguments[[1]])
writeLines(summary)
quit(status = if (failed > 0 || nrow(results) == 0) 1 else 0)
