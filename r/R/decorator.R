#' Say what a step has besides its code
#'
#' Decorators are given to [step()] besides its name and function: how often it is tried, how long it may take, what it
#' needs. A flow has one, [project()].
#'
#' Making one only takes note of its arguments. Which decorators there are and what they take, the orchestrator knows:
#' it is the same for steps of all languages. A wrong one is refused before the run starts, with its place in the file.
#'
#' * `retry()` tries the step again when it fails.
#' * `catch()` lets the flow go on when the step has failed for good, as if it had ended well. Artifacts that it
#'   assigned before are kept.
#' * `timeout()` ends an attempt that takes too long. Its code gets an error of class `TimeoutException`, which the
#'   handlers of the step itself do not see; `on.exit()` and `finally` are run.
#' * `environment_variables()` sets these in the tasks of the step, before its code runs.
#' * `resources()` says what a task of the step needs. Tasks run together as long as this machine has enough for all.
#' * `decorator()` is any of them by name, as in Python: `decorator("environment", vars = list(A = "1"))`.
#'
#' @param ... Of `environment_variables()`: the variables, named strings, numbers or logicals. Of `decorator()`: its
#'   arguments, named. Elsewhere: nothing; what is given here is refused as an argument that does not exist.
#' @param times How many further attempts there are, 0 to 4. By default 3.
#' @param minutes_between_retries A wait on clusters, for flows that come from Metaflow. On this machine there is none.
#' @param wait_seconds How many seconds to wait before the first further attempt. By default 0.
#' @param backoff By what the wait is multiplied from attempt to attempt. By default 1.
#' @param max_wait_seconds The longest wait, in seconds. By default 3600.
#' @param jitter A part of the wait, 0 to 1, by which chance makes it longer or shorter. By default 0.
#' @param on Classes of errors, a character vector, for which to try again: classes of R conditions or of Python
#'   exceptions. By default all.
#' @param var Name of the artifact, a string, that gets the error: a list of class `instep_exception` with `exception`
#'   (the message), `type` (the condition's first class), `stacktrace`, `language` and `cause`; `NULL` when there was
#'   none. By default no artifact does.
#' @param print_exception Whether the error goes to the task's log. By default `TRUE`.
#' @param seconds,minutes,hours How long an attempt may take, added up. By default 0 each; the sum must be more.
#' @param cpu,gpu Number of cores and GPUs. By default 1 and 0.
#' @param memory MB of memory, a number, or several: one for each attempt. A task that takes more is ended and counts as
#'   out of memory. By default any.
#' @param x Name of the decorator, a string.
#' @returns A decorator, an object of class `instep_decorator`, for [step()].
#' @seealso In Python the decorators `retry`, `catch`, `timeout`, `environment` and `resources`.
#' @export
#' @examples
#' flow("Download") |>
#'   step("start", \(self) self$text <- readLines("https://example.org"),
#'     retry(times = 2, wait_seconds = 5, backoff = 2), timeout(minutes = 1), catch(var = "problem"),
#'     environment_variables(LANG = "C"), resources(cpu = 2, memory = c(4000, 16000)),
#'     next_step = "end"
#'   ) |>
#'   step("end", \(self) print(self$problem))
decorator <- function(x, ...) {
  check_string(x)
  new_decorator(x, list(...), "decorator")
}

# `...` comes first, so that arguments must be named in full; what it takes up, the orchestrator refuses.

#' @rdname decorator
#' @export
retry <- function(..., times, minutes_between_retries, wait_seconds, backoff, max_wait_seconds, jitter, on) {
  new_decorator("retry", given_arguments())
}

#' @rdname decorator
#' @export
catch <- function(..., var, print_exception) {
  new_decorator("catch", given_arguments())
}

#' @rdname decorator
#' @export
timeout <- function(..., seconds, minutes, hours) {
  new_decorator("timeout", given_arguments())
}

