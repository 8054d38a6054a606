# JSON in and out. Objects are named lists. Arrays of one kind of scalar are vectors, others are lists.

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
  plain <- is.null(names(value)) && length(kinds) == 1L && kinds %in% c("logical", "integer", "double", "character")
  if (!plain || any(lengths(elements) != 1L)) {
    return(elements)
  }
  # In Python one element is an array, too: I() tells it from a scalar.
  if (length(elements) == 1L) I(elements[[1L]]) else unlist(elements)
}
