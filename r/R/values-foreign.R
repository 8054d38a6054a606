# Handles: values that were not opened, because another language made them or because their store is not trusted.
#
# A handle carries the value as a manifest of its own, so that it can be stored again unchanged. How its blobs are
# fetched, and whether it may be opened, is no part of the handle, which is a plain value: this process remembers it.
new_foreign <- function(manifest, language, codec, runtime, classes, preview, producer, reason, fetch, trusted) {
  assign(blake3_(manifest), list(fetch = fetch, trusted = trusted), envir = the$handles)
  structure(
    list(
      manifest = manifest, language = language, codec = codec, runtime = runtime, classes = classes,
      preview = preview, producer = producer, reason = reason
    ),
    class = "instep_foreign"
  )
}

#' @export
print.instep_foreign <- function(x, ...) {
  facts <- unclass(x)
  cat(sprintf("<%s object, not opened in R>\n", language_name(facts$language)))
  cat("class:    ", paste(facts$classes, collapse = ", "), "\n", sep = "")
  cat("producer: ", facts$producer, "\n", sep = "")
  if (nzchar(facts$preview)) cat(facts$preview, "\n", sep = "")
  invisible(x)
}

#' @export
format.instep_foreign <- function(x, ...) {
  facts <- unclass(x)
  sprintf("<%s %s>", language_name(facts$language), facts$classes[1])
}

#' @importFrom utils str
#' @export
str.instep_foreign <- function(object, ...) cat(" ", format(object), "\n", sep = "")

#' @export
`$.instep_foreign` <- function(x, name) {
  if (name == "as_python") {
    return(\() as_python(x, sys.call()))
  }
  abort_foreign(x, parent.frame(), "Can't read {.code ${name}} of an object of {language}.")
}

#' @export
`[[.instep_foreign` <- function(x, i, ...) {
  abort_foreign(x, parent.frame(), "Can't take an element of an object of {language}.")
}

#' @export
`[.instep_foreign` <- function(x, i, ...) {
  abort_foreign(x, parent.frame(), "Can't take elements of an object of {language}.")
}

#' @export
`$<-.instep_foreign` <- function(x, name, value) {
  abort_foreign(x, parent.frame(), "Can't set {.code ${name}} of an object of {language}.")
}

#' @export
`[[<-.instep_foreign` <- function(x, i, ..., value) {
  abort_foreign(x, parent.frame(), "Can't set an element of an object of {language}.")
}

#' @export
`[<-.instep_foreign` <- function(x, i, ..., value) {
  abort_foreign(x, parent.frame(), "Can't set elements of an object of {language}.")
}

#' @export
Ops.instep_foreign <- function(e1, e2) {
  operator <- .Generic
  abort_foreign(
    if (inherits(e1, "instep_foreign")) e1 else e2, parent.frame(),
    "Can't apply {.code {operator}} to an object of {language}."
  )
}

#' @export
Math.instep_foreign <- function(x, ...) {
  fun <- .Generic
  abort_foreign(x, parent.frame(), "Can't take {.fn {fun}} of an object of {language}.")
}

#' @export
Summary.instep_foreign <- function(..., na.rm = FALSE) {
  fun <- .Generic
  abort_foreign(..1, parent.frame(), "Can't take {.fn {fun}} of an object of {language}.")
}

#' @export
as.double.instep_foreign <- function(x, ...) {
  abort_foreign(x, parent.frame(), "Can't turn an object of {language} into numbers.")
}

#' @export
as.character.instep_foreign <- function(x, ...) {
  abort_foreign(x, parent.frame(), "Can't turn an object of {language} into text.")
}

#' @export
as.data.frame.instep_foreign <- function(x, row.names = NULL, optional = FALSE, ...) {
  abort_foreign(x, parent.frame(), "Can't turn an object of {language} into a data frame.")
}

#' @export
length.instep_foreign <- function(x) 1L

#' @export
names.instep_foreign <- function(x) NULL

#' @importFrom utils .DollarNames
#' @export
.DollarNames.instep_foreign <- function(x, pattern = "") grep(pattern, "as_python()", value = TRUE)

# What was tried is interpolated in the caller's frame, with `language`.
abort_foreign <- function(x, error_call, tried, envir = parent.frame()) {
  facts <- unclass(x)
  language <- language_name(facts$language)
  headline <- cli::format_inline(tried, .envir = list2env(list(language = language), parent = envir))
  way <- switch(facts$reason,
    trust = "Reading such objects can run code. Set {.envvar INSTEP_ALLOW_OPAQUE} to true if you trust the store.",
    codec = "Its encoding {.val {facts$codec}} is not known to this version of Instep.",
    c(
      "Call functions on it with {.code handle_call(handle, \"name\", ...)}, or use it in this session with
       {.code handle$as_python()}.",
      "It can be stored and passed on unchanged to a {language} step."
    )
  )
  cli::cli_abort(
    c("{headline}",
      x = "It is of class {.cls {facts$classes[1]}}, made in {language} {facts$runtime} by {facts$producer}.",
      stats::setNames(way, rep("i", length(way)))),
    class = c("instep_error_opaque_foreign", "instep_error"), call = error_call
  )
}
