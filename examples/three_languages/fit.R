# A plain R file: three_languages.py and three_languages.R use its function as a step.

fit_lines <- function(self) {
  fits <- lapply(split(self$points, self$points$plant), \(points) lm(height ~ day, data = points))
  self$lines <- data.frame(
    plant = names(fits),
    intercept = vapply(fits, \(fit) coef(fit)[[1]], 0),
    slope = vapply(fits, \(fit) coef(fit)[[2]], 0),
    row.names = NULL
  )
  self$model <- fits$bean # only R can open it; it passes through TypeScript untouched
}
