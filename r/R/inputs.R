#' The inputs of a join
#'
#' A join's function gets `inputs`, a list with one element for each task that it joins. Artifacts of that task are read
#' as `inputs[[1]]$x`. After a static split the elements are named by the last step of each branch, as in `inputs$a$x`;
#' after a foreach they are in the order of its elements and have no names.
#'
#' `gather_inputs()` reads one artifact from each of them.
#'
#' @param inputs The inputs of a join, as a step's function gets them.
#' @param name Name of an artifact, a string.
#' @returns `gather_inputs()` gives a list with one value per input, named as `inputs` is.
#' @export
#' @examples
#' join <- function(self, inputs) {
#'   self$best <- max(unlist(gather_inputs(inputs, "accuracy")))
#' }
gather_inputs <- function(inputs, name) {
  check_string(name)
  lapply(unclass(inputs), \(input) input[[name]])
}

new_inputs <- function(joins, constants, task, fetch) {
  inputs <- lapply(joins, \(join) new_input(join, constants, task, fetch))
  steps <- vapply(joins, \(join) join$step, "")
  if (length(steps) > 1L && !anyDuplicated(steps)) {
    names(inputs) <- steps
  }
  structure(inputs, class = "instep_inputs")
}

# One of the tasks that a join takes its inputs from: read as `self` is, but without a foreach of its own.
new_input <- function(join, constants, task, fetch) {
  input <- new_self(
    list(
      flow = task$flow, run_id = task$run_id, step = join$step, task_id = join$task_id, foreach = list(),
      on_loss = task$on_loss,
      inputs = c(constants, join$artifacts)
    ),
    fetch
  )
  class(input) <- c("instep_input", "instep_self")
  input
}

# Assigning to an input changes what this task reads from it, and nothing that is stored.
#' @export
`$<-.instep_input` <- function(x, name, value) {
  assign(name, value, self_state(x)$assigned)
  x
}

#' @export
`[[<-.instep_input` <- function(x, name, value) {
  assign(name, value, self_state(x)$assigned)
  x
}

#' @export
print.instep_inputs <- function(x, ...) {
  cat("<instep inputs: ", length(x), " tasks>\n", sep = "")
  for (input in unclass(x)) {
    print(input)
  }
  invisible(x)
}

# The input of a branch, by the name of its last step. Not by the beginning of the name, as lists do it.
#' @export
`$.instep_inputs` <- function(x, name) {
  if (!name %in% names(x)) {
    abort(
      c(
        "AttributeError: inputs has no attribute {.val {name}}.",
        i = if (is.null(names(x))) "Its elements have no names: use {.code inputs[[1]]}.",
        i = if (!is.null(names(x))) "Its branches are {.val {names(x)}}."
      ),
      "attribute",
      artifact = name,
      call = NULL
    )
  }
  x[[name]]
}
