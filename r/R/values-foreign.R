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
`$.instep_foreign` <- function(x, name) abort_foreign(x, parent.frame())

#' @export
`[[.instep_foreign` <- function(x, i, ...) abort_foreign(x, parent.frame())

#' @export
`[.instep_foreign` <- function(x, i, ...) abort_foreign(x, parent.frame())

#' @export
`$<-.instep_foreign` <- function(x, name, value) abort_foreign(x, parent.frame())

#' @export
`[[<-.instep_foreign` <- function(x, i, ..., value) abort_foreign(x, parent.frame())

#' @export
`[<-.instep_foreign` <- function(x, i, ..., value) abort_foreign(x, parent.frame())

#' @export
length.instep_foreign <- function(x) 1L

abort_foreign <- function(x, error_call) {
  facts <- unclass(x)
  language <- language_name(facts$language)
  way <- switch(facts$reason,
    trust = "Reading such objects can run code. Set {.envvar INSTEP_ALLOW_OPAQUE} to true if you trust the store.",
    codec = "Its encoding {.val {facts$codec}} is not known to this version of Instep.",
    "It can be stored and passed on unchanged. Call functions on it with {.fn handle_call}, or read it in a {language}
     step."
  )
  cli::cli_abort(
    c("Can't look into an object of class {.cls {facts$classes[1]}}.",
      x = "It was made in {language} {facts$runtime} by {facts$producer}.",
      i = way),
    class = c("instep_error_opaque_foreign", "instep_error"), call = error_call
  )
}
