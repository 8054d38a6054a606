#' Name the function of a step
#'
#' `r_function()` names a function of this file or of another R file; `py_function()` names one of a Python file. Give
#' the result to [step()] in place of a function.
#'
#' `program_function()` names one of a file in any other language. Such a file is a program that speaks Instep's protocol,
#' like `examples/typescript`: it is executable, and when it is a script its first line names its interpreter
#' (`#!/usr/bin/env node`).
#'
#' @param file Path of the file, relative to the folder of the flow's file. In `r_function()` also a function.
#' @param name Name of a top-level function in that file, or of one that the program offers, a string.
#' @param join_step Whether the function takes `inputs` besides `self`: whether the step is a join.
#' @returns An object of class `instep_function`, for [step()].
#' @export
#' @examples
#' py_function("prep.py", "prep")
#' r_function("models.R", "fit")
#' program_function("report.js", "render")
#' r_function(\(self, inputs) self$best <- inputs[[1]]$model, join_step = TRUE)
r_function <- function(file, name = NULL, join_step = FALSE) {
  check_flag(join_step)
  if (is.function(file)) {
    return(new_function_reference("r", body = file, join = join_step))
  }
  check_string(file)
  check_string(name)
  new_function_reference("r", file = file, name = name, join = join_step)
}

#' @rdname r_function
#' @export
py_function <- function(file, name, join_step = FALSE) {
  check_string(file)
  check_string(name)
  check_flag(join_step)
  new_function_reference("python", file = file, name = name, join = join_step)
}

#' @rdname r_function
#' @export
program_function <- function(file, name, join_step = FALSE) {
  check_string(file)
  check_string(name)
  check_flag(join_step)
  new_function_reference("", file = file, name = name, join = join_step)
}

new_function_reference <- function(language, file = NULL, name = NULL, body = NULL, join = FALSE) {
  structure(
    list(language = language, file = file, name = name, body = body, join = join),
    class = "instep_function"
  )
}

#' @export
print.instep_function <- function(x, ...) {
  what <- if (is.null(x$body)) paste0(x$name, "() of ", x$file) else "a function of this file"
  kind <- if (nzchar(x$language)) paste(x$language, "function") else "program function"
  cat("<instep ", kind, ": ", what, if (x$join) ", a join", ">\n", sep = "")
  invisible(x)
}
