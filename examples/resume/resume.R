# Teaches: resume. A run that failed late goes on from where it was: what succeeded is taken over and not run again.
#
# Run:     Rscript examples/resume/resume.R run
#          Rscript examples/resume/resume.R resume
#          Rscript examples/resume/resume.R run --reuse
# Prints:
#     mean price: 2.00 euro
#     Step load: cloned 1 task. It succeeded in run 1.
#     Step summary: ran 1 task. It failed in run 1.
#     Step summary: cloned 1 task. Its code and what it reads are as in run 2.
#
# The first run fails, because the exchange rate cannot be had. It leaves the rate behind for the next one, as a
# colleague might who mends the server meanwhile.

library(instep)

# Stands for an hour of work, which nobody wants to do twice.
load_prices <- function(self) {
  self$dollars <- c(1.1, 2.2, 3.3)
}

# Fails in the first run. `resume` runs it again, and what comes after it.
summarise <- function(self) {
  if (!file.exists("rate.txt")) {
    writeLines("1.1", "rate.txt")
    stop("no exchange rate today: resume later")
  }
  rate <- as.numeric(readLines("rate.txt"))
  self$mean <- mean(self$dollars / rate)
}

flow("Resume", doc = "Gives prices in euro, by a rate that is not there at first.") |>
  step("start", next_step = "load") |>
  step("load", load_prices, next_step = "summary") |>
  step("summary", summarise, next_step = "end") |>
  step("end", \(self) cat(sprintf("mean price: %.2f euro\n", self$mean))) |>
  run()
