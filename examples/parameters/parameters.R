# Teaches: parameters. Each becomes an option of `run`, is checked before anything runs, and is read in every step.
#
# Run:     Rscript examples/parameters/parameters.R run --name Ada --times 2
#          Rscript examples/parameters/parameters.R run --help
# Prints:
#     Good day, Ada!
#     2 times, pause of 0.5 s, loud: FALSE, colors: red and green

library(instep)

greet <- function(self) {
  text <- paste0("Good day, ", self$name, "!")
  for (time in seq_len(self$times)) {
    cat(if (self$loud) toupper(text) else text, "\n")
  }
}

tell <- function(self) {
  colors <- paste(unlist(self$colors), collapse = " and ")
  cat(self$times, " times, pause of ", self$pause, " s, loud: ", self$loud, ", colors: ", colors, "\n", sep = "")
}

flow("Parameters", doc = "Greets somebody.") |>
  parameter("name", default = "world", help = "Who is greeted.") |>
  parameter("times", default = 1L, help = "How often.") |>
  parameter("pause", default = 0.5, help = "Seconds between two greetings.") |>
  parameter("loud", default = FALSE, help = "Whether to shout.") |>
  parameter("colors", type = "json", default = '["red", "green"]', help = "Colors, as JSON text.") |>
  step("start", greet, next_step = "end") |>
  step("end", tell) |>
  run()
