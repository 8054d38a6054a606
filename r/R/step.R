#' Declare a step of a flow
#'
#' A step is a function of `self`, and in a join of `self` and `inputs`. What it assigns to `self$name` is stored when
#' it ends, and the steps after it read it under the same name. What the function returns is ignored.
#'
#' Anything that is no flow is passed on to [stats::step()], which this function hides.
#'
#' @param flow A flow, from [flow()].
#' @param ... The name of the step, a string of `a-z`, `0-9` and `_`; the function when it is not given as `r_function`;
#'   and decorators such as [retry()].
#' @param step The name of the step, when it is not in `...`.
#' @param r_function The function, or what [r_function()], [py_function()] or [program_function()] gives. By default the
#'   step does nothing.
#' @param next_step Name of the step that comes next. Several names split the flow into branches. The last step of a
#'   flow has none. With `condition` one of several steps comes next: a character vector named by the values that lead to
#'   them, `c(yes = "buy", no = "wait")`, or for values that are no text a list of formulas, `list(TRUE ~ "buy",
#'   FALSE ~ "wait")`. One of these may be the step itself, which then runs again.
#' @param foreach Name of an artifact, a string: the next step runs once for each of its elements, which it reads as
#'   `self$input`.
#' @param condition Name of an artifact, a string, whose value says which of the steps in `next_step` comes next. A value
#'   that leads to none of them fails the task.
#' @param join Whether the step joins branches, so that its function takes `inputs`. By default read off the function.
#' @param start,end Whether the step is the first (last) of the flow. A step named `start` (`end`) need not say so.
#' @param isolation How the processes of the step's tasks are made; see [flow()].
#' @param on_loss What to do about details of artifacts that do not come back as they were; see [flow()]. By default as
#'   the flow says.
#' @returns The flow, with the step.
#' @seealso The decorator `step` is its twin in Python.
#' @export
#' @examples
#' flow("Hello") |>
#'   step("start", \(self) self$words <- c("in", "step"), next_step = "say", foreach = "words") |>
#'   step("say", \(self) print(self$input), next_step = "join") |>
#'   step("join", \(self, inputs) self$count <- length(inputs), next_step = "end") |>
#'   step("end")
step <- function(flow, ..., step = NULL, r_function = NULL, next_step = NULL, foreach = NULL, condition = NULL,
                 join = NULL, start = FALSE, end = FALSE, isolation = NULL, on_loss = NULL) {
  if (missing(flow)) {
    return(do.call(stats::step, list(...), quote = TRUE, envir = parent.frame()))
  }
  if (!is_flow(flow)) {
    return(do.call(stats::step, list(flow, ...), quote = TRUE, envir = parent.frame()))
  }
  given <- step_arguments(list(...), step, r_function)
  check_step_name(given$name)
  check_flag(start)
  check_flag(end)
  if (given$name %in% names(flow$steps)) {
    abort("Flow {.val {flow$name}} already has a step {.val {given$name}}.", "step_doubled")
  }
  reference <- step_reference(given$name, given$fun)
  transition <- read_next_step(next_step)
  flow$steps[[given$name]] <- list(
    name = given$name,
    reference = reference,
    next_step = transition$targets,
    keys = transition$keys,
    foreach = check_optional_string(foreach),
    condition = check_optional_string(condition),
    decorators = given$decorators,
    join = step_joins(given$name, reference, join),
    start = start,
    end = end,
    isolation = if (!is.null(isolation)) match_choice(isolation, c("fork", "spawn", "reuse")),
    on_loss = if (!is.null(on_loss)) match_choice(on_loss, names(loss_policies)),
    location = call_location()
  )
  flow
}

# Finds the name and the function among what step() was given.
step_arguments <- function(dots, name, fun, call = parent.frame()) {
  if (any(nzchar(names(dots)))) {
    unknown <- setdiff(names(dots), "")
    abort("{.fn step} has no argument {.arg {unknown}}.", "argument", call = call)
  }
  decorators <- Filter(is_decorator, dots)
  for (value in Filter(Negate(is_decorator), dots)) {
    if (is.null(name) && is.character(value)) {
      name <- value
    } else if (is.null(fun) && (is.function(value) || inherits(value, "instep_function"))) {
      fun <- value
    } else {
      abort(
        c(
          "{.fn step} can't use {.obj_type_friendly {value}}.",
          i = "It takes the name of the step, its function, and decorators such as {.fn retry}."
        ),
        "argument",
        call = call
      )
    }
  }
  list(name = name, fun = fun, decorators = decorators)
}

check_step_name <- function(name, call = parent.frame()) {
  if (!is_string(name)) {
    abort("The name of a step must be a single string, not {.obj_type_friendly {name}}.", "step_name", call = call)
  }
  if (!grepl("^[a-z0-9][a-z0-9_]*$", name)) {
    abort(
      c(
        "A step can't be named {.val {name}}.",
        i = "A name has the characters a-z, 0-9 and _, and does not begin with _."
      ),
      "step_name",
      call = call
    )
  }
  if (name %in% c("name", "next", "input", "index", "cmd")) {
    abort(
      c("A step can't be named {.val {name}}: the name is reserved.", i = "Choose another name."),
      "step_name",
      call = call
    )
  }
}

check_optional_string <- function(name, arg = deparse(substitute(name)), call = parent.frame()) {
  if (!is.null(name)) {
    check_string(name, arg, call)
  }
  name
}

step_reference <- function(name, fun, call = parent.frame()) {
  if (is.null(fun)) {
    return(new_function_reference("r", body = function(self, ...) NULL, join = NA))
  }
  if (is.function(fun)) {
    return(new_function_reference("r", body = fun, join = NA))
  }
  if (!inherits(fun, "instep_function")) {
    abort(
      c(
        "Step {.val {name}} can't use {.obj_type_friendly {fun}} as its function.",
        i = "Give it a function, or see {.fn r_function} and {.fn py_function}."
      ),
      "argument",
      call = call
    )
  }
  fun
}

# Whether the step takes `inputs`: as said, else as its function reads.
step_joins <- function(name, reference, join, call = parent.frame()) {
  if (!is.null(join)) {
    check_flag(join, call = call)
  }
  said <- isTRUE(join) || isTRUE(reference$join)
  if (is.null(reference$body)) {
    return(said)
  }
  takes <- required_arguments(reference$body)
  count <- length(takes)
  if (is.null(join) && is.na(reference$join)) {
    said <- count == 2L
  }
  wanted <- if (said) 2L else 1L
  fits <- count == wanted || (count < wanted && "..." %in% names(formals(args(reference$body))))
  if (!fits) {
    abort(
      c(
        "The function of step {.val {name}} must take {.code {if (said) 'self, inputs' else 'self'}}.",
        x = "It takes {if (count == 0L) 'nothing' else paste(takes, collapse = ', ')}.",
        i = "A step takes {.code self}, and a join {.code self, inputs}."
      ),
      "step_arguments",
      call = call
    )
  }
  said
}

# Names of the arguments that have no default.
required_arguments <- function(fun) {
  arguments <- as.list(formals(args(fun)))
  bare <- vapply(arguments, \(default) identical(default, quote(expr = )), NA)
  setdiff(names(arguments)[bare], "...")
}
