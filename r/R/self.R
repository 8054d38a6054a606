#' The artifacts of a task
#'
#' A step's function gets `self`, the artifacts of the task that it runs. `self$x` and `self[["x"]]` read an artifact;
#' assigning to them stores one. An artifact is read when it is first touched.
#'
#' Besides artifacts, `self` has `self$input`, the element of the innermost open foreach, `self$index`, its position
#' counted from zero, and `self$foreach_stack()`, a list of `list(index, n, item)` for all open levels, the outermost
#' first. Outside a foreach they are `NULL`, `NULL` and an empty list.
#'
#' @param x The artifacts of a task, as a step's function gets them.
#' @param name Name of an artifact, a string.
#' @param value What to store under that name.
#' @param ... Not used.
#' @returns `self$x` gives the value. Reading a name that no task has set is an error whose message contains "has no
#'   attribute"; assigning to a parameter is one whose message contains "AttributeError".
#' @name self
#' @examples
#' count_words <- function(self) {
#'   self$words <- strsplit(self$text, " ")[[1]]
#'   self[["count"]] <- length(self$words)
#' }
NULL

# The state behind `self`:
#   task: the Task message.
#   inputs: Input messages by name.
#   assigned: environment of the values that the step has assigned.
#   loaded: environment of the values that were read.
#   forwarded: names that merge_artifacts() took over.
#   read: environment of the names of inputs that were looked at, also of those that are not there.
#   fetch: function(hash, size) that reads a blob.
new_self <- function(task, fetch) {
  state <- new.env(parent = emptyenv())
  state$task <- task
  state$inputs <- by_name(task$inputs)
  state$assigned <- new.env(parent = emptyenv())
  state$loaded <- new.env(parent = emptyenv())
  state$forwarded <- character()
  state$read <- new.env(parent = emptyenv())
  state$fetch <- fetch
  self <- new.env(parent = emptyenv())
  assign("state", state, self)
  structure(self, class = "instep_self")
}

by_name <- function(messages) {
  stats::setNames(messages, vapply(messages, \(message) message$name, ""))
}

# The state behind `self`, past `$`, which users own.
self_state <- function(self) get("state", envir = self, inherits = FALSE)

#' @rdname self
#' @export
`$.instep_self` <- function(x, name) self_read(self_state(x), name)

#' @rdname self
#' @export
`[[.instep_self` <- function(x, name) self_read(self_state(x), name)

#' @rdname self
#' @export
`$<-.instep_self` <- function(x, name, value) {
  self_write(self_state(x), name, value)
  x
}

#' @rdname self
#' @export
`[[<-.instep_self` <- function(x, name, value) {
  self_write(self_state(x), name, value)
  x
}

#' @rdname self
#' @export
names.instep_self <- function(x) {
  state <- self_state(x)
  note_reading(state, everything)
  sort(unique(names_of(state)), method = "radix")
}

#' @rdname self
#' @export
print.instep_self <- function(x, ...) {
  task <- self_state(x)$task
  cat("<instep self of ", task$flow, "/", task$run_id, "/", task$step, "/", task$task_id, ">\n", sep = "")
  cat("  artifacts: ", paste(names(x), collapse = ", "), "\n", sep = "")
  invisible(x)
}

self_read <- function(state, name) {
  if (exists(name, state$assigned, inherits = FALSE)) {
    return(get(name, state$assigned))
  }
  note_reading(state, name)
  if (exists(name, state$loaded, inherits = FALSE)) {
    return(get(name, state$loaded))
  }
  if (!is.null(state$inputs[[name]])) {
    value <- read_input(state$inputs[[name]], state$fetch, state$task)
    assign(name, value, state$loaded)
    return(value)
  }
  switch(name,
    input = foreach_item(state, length(state$task$foreach)),
    index = foreach_index(state),
    foreach_stack = \() foreach_stack(state),
    no_attribute(state$task$flow, name)
  )
}

# Notes that user code looked at inputs, or looked for them. What is always there is none.
note_reading <- function(state, names) {
  for (name in setdiff(names, own_names)) assign(name, TRUE, state$read)
}

# Stands for all inputs that there are: what only another run has would be seen there.
everything <- "*"

own_names <- c("input", "index", "foreach_stack")

no_attribute <- function(flow, name) {
  abort("AttributeError: flow {.val {flow}} has no attribute {.val {name}}: no step before has set it.", "attribute", artifact = name, call = NULL)
}

