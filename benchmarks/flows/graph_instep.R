# R's steps of graph_instep.py.
library(instep)

merge_scores <- function(self, inputs) {
  self$score <- sum(vapply(inputs, \(branch) branch$score, 0))
}

flow("BenchGraph", include = "graph_instep.py") |>
  step("prepare", \(self) self$shards <- seq_len(100), next_step = "shard", foreach = "shards") |>
  step("left", \(self) self$score <- 1, next_step = "merge") |>
  step("merge", merge_scores, next_step = "check") |>
  step("gather", \(self, inputs) NULL, next_step = "end") |>
  run()
