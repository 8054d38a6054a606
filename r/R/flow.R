#' Begin a flow
#'
#' A flow is a value. [step()] and [parameter()] take it first and return it with one thing more; nothing happens until
#' [run()].
#'
#' @param name Name of the flow, a string: letters, digits and underscores, not beginning with a digit.
#' @param ... Decorators of the flow, such as [project()], and the configs that its steps read, from [config()].
#' @param include Character vector of files that belong to the same graph, such as `"pricing.py"`. Steps that are named
#'   in `next_step` and not declared here are looked up there. Paths are relative to the folder of the flow's file.
#' @param doc Documentation of the flow, a string.
#' @param isolation How the processes of tasks are made: `"fork"` makes one per task from a session that has the file
#'   loaded, `"spawn"` starts a fresh one per task, `"reuse"` lets one process run many tasks of one step, which is
#'   several times as fast for tasks of milliseconds. Each of them has its own logs, random numbers and `current()`, and
#'   finds environment variables, options, working directory, sinks and `tempdir()` as the first one did. What tasks
#'   assign to the global environment or load, the next one sees. When a task ends the process, the others do not notice.
#' @param on_loss What to do about details of artifacts that do not come back as they were: `"warn"` tells each in the
#'   task's log, `"error"` fails the attempt before anything is stored, `"ignore"` says nothing. It holds for all files
#'   of the flow, and for its constants: with `"error"` a run that would lose something of one does not start. [step()] and the option `--on-loss` of the command `run` can say otherwise. By default
#'   `"warn"`.
#' @returns A flow, an object of class `instep_flow`.
#' @seealso The class `FlowSpec` is its twin in Python.
#' @export
#' @examples
#' flow("Pricing", doc = "Fits one price model per cut.")
flow <- function(name, ..., include = character(), doc = "", isolation = c("fork", "spawn", "reuse"),
                 on_loss = c("warn", "error", "ignore")) {
  check_string(name)
  check_string(doc)
  if (!grepl("^[A-Za-z_][A-Za-z0-9_]*$", name)) {
    abort(
      c(
        "A flow can't be named {.val {name}}.",
        i = "A name has letters, digits and underscores, and does not begin with a digit."
      ),
      "flow_name"
    )
  }
  if (!is.character(include) || anyNA(include)) {
    abort("{.arg include} must be a character vector, not {.obj_type_friendly {include}}.", "argument")
  }
  given <- flow_arguments(list(...))
  structure(
    list(
      name = name,
      decorators = given$decorators,
      configs = given$configs,
      include = include,
      doc = doc,
      isolation = if (missing(isolation)) NULL else match_choice(isolation, c("fork", "spawn", "reuse")),
      on_loss = if (missing(on_loss)) NULL else match_choice(on_loss, names(loss_policies)),
      steps = list(),
      parameters = list(),
      constants = list(),
      location = call_location()
    ),
    class = "instep_flow"
  )
}

# Tells apart what flow() was given besides its name.
flow_arguments <- function(dots, call = parent.frame()) {
  unknown <- setdiff(names(dots), "")
  if (length(unknown) > 0L) {
    abort("{.fn flow} has no argument {.arg {unknown}}.", "argument", call = call)
  }
  for (value in Filter(\(value) !is_decorator(value) && !is_config(value), dots)) {
    abort(
      c(
        "{.fn flow} can't use {.obj_type_friendly {value}}.",
        i = "It takes decorators such as {.fn project}, and configs."
      ),
      "argument",
      call = call
    )
  }
  list(decorators = Filter(is_decorator, dots), configs = Filter(is_config, dots))
}

is_flow <- function(x) inherits(x, "instep_flow")

check_flow <- function(flow, call = parent.frame()) {
  if (!is_flow(flow)) {
    abort(
      c("{.arg flow} must be a flow, not {.obj_type_friendly {flow}}.", i = "Begin with {.fn flow}."),
      "argument",
      call = call
    )
  }
}

match_choice <- function(x, choices, arg = deparse(substitute(x)), call = parent.frame()) {
  if (!is_string(x) || !x %in% choices) {
    abort("{.arg {arg}} must be one of {.val {choices}}, not {.val {x}}.", "argument", call = call)
  }
  x
}

#' @export
print.instep_flow <- function(x, ...) {
  cat("<instep flow ", x$name, ">\n", sep = "")
  for (parameter in x$parameters) {
    cat("  --", parameter$name, if (parameter$required) " (required)", "\n", sep = "")
  }
  for (step in x$steps) {
    targets <- paste(step$next_step, collapse = ", ")
    each <- if (!is.null(step$foreach)) paste0(" for each of ", step$foreach)
    each <- c(each, if (!is.null(step$condition)) paste0(" by ", step$condition))
    cat("  ", step$name, if (nzchar(targets)) " -> ", targets, each, "\n", sep = "")
  }
  invisible(x)
}
