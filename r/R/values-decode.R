# Turns a manifest back into the value.
#
# `fetch` is a function of a blob's hash and size that gives the path of a file or a raw vector; NULL when all bytes are
# in the manifest. Objects that only R can open are opened when `allow_opaque` says so and environment variable
# INSTEP_ALLOW_OPAQUE does not forbid it: opening them can run code. Otherwise, and for objects of other languages, the
# result has handles in their place. `heed` is a function of what is lost in reading and of the name; by default it
# warns.
decode_value <- function(manifest, fetch = NULL, allow_opaque = TRUE, name = "value", heed = warn_of_reading,
                         error_call = parent.frame()) {
  force(manifest)
  decoded <- translate_decoding(
    value_decode_(manifest, fetch, allow_opaque && opaque_is_allowed(), the$types),
    name, heed, error_call
  )
  decoded$value
}

# The item of a foreach, counted from 0. Where the format allows, nothing else of the value is read.
decode_item <- function(manifest, index0, fetch = NULL, allow_opaque = TRUE, name = "value",
                        heed = warn_of_reading, error_call = parent.frame()) {
  force(manifest)
  decoded <- translate_decoding(
    value_decode_item_(manifest, index0, fetch, allow_opaque && opaque_is_allowed(), the$types),
    name, heed, error_call
  )
  if (decoded$is_element) decoded$value else take_item(decoded$value, index0 + 1, name, error_call)
}

take_item <- function(x, i, name, error_call) {
  if (is.data.frame(x) || !(is.atomic(x) || is.list(x)) || inherits(x, c("instep_foreign", "instep_pairs"))) {
    cli::cli_abort(
      c("Can't take an item of {.field {name}}.", x = "It is {.obj_type_friendly {x}}."),
      class = c("instep_error_foreach", "instep_error"), variable = name, call = error_call
    )
  }
  if (length(dim(x)) > 1) first_axis_slice(x, i) else x[[i]]
}

# One step along the first dimension: an array with one dimension less.
first_axis_slice <- function(x, i) {
  rest <- dim(x)[-1]
  names <- dimnames(x)[-1]
  slice <- do.call(`[`, c(list(x, i), rep(list(TRUE), length(rest)), list(drop = FALSE)))
  if (length(rest) == 1) {
    dim(slice) <- NULL
    names(slice) <- names[[1]]
  } else {
    dim(slice) <- rest
    dimnames(slice) <- names
  }
  slice
}

opaque_is_allowed <- function() {
  !tolower(Sys.getenv("INSTEP_ALLOW_OPAQUE")) %in% c("false", "0", "no")
}

# Runs a decoding; gives its result or raises `instep_error_value_decode`. Its losses are heeded when it is done.
translate_decoding <- function(decoding, name, heed, error_call) {
  losses <- list()
  decoded <- tryCatch(
    withCallingHandlers(decoding, instep_loss = \(cnd) losses[[length(losses) + 1L]] <<- cnd$loss),
    instep_error = \(cnd) list(raised = cnd), # not raised here, where the handler of `error` would take it
    instep_type_failure = \(cnd) list(error = cnd),
    error = \(cnd) abort_value_decode(list(code = "FAILED"), name, error_call, parent = cnd)
  )
  if (!is.null(decoded$raised)) {
    stop(with_artifact(decoded$raised, name))
  }
  if (!is.null(decoded$error)) abort_value_decode(decoded$error, name, error_call, parent = decoded$error$parent)
  named <- lapply(losses, \(loss) utils::modifyList(loss, list(path = paste0("self$", name, loss$path))))
  heed(distinct_losses(named), name)
  decoded
}

# An error of ours that tells which artifact could not be read.
with_artifact <- function(condition, name) {
  if (is.null(condition$artifact)) {
    condition$artifact <- name
    condition$body <- c(x = condition$message, condition$body)
    condition$message <- cli::format_inline("Can't read artifact {.field {name}}.")
  }
  condition
}

# `error$path` has the steps inside the artifact, when they are known. What broke the rules of the format is a sentence
# of its own; what went on with its place is the rest of one.
abort_value_decode <- function(error, name, error_call, parent = NULL) {
  path <- if (!is.null(error$path)) paste0("self$", name, error$path)
  text <- paste(c(path, error$message), collapse = if (inherits(error, "instep_type_failure")) " " else ": ")
  cli::cli_abort(
    c("Can't read artifact {.field {name}}.", x = if (nzchar(text)) "{text}"),
    class = c("instep_error_value_decode", "instep_error"),
    artifact = name, path = path, code = error$code, digest = if (nzchar(error$digest %||% "")) error$digest,
    parent = parent, call = error_call
  )
}

# What the C++ side leaves to R.

has_package <- function(package) nzchar(system.file(package = package))

# data.table needs a pointer to itself and spare room for columns.
renew_data_table <- function(x) data.table::setalloccol(x)

# Rows of cells as a matrix, when all are there and of one type that a matrix can have; else as they are.
bind_rows_of_cells <- function(rows, width) {
  is_cells <- vapply(rows, \(row) is.atomic(row) && !is.null(row) && !is.object(row), NA)
  if (!all(is_cells) || length(unique(vapply(rows, typeof, ""))) > 1) return(rows)
  matrix(unlist(rows), length(rows), width, byrow = TRUE)
}

# A sparse matrix from its parts. Values that R's classes don't have become double when that is exact.
make_sparse <- function(layout, dims, pointers, indices, values, dimnames) {
  rlang::check_installed("Matrix", "to read a sparse matrix")
  kind <- if (is.null(values)) "n" else if (is.logical(values)) "l" else "d"
  if (kind == "d" && (!is.numeric(values) || is.object(values))) {
    abort("Values of a sparse matrix must be logical or fit a double.", "value_decode", code = "MALFORMED", call = NULL)
  }
  if (!is.integer(pointers) || !is.integer(indices)) {
    abort("Indices of a sparse matrix must be integers.", "value_decode", code = "MALFORMED", call = NULL)
  }
  if (layout != "T" && !identical(pointers[length(pointers)], length(indices))) {
    abort("Pointers of a sparse matrix must cover its indices.", "value_decode", code = "MALFORMED", call = NULL)
  }
  slots <- switch(layout,
    C = list(p = as.integer(pointers), i = as.integer(indices)),
    R = list(p = as.integer(pointers), j = as.integer(indices)),
    T = list(i = as.integer(pointers), j = as.integer(indices))
  )
  if (kind != "n") slots$x <- if (kind == "d") as.double(values) else values
  class <- structure(paste0(kind, "g", layout, "Matrix"), package = "Matrix")
  # The class checks the slots, so that bad indices are an error here and not a crash later.
  do.call(methods::new, c(list(class, Dim = dims, Dimnames = dimnames), slots))
}
