# The error with which an attempt ended, as an object: what catch() stores, and what clients give. As an artifact it is
# portable: Python reads an object of `instep.TaskException` with the same names.

# The object for a Failure message. NULL for none.
task_exception <- function(failure) {
  if (is.null(failure)) {
    return(NULL)
  }
  new_exception(list(
    exception = failure$message,
    type = if (length(failure$classes) > 0L) failure$classes[[1L]] else sub("^FAILURE_KIND_", "", failure$kind),
    stacktrace = failure$traceback %||% "",
    language = failure$language %||% "",
    cause = task_exception(failure$cause)
  ))
}

new_exception <- function(fields) structure(fields, class = "instep_exception")

exception_type <- list(
  name = "instep.exception", class = "instep_exception", to_portable = unclass, from_portable = new_exception
)

#' @export
print.instep_exception <- function(x, ...) {
  text <- if (nzchar(x$stacktrace)) x$stacktrace else paste0(x$type, ": ", x$exception)
  cat(sub("\n$", "", text), "\n", sep = "")
  invisible(x)
}
