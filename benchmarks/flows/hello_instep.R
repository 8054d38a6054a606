# Three empty steps in Instep.
library(instep)

flow("BenchHello") |>
  step("start", next_step = "middle") |>
  step("middle", next_step = "end") |>
  step("end") |>
  run()
