# What a config looks like: in a step a list that can't be changed, and where it is declared the declaration, which is
# read as that list is.

# The view of a value: named lists in it, at any depth, can't be changed.
config_view <- function(value) {
  if (!is.list(value) || is.object(value)) {
    return(value)
  }
  value <- lapply(value, config_view)
  if (is.null(names(value))) value else structure(value, class = "instep_config")
}

# Undoes config_view().
config_plain <- function(value) {
  if (inherits(value, "instep_config")) value <- unclass(value)
  if (is.list(value) && !is.object(value)) lapply(value, config_plain) else value
}

#' @export
as.list.instep_config <- function(x, ...) config_plain(x)

#' @export
`$.instep_config` <- function(x, name) x[[name]]

#' @export
`[[.instep_config` <- function(x, i, ...) {
  if (is_string(i) && !i %in% names(x)) {
    abort(
      c("The config has no {.val {i}} here.", i = "Its keys are {.val {names(x)}}."),
      "config_key",
      call = NULL
    )
  }
  unclass(x)[[i]]
}

refuse_config_change <- function(x, ..., value) {
  abort(
    c("TypeError: a config can't be changed.", i = "{.fn as.list} gives a copy that can."),
    "config_change",
    call = NULL
  )
}

#' @export
`$<-.instep_config` <- refuse_config_change
#' @export
`[[<-.instep_config` <- refuse_config_change
#' @export
`[<-.instep_config` <- refuse_config_change
#' @export
`names<-.instep_config` <- refuse_config_change

#' @export
print.instep_config <- function(x, ...) {
  cat("<instep config>\n")
  utils::str(config_plain(x), give.head = FALSE, no.list = TRUE)
  invisible(x)
}

# A declaration is read as its value is.
declared_view <- function(x) config_view(unclass(x)$value)

#' @export
as.list.instep_config_declaration <- function(x, ...) as.list(unclass(x)$value)

#' @export
`$.instep_config_declaration` <- function(x, name) declared_view(x)[[name]]

#' @export
`[[.instep_config_declaration` <- function(x, i, ...) declared_view(x)[[i]]

#' @export
names.instep_config_declaration <- function(x) names(unclass(x)$value)

#' @export
length.instep_config_declaration <- function(x) length(unclass(x)$value)

#' @export
as.character.instep_config_declaration <- function(x, ...) as.character(unclass(x)$value)

#' @export
`$<-.instep_config_declaration` <- refuse_config_change
#' @export
`[[<-.instep_config_declaration` <- refuse_config_change
#' @export
`[<-.instep_config_declaration` <- refuse_config_change
#' @export
`names<-.instep_config_declaration` <- refuse_config_change

#' @export
print.instep_config_declaration <- function(x, ...) {
  cat("<instep config ", unclass(x)$name, ">\n", sep = "")
  utils::str(unclass(x)$value, give.head = FALSE, no.list = TRUE)
  invisible(x)
}
