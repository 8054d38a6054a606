# Teaches: one flow in three languages, written in R. A program in TypeScript draws what R fitted; Python reads it.
#
# Run:     Rscript examples/three_languages/three_languages.R run
# Prints:
#     TypeScript draws 2 lines through 5 points
#     Python finds 2 lines in the drawing
#     bean: lm

library(instep)

measure <- function(self) {
  self$points <- data.frame(
    plant = factor(c("bean", "bean", "bean", "pea", "pea", "pea")),
    day = c(1L, 2L, 3L, 1L, 2L, 3L),
    height = c(2, 4.5, 6.5, 1, NA, 3.5)
  )
}

flow("ThreeLanguages", doc = "Measures plants and fits their growth in R, and draws it in TypeScript.") |>
  step("start", measure, next_step = "fit") |>
  step("fit", r_function("fit.R", "fit_lines"), next_step = "draw") |>
  step("draw", program_function("draw.js", "draw"), next_step = "look") |>
  step("look", py_function("look.py", "count_lines"), next_step = "end") |>
  step("end", \(self) cat(self$fastest, ": ", class(self$model), "\n", sep = "")) |>
  run()
