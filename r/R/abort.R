# Raises an error of class `instep_error_<what>`, with facts as fields. The message is interpolated by cli. What is
# declared in a script is told with its line.
abort <- function(message, what, ..., call = rlang::caller_env(), envir = parent.frame()) {
  cli::cli_abort(
    c(message, if (is.environment(call)) declared_at(call)),
    class = c(paste0("instep_error_", what), "instep_error"),
    ...,
    call = call,
    .envir = envir,
    trace = if (is.environment(call)) users_trace(call)
  )
}

# The calls that led to a call of ours: those of the user. None, when there are only ours, as in a pipe of steps.
users_trace <- function(call) {
  trace <- rlang::trace_back(bottom = call)
  ours <- trace$namespace %in% "instep"
  if (all(ours)) {
    return(rlang::trace_back(top = call, bottom = call))
  }
  trace$visible <- trace$visible & (!ours | seq_along(ours) == length(ours))
  trace
}

# Where a script has the call of step() and the like that cannot be used, as a bullet of a message. NULL when that is
# not known.
declared_at <- function(call) {
  file <- if (!interactive()) script_file()
  kind <- rlang::frame_call(call)[[1L]]
  if (is.null(file) || !is.name(kind) || !as.character(kind) %in% named_calls) {
    return(NULL)
  }
  sites <- call_sites(file)
  sites <- sites[sites$kind == as.character(kind), ]
  names <- Filter(\(name) is_string(name) && name %in% sites$name, as.list(rlang::frame_call(call))[-1L])
  line <- if (length(names) > 0L) utils::tail(sites$line[sites$name == names[[1L]]], 1L)
  if (length(line) > 0L) c(i = sprintf("It is at %s:%d.", basename(file), line))
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
