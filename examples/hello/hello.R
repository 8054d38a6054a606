# Teaches: what a flow is. Steps run one after the other; what a step assigns to `self`, later steps read.
#
# Run:     Rscript examples/hello/hello.R run
# Prints:
#     Hello from R.
#     The message was: Hello from R.

library(instep)

write_message <- function(self) {
  self$message <- "Hello from R."
  cat(self$message, "\n")
}

read_message <- function(self) {
  cat("The message was:", self$message, "\n")
}

flow("Hello", doc = "Passes a message from the first step to the last.") |>
  step("start", write_message, next_step = "pause") |>
  step("pause", next_step = "end") |> # does nothing: the message travels on by itself
  step("end", read_message) |>
  run()