#' @rdname decorator
#' @export
environment_variables <- function(...) {
  variables <- list(...)
  check_argument_names(variables, "environment_variables")
  values <- Map(variable_text, names(variables), variables)
  new_decorator("environment", list(vars = values), "environment_variables")
}

#' @rdname decorator
#' @export
resources <- function(..., cpu, memory, gpu) {
  new_decorator("resources", given_arguments())
}

#' Make a flow part of a project
#'
#' The runs of a project's flows are kept apart by branch: `user.<name>` by default, `test.<branch>` with `branch` or the
#' option `--branch`, `prod` with `production` or `--production`, `prod.<branch>` with both. Tasks read them with
#' [current()]: `project_name`, `branch_name`, `is_production` and `project_flow_name`.
#'
#' @param ... Nothing; what is given here is refused as an argument that does not exist.
#' @param name Name of the project, a string.
#' @param branch Name of a branch, a string. The option `--branch` wins.
#' @param production Whether runs are on the production branch.
#' @returns A decorator, an object of class `instep_decorator`, for [flow()].
#' @seealso In Python the decorator `project`.
#' @export
#' @examples
#' flow("Pricing", project(name = "diamonds"))
project <- function(..., name, branch, production) {
  new_decorator("project", given_arguments())
}

# The arguments that the calling function was given, its own and those in `...`.
given_arguments <- function(frame = parent.frame()) {
  own <- setdiff(names(formals(sys.function(sys.parent()))), "...")
  missed <- vapply(own, \(name) eval(call("missing", as.name(name)), frame), NA)
  c(mget(own[!missed], frame), eval(quote(list(...)), frame))
}

# A decorator as it was written by a call of the function `made_by`.
new_decorator <- function(name, arguments, made_by = name, call = parent.frame()) {
  check_argument_names(arguments, made_by, call)
  for (argument in names(arguments)) {
    check_plain(arguments[[argument]], argument, made_by, call)
  }
  structure(
    list(name = name, arguments = arguments, made_by = made_by, location = call_location()),
    class = "instep_decorator"
  )
}

check_argument_names <- function(arguments, made_by, call = parent.frame()) {
  names <- names(arguments) %||% rep("", length(arguments))
  if (any(names == "")) {
    abort("Arguments of {.fn {made_by}} must be named.", "argument", call = call)
  }
  if (anyDuplicated(names)) {
    abort("Argument {.arg {names[duplicated(names)]}} of {.fn {made_by}} is given twice.", "argument", call = call)
  }
}

# Arguments travel as JSON.
check_plain <- function(value, argument, made_by, call) {
  if (is.list(value) && !is.object(value)) {
    for (element in value) check_plain(element, argument, made_by, call)
  } else if (!is.null(value) && (!is_plain_vector(value) || anyNA(value))) {
    abort(
      c(
        "Argument {.arg {argument}} of {.fn {made_by}} must be made of strings, numbers and logicals.",
        x = "There is {.obj_type_friendly {value}}{if (is.atomic(value) && anyNA(value)) ' with NA'}."
      ),
      "argument",
      call = call
    )
  }
}

is_plain_vector <- function(x) typeof(x) %in% c("character", "double", "integer", "logical") && !is.object(x)

# The value of an environment variable, as written.
variable_text <- function(name, value, call = parent.frame()) {
  if (!is_plain_vector(value) || length(value) != 1L || is.na(value)) {
    abort(
      "Environment variable {.envvar {name}} must be a string, number or logical, not {.obj_type_friendly {value}}.",
      "argument",
      call = call
    )
  }
  format_plain(value)
}

is_decorator <- function(x) inherits(x, "instep_decorator")

decorator_message <- function(decorator, location) {
  arguments <- decorator$arguments
  list(
    name = decorator$name,
    arguments = if (length(arguments) > 0L) json_text(arguments),
    location = location
  )
}

#' @export
print.instep_decorator <- function(x, ...) {
  cat("<instep decorator ", x$name, if (length(x$arguments) > 0L) paste0(" ", json_text(x$arguments)), ">\n", sep = "")
  invisible(x)
}
