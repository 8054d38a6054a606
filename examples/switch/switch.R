# Teaches: switch and recursion. The value of an artifact chooses the next step, which may be the same step once more.
#
# Run:     Rscript examples/switch/switch.R run
# Prints:
#     round 3: 1.4142
#     converged after 3 rounds

library(instep)

tolerance <- 1e-4
most_rounds <- 10L

guess <- function(self) {
  self$root <- 1
  self$rounds <- 0L
}

# One round. It starts from the artifacts of the round before, and `state` says what comes next.
improve <- function(self) {
  self$rounds <- self$rounds + 1L
  self$root <- (self$root + 2 / self$root) / 2
  cat(sprintf("round %d: %.4f\n", self$rounds, self$root))
  if (abs(self$root^2 - 2) < tolerance) {
    self$state <- "done"
  } else {
    self$state <- if (self$rounds < most_rounds) "again" else "lost"
  }
}

# The paths of a switch meet again without a join, for only one was taken. The run has no task of the other step.
flow("Switch", doc = "Finds the square root of 2 by Newton's method, in rounds that are tasks of their own.") |>
  step("start", guess, next_step = "improve") |>
  step("improve", improve, next_step = c(again = "improve", done = "report", lost = "warn"), condition = "state") |>
  step("report", \(self) self$verdict <- paste("converged after", self$rounds, "rounds"), next_step = "end") |>
  step("warn", \(self) self$verdict <- "no root found", next_step = "end") |>
  step("end", \(self) cat(self$verdict, "\n")) |>
  run()
