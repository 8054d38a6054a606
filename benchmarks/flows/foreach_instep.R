# A foreach of 100 empty tasks in Instep.
library(instep)

flow("BenchForeach") |>
  step("start", \(self) self$items <- 1:100, next_step = "work", foreach = "items") |>
  step("work", next_step = "join") |>
  step("join", \(self, inputs) NULL, next_step = "end") |>
  step("end") |>
  run()
