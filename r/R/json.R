# JSON in and out. Objects are named lists. Arrays of one kind of scalar are vectors, others are lists.

json_scalars <- c("logical", "integer", "double", "character")

# The text of a value that is made of lists and plain vectors; vectors of length one are scalars, unless I() says no.
json_text <- function(value) {
  enc2utf8(as.character(jsonlite::toJSON(value, auto_unbox = TRUE, null = "null", digits = NA)))
}

# The value of a text. An error of jsonlite's when it is no JSON.
json_value <- function(text) simplify_json(jsonlite::parse_json(text))

simplify_json <- function(value) {
  if (!is.list(value)) {
    return(value)
  }
  elements <- lapply(value, simplify_json)
  kinds <- unique(vapply(elements, typeof, ""))
  plain <- is.null(names(value)) && length(kinds) == 1L && kinds %in% json_scalars
  if (!plain || any(lengths(elements) != 1L)) {
    return(elements)
  }
  # In Python one element is an array, too: I() tells it from a scalar.
  if (length(elements) == 1L) I(elements[[1L]]) else unlist(elements)
}

# A value as the same JSON on the command line would be stored: objects are named lists; arrays of one kind of scalar
# are vectors, which Python reads as lists; other arrays are lists; null is NULL. What JSON does not have is what `other`
# makes of it.
plain_json <- function(value, other) {
  if (is.null(value)) {
    return(NULL)
  }
  names <- names(value)
  if (!is_json(value) || (!is.null(names) && (anyNA(names) || !all(nzchar(names)) || anyDuplicated(names)))) {
    return(other(value))
  }
  if (!is.null(names)) {
    return(lapply(as.list(value), plain_json, other))
  }
  if (is.list(value) || inherits(value, "AsIs") || length(value) != 1L) {
    return(json_array(lapply(as.list(unclass(value)), plain_json, other)))
  }
  if (!is.na(value)) value
}

is_json <- function(value) {
  plain <- is.list(value) || is.logical(value) || is.numeric(value) || is.character(value)
  plain && is.null(dim(value)) && (!is.object(value) || identical(class(value), "AsIs"))
}

# A vector when all elements are scalars of one type or missing, else the list.
json_array <- function(elements) {
  present <- Filter(Negate(is.null), elements)
  kinds <- unique(vapply(present, typeof, ""))
  is_scalar <- vapply(present, \(element) length(element) == 1L && !is.object(element), NA)
  if (length(kinds) != 1L || !kinds %in% json_scalars || !all(is_scalar)) {
    return(elements)
  }
  as_array(unlist(lapply(elements, \(element) if (is.null(element)) NA else element)))
}

# Marks a vector that Python reads as a list, whatever its length; see values_atomic.cpp.
as_array <- function(vector) structure(vector, class = "instep_list")
