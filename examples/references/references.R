# Teaches: function references. One Python function becomes a step of an R flow; its file needs to know no flow.
#
# Run:     Rscript examples/references/references.R run
# Prints:
#     Python's words: in step

library(instep)

flow("References", doc = "Lets Python split a text.") |>
  step("start", \(self) self$text <- "in,step", next_step = "split") |>
  step("split", py_function("words.py", "split_words"), next_step = "end") |>
  step("end", \(self) cat("Python's words:", self$words, "\n")) |>
  run()
