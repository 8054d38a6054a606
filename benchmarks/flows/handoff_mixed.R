# R's step of handoff_mixed.py: uses Python's frame and makes another one.
library(instep)

in_r <- function(self) {
  total <- sum(vapply(self$frame, sum, 0))
  cat(sprintf("Had Python's sum %.0f after %.4f s.\n", total, as.numeric(Sys.time()) - self$made))
  self$frame <- as.data.frame(lapply(stats::setNames(nm = paste0("x", 0:7)), \(name) stats::runif(12.5e6)))
  self$made <- as.numeric(Sys.time())
}

flow("BenchHandoffMixed", include = "handoff_mixed.py") |>
  step("in_r", in_r, next_step = "end") |>
  run()
