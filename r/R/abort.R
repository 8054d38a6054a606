# Raises an error of class `instep_error_<what>`, with facts as fields. The message is interpolated by cli. Its backtrace
# ends with the call that it names: what is below is ours.
abort <- function(message, what, ..., call = rlang::caller_env(), envir = parent.frame()) {
  cli::cli_abort(
    message,
    class = c(paste0("instep_error_", what), "instep_error"),
    ...,
    call = call,
    .envir = envir,
    trace = if (is.environment(call)) rlang::trace_back(bottom = call)
  )
}

# Ends a script, for an error that says all that a person needs. Elsewhere the error goes on.
end_script <- function(condition, status) {
  if (!interactive() && !the$including && !is.null(script_file())) {
    cat("Error: ", condition_text(condition), "\n", sep = "", file = stderr())
    quit(save = "no", status = status, runLast = FALSE)
  }
}

is_string <- function(x) {
  is.character(x) && length(x) == 1L && !is.na(x)
}

is_flag <- function(x) {
  is.logical(x) && length(x) == 1L && !is.na(x)
}

check_string <- function(x, arg = deparse(substitute(x)), call = parent.frame()) {
  if (!is_string(x)) {
    abort("{.arg {arg}} must be a single string, not {.obj_type_friendly {x}}.", "argument", call = call)
  }
}

check_flag <- function(x, arg = deparse(substitute(x)), call = parent.frame()) {
  if (!is_flag(x)) {
    abort("{.arg {arg}} must be TRUE or FALSE, not {.obj_type_friendly {x}}.", "argument", call = call)
  }
}
