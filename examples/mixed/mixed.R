# Teaches: one graph in two files. R's steps are here, Python's in mixed.py; either file runs the whole flow.
#
# Run:     Rscript examples/mixed/mixed.R run
#          python examples/mixed/mixed.py run
# Prints:
#     R fits 5 points
#     slope 2 and intercept 1, found in R, read in Python

library(instep)

# `self$points` is a data frame here; Python made it with pandas.
fit_line <- function(self) {
  cat("R fits", nrow(self$points), "points\n")
  self$model <- lm(y ~ x, data = self$points)
  self$coefficients <- coef(self$model)
}

flow("Mixed", include = "mixed.py") |>
  step("fit", fit_line, next_step = "end") |>
  run() # does nothing while mixed.py runs and includes this file
