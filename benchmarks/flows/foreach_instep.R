# A foreach of empty tasks in Instep, as many as BENCH_TASKS says, in processes as BENCH_ISOLATION says.
library(instep)

count <- as.integer(Sys.getenv("BENCH_TASKS"))

flow("BenchForeach") |>
  step("start", \(self) self$items <- seq_len(count), next_step = "work", foreach = "items") |>
  step("work", next_step = "join", isolation = Sys.getenv("BENCH_ISOLATION", "fork")) |>
  step("join", \(self, inputs) NULL, next_step = "end") |>
  step("end") |>
  run()
