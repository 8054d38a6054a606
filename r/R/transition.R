# How a step goes on: to one step, to several, to one for each item of an artifact, or to one of several (a switch).

# What `next_step` says: `targets`, names of steps, and for a switch `keys`, the value that leads to each.
read_next_step <- function(next_step, call = parent.frame()) {
  if (is.list(next_step) && length(next_step) > 0L && all(vapply(next_step, rlang::is_formula, NA))) {
    return(list(
      targets = vapply(next_step, formula_target, "", call = call),
      keys = lapply(next_step, formula_key, call = call)
    ))
  }
  if (is.list(next_step) && all(vapply(next_step, is_string, NA))) {
    next_step <- unlist(next_step)
  }
  if (!is.null(next_step) && (!is.character(next_step) || anyNA(next_step))) {
    abort(
      c(
        "{.arg next_step} must be a character vector, not {.obj_type_friendly {next_step}}.",
        i = "A switch whose keys are no text has a list of formulas, such as {.code list(TRUE ~ \"a\", FALSE ~ \"b\")}."
      ),
      "argument",
      call = call
    )
  }
  list(targets = unname(as.character(next_step)), keys = if (!is.null(names(next_step))) as.list(names(next_step)))
}

formula_target <- function(formula, call) {
  target <- if (length(formula) == 3L) eval(formula[[3L]], environment(formula))
  if (!is_string(target)) {
    abort("{.code {deparse(formula)}} in {.arg next_step} must lead to the name of a step.", "argument", call = call)
  }
  target
}

formula_key <- function(formula, call) {
  key <- eval(formula[[2L]], environment(formula))
  if (!is_key(key)) {
    abort(
      "The key in {.code {deparse(formula)}} must be a string, a number, TRUE, FALSE or NULL.",
      "argument",
      call = call
    )
  }
  # Numbers in code are doubles. A whole one is a whole one for other languages and for people, too.
  if (is.double(key) && key == trunc(key)) as_whole(key) else key
}

is_key <- function(x) is.null(x) || (is_plain_vector(x) && length(x) == 1L && !is.na(x))

# Equality as R and Python have it: 1 is 1L and TRUE, but not "1".
same_key <- function(value, key) {
  if (is.null(value) || is.null(key)) {
    return(is.null(value) && is.null(key))
  }
  is.character(value) == is.character(key) && value == key
}

# A step is a switch when it has either half of one: the other half is then missed by the checks.
is_switch <- function(step) !is.null(step$condition) || !is.null(step$keys)

transition_message <- function(step, location) {
  kind <- if (is_switch(step)) {
    "SWITCH"
  } else if (!is.null(step$foreach)) {
    "FOREACH"
  } else if (length(step$next_step) > 1L) {
    "SPLIT"
  } else if (length(step$next_step) == 1L) {
    "LINEAR"
  } else {
    "END"
  }
  list(
    kind = paste0("TRANSITION_KIND_", kind),
    targets = if (is_switch(step)) unique(step$next_step) else step$next_step,
    foreach = step$foreach,
    condition = step$condition,
    cases = Map(\(key, target) list(key = encode_inline(key, "key"), target = target), step$keys, step$next_step) |>
      unname(),
    location = location
  )
}

# What is wrong with a transition as far as only this file can tell, as GraphProblem messages.
transition_problems <- function(step, location) {
  keys <- step$keys
  # Identical keys are found by the checks of the graph.
  same <- \(i) any(vapply(keys[seq_len(i - 1L)], \(key) same_key(key, keys[[i]]) && !identical(key, keys[[i]]), NA))
  doubled <- Filter(same, seq_along(keys))
  wrong <- c(
    if (is_switch(step) && !is.null(step$foreach)) "a switch cannot be combined with foreach",
    if (!is.null(step$condition) && is.null(step$keys) && length(step$next_step) > 0L) {
      "condition goes with steps that are named by its values"
    },
    if (length(doubled) > 0L) sprintf("the key %s is there twice", deparse(keys[[doubled[[1L]]]]))
  )
  lapply(wrong, \(why) {
    list(
      code = "transition-form",
      message = sprintf("Step '%s' has a transition of no known form: %s.", step$name, why),
      hint = paste0(
        "The forms are: next_step = \"a\"; next_step = c(\"a\", \"b\"); next_step = \"a\", foreach = \"items\"; ",
        "next_step = c(x = \"a\", y = \"b\"), condition = \"answer\"."
      ),
      step = step$name,
      locations = list(location)
    )
  })
}
