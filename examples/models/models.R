# Teaches: a model is used from the other language. R calls a scikit-learn model, Python calls an R gam.
#
# Run:     Rscript examples/models/models.R run
# Prints:
#     scikit-learn, called from R, expects 21.0 for x = 10
#     mgcv, called from Python, expects 100 for x = 10

library(instep)

# Has Python's model as a handle. A Python process is started for it, and ends with with_foreign().
use_line <- function(self) {
  line <- self$line
  expected <- with_foreign(line, handle_call(line, "predict", data.frame(x = 10)))
  cat("scikit-learn, called from R, expects", format(expected, nsmall = 1), "for x = 10\n")
}

# With the R package reticulate, a session can also use Python's model as an object of its own, here after the run:
#     line <- flow_client("Models")$latest_run$data$line$as_python()
#     line$predict(data.frame(x = 10))
#     line$coef_

fit_curve <- function(self) self$curve <- mgcv::gam(y ~ s(x), data = self$points)

flow("Models", include = "models.py") |>
  step("use_line", use_line, next_step = "fit_curve") |>
  step("fit_curve", fit_curve, next_step = "end") |>
  run()