# Reads the value of an Input message for a task.
read_input <- function(input, fetch, task) {
  heed <- heed_reading(task)
  value <- decode_value(input_manifest(input, fetch), fetch, name = input$name, heed = heed, error_call = NULL)
  if (input$kind == "INPUT_KIND_CONFIG") config_view(value) else value
}

input_manifest <- function(input, fetch) {
  if (length(input$manifest) > 0L) {
    return(input$manifest)
  }
  found <- fetch(input$artifact$hash, input$artifact$size)
  bytes <- if (is.raw(found)) found else readBin(found, "raw", input$artifact$size)
  if (!identical(digest_of(bytes)$hash, input$artifact$hash)) {
    abort(
      c(
        "Can't read artifact {.field {input$name}}: its stored manifest {.val {input$artifact$hash}} is damaged.",
        i = "{.code instep fsck} tells what that touches and what makes it again."
      ),
      "blob_corrupt",
      digest = input$artifact$hash, call = NULL
    )
  }
  bytes
}

self_write <- function(state, name, value) {
  if (name %in% own_names) {
    abort("AttributeError: {.code self${name}} can't be assigned: the name is reserved.", "attribute", call = NULL)
  }
  kind <- state$inputs[[name]]$kind
  if (!is.null(kind) && kind %in% fixed_kinds) {
    what <- names(fixed_kinds)[fixed_kinds == kind]
    abort(
      c(
        "AttributeError: {what} {.val {name}} can't be modified.",
        i = "Choose another name for the artifact."
      ),
      "attribute",
      artifact = name,
      call = NULL
    )
  }
  if (inherits(value, c("instep_self", "instep_inputs"))) {
    abort(
      c(
        "A flow can't be stored as artifact {.val {name}}.",
        i = "Store the attributes that are needed, such as {.code self${name} <- inputs[[1]]${name}}."
      ),
      "value_encode",
      artifact = name,
      call = NULL
    )
  }
  assign(name, value, state$assigned)
}

# Inputs that steps can't assign to: they are the same in all tasks.
fixed_kinds <- c(
  parameter = "INPUT_KIND_PARAMETER", constant = "INPUT_KIND_CONSTANT", config = "INPUT_KIND_CONFIG"
)

foreach_index <- function(state) {
  levels <- state$task$foreach
  if (length(levels) == 0L) NULL else as_whole(levels[[length(levels)]]$index)
}

# The element of an open level of foreach. NULL where none is open, or where its list was not carried on.
foreach_item <- function(state, level) {
  if (level == 0L) {
    return(NULL)
  }
  key <- paste0(" item ", level) # a space: no artifact has such a name
  if (!exists(key, state$loaded, inherits = FALSE)) {
    frame <- state$task$foreach[[level]]
    if (is.null(state$inputs[[frame$variable]]) && !exists(frame$variable, state$assigned, inherits = FALSE)) {
      return(NULL)
    }
    item <- decode_item(
      input_manifest(frame$items, state$fetch), frame$index, state$fetch,
      name = frame$variable, heed = heed_reading(state$task), error_call = NULL
    )
    assign(key, item, state$loaded)
  }
  get(key, state$loaded)
}

foreach_stack <- function(state) {
  lapply(seq_along(state$task$foreach), \(level) {
    frame <- state$task$foreach[[level]]
    list(as_whole(frame$index), as_whole(frame$count), foreach_item(state, level))
  })
}

# Loaded values that code can change without assigning: they are compared with what was loaded when the step ends.
mutable_loaded <- function(state) {
  loaded <- Filter(\(name) !startsWith(name, " "), ls(state$loaded, all.names = TRUE))
  kinds <- vapply(loaded, \(name) state$inputs[[name]]$kind %||% "", "")
  artifacts <- loaded[!kinds %in% fixed_kinds]
  fresh <- artifacts[!vapply(artifacts, exists, NA, state$assigned, inherits = FALSE)]
  Filter(\(name) is_mutable(get(name, state$loaded)), fresh)
}

is_mutable <- function(value, depth = 8L) {
  if (is.environment(value) || inherits(value, "data.table")) {
    return(TRUE)
  }
  if (typeof(value) != "list" || depth == 0L) {
    return(FALSE)
  }
  for (element in unclass(value)) {
    if (is_mutable(element, depth - 1L)) {
      return(TRUE)
    }
  }
  FALSE
}

`%||%` <- function(x, y) if (is.null(x)) y else x
