# Teaches: foreach. One step runs once per element of a vector or list, and a join collects the results in its order.
#
# Run:     Rscript examples/foreach/foreach.R run
# Prints:
#     item 0 is pear
#     item 2 is quince
#     longest: quince

library(instep)

# `self$input` is the element, `self$index` its place, counted from 0 as in Python.
measure <- function(self) {
  cat("item", self$index, "is", self$input, "\n")
  self$word <- self$input
  self$length <- nchar(self$word)
}

collect <- function(self, inputs) {
  words <- unlist(gather_inputs(inputs, "word"))
  lengths <- unlist(gather_inputs(inputs, "length"))
  self$longest <- words[which.max(lengths)]
}

flow("Foreach", doc = "Measures words, each in a task of its own.") |>
  step("start", \(self) self$words <- c("pear", "apple", "quince"), next_step = "measure", foreach = "words") |>
  step("measure", measure, next_step = "join") |>
  step("join", collect, next_step = "end") |>
  step("end", \(self) cat("longest:", self$longest, "\n")) |>
  run()
