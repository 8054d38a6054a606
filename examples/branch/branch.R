# Teaches: branches. A step names several next steps; they run side by side, and a join brings them together.
#
# Run:     Rscript examples/branch/branch.R run
# Prints:
#     mean 5, spread 8
#     still measured in kg

library(instep)

have_numbers <- function(self) {
  self$weights <- c(2, 3, 5, 5, 10)
  self$unit <- "kg"
}

# A join starts empty: it takes what it wants from `inputs`, or all on which they agree.
bring_together <- function(self, inputs) {
  cat("mean ", inputs$center$mean, ", spread ", inputs$width$spread, "\n", sep = "")
  merge_artifacts(self, inputs)
}

flow("Branch", doc = "Describes some numbers in two ways at once.") |>
  step("start", have_numbers, next_step = c("center", "width")) |>
  step("center", \(self) self$mean <- mean(self$weights), next_step = "join") |>
  step("width", \(self) self$spread <- diff(range(self$weights)), next_step = "join") |>
  step("join", bring_together, next_step = "end") |>
  step("end", \(self) cat("still measured in", self$unit, "\n")) |>
  run()
