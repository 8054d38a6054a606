#' Mark a value as a scalar
#'
#' R has no scalars: a vector of length one is a vector. Steps in other languages read a bare vector of length one as a
#' scalar, too, but `scalar()` says that it is one, so that it stays one however it is passed on. To have a vector of
#' length one read as a list or an array, wrap it in [base::I()].
#'
#' @param x An atomic vector of length one.
#' @returns `x` with a class that marks it. Reading the artifact in R gives a plain vector.
#' @seealso In Python every `int`, `float`, `str` and so on is a scalar.
#' @examples
#' scalar("one text")
#' @export
scalar <- function(x) {
  if (!is.atomic(x) || length(x) != 1 || !is.null(dim(x))) {
    cli::cli_abort(
      "{.arg x} must be an atomic vector of length one, not {.obj_type_friendly {x}}.",
      class = c("instep_error_argument", "instep_error")
    )
  }
  class(x) <- c("instep_scalar", oldClass(x))
  x
}

#' @export
print.instep_scalar <- function(x, ...) {
  print(unmark_scalar(x), ...)
  invisible(x)
}

unmark_scalar <- function(x) {
  classes <- setdiff(oldClass(x), "instep_scalar")
  oldClass(x) <- if (length(classes) > 0) classes
  x
}

# Numbers of any size and precision, which R has no type for: text with a class.

#' @export
print.instep_bigint <- function(x, ...) {
  print(noquote(unclass(x)), ...)
  invisible(x)
}

#' @export
print.instep_decimal <- print.instep_bigint

#' @export
`[.instep_bigint` <- function(x, i, ...) structure(NextMethod(), class = class(x))

#' @export
`[.instep_decimal` <- `[.instep_bigint`

# A mapping whose keys are not all text: `keys` and `values`, two lists of one length.

#' @export
print.instep_pairs <- function(x, ...) {
  pairs <- unclass(x)
  cat(sprintf("<mapping of %s>\n", plural(length(pairs$keys), "pair")))
  utils::str(pairs, give.head = FALSE, comp.str = "")
  invisible(x)
}
