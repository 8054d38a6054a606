# A small flow whose runs are looked at.
library(instep)

work <- function(self) {
  self$score <- list(shard = self$input, score = self$input / 5, words = c("some", "text"))
  cat(sprintf("Shard %d has its score.\n", self$input))
}

flow("BenchLookR") |>
  step("start", \(self) self$shards <- 1:5, next_step = "work", foreach = "shards") |>
  step("work", work, next_step = "join") |>
  step("join", \(self, inputs) self$total <- sum(vapply(inputs, \(one) one$score$score, 0)), next_step = "end") |>
  step("end", \(self) cat(sprintf("The total is %g.\n", self$total))) |>
  run()
