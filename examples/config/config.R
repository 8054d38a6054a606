# Teaches: configs. A file of settings is read before anything else, and shapes the flow: steps, defaults, decorators.
#
# Run:     Rscript examples/config/config.R --config search examples/config/full.json run
# Prints:
#     the full search: fits degrees 1, 2, 3, 4
#     best degree: 2

library(instep)

# Known while the file is read, so that other declarations can use it. Each step has it as `self$search`.
search <- config("search", default = "examples/config/small.json")

announce <- function(self) {
  self$degrees <- unlist(self$search$model$degrees)
  cat(self$title, ": fits degrees ", paste(self$degrees, collapse = ", "), "\n", sep = "")
}

# Fits one degree, and counts each coefficient as a cost.
fit <- function(self) {
  x <- seq(-1, 1, length.out = 21)
  y <- 1 + 2 * x + 3 * x^2
  self$degree <- self$input
  self$cost <- sum(residuals(lm(y ~ poly(x, self$input)))^2) + 0.01 * self$input
}

choose <- function(self, inputs) {
  costs <- unlist(gather_inputs(inputs, "cost"))
  self$best <- inputs[[which.min(costs)]]$degree
}

flow("Search", search, doc = "Looks for the degree of a polynomial that describes points best.") |>
  parameter("title", default = search$title, help = "What the search is called.") |>
  step("start", announce, next_step = "fit", foreach = "degrees") |>
  step("fit", fit, retry(times = search$model$retries), next_step = "choose") |>
  step("choose", choose, next_step = "end") |>
  step("end", \(self) cat("best degree:", self$best, "\n")) |>
  run()
