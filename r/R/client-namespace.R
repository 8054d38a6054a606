#' Choose which runs are seen
#'
#' A namespace is a tag used as a filter: [runs()], [flow_client()] and its kin see only runs that have the tag, given by
#' people or by Instep. Asking for another one by name is an error of class `instep_error_namespace_mismatch`. Objects
#' that exist already keep the namespace in which they were made.
#'
#' By default the namespace is `user:<name>`, one's own runs; in a task it is that of its run. The environment variable
#' `INSTEP_NAMESPACE` names another default; when it is empty, everything is seen.
#'
#' @param namespace A tag, a string such as `"user:ada"`; `NULL` lifts the filter.
#' @returns `get_namespace()`: the namespace, or `NULL` when everything is seen. `set_namespace()` and
#'   `set_default_namespace()`: the namespace that is in effect from now on, invisibly.
#' @export
#' @examples
#' set_namespace("user:ada")
#' get_namespace()
#' set_default_namespace()
get_namespace <- function() {
  if (!is.null(the$namespace)) {
    return(the$namespace$tag)
  }
  default_namespace()
}

#' @rdname get_namespace
#' @export
set_namespace <- function(namespace) {
  if (!is.null(namespace) && !(is_string(namespace) && nzchar(namespace))) {
    abort(
      "A namespace is a tag, such as {.val user:ada}, or NULL for everything, not {.obj_type_friendly {namespace}}.",
      "tag_invalid"
    )
  }
  the$namespace <- list(tag = namespace)
  invisible(namespace)
}

#' @rdname get_namespace
#' @export
set_default_namespace <- function() {
  the$namespace <- NULL
  invisible(default_namespace())
}

default_namespace <- function() {
  named <- if (is_running_flow()) the$task$namespace else Sys.getenv("INSTEP_NAMESPACE", NA)
  if (is.na(named)) paste0("user:", user_name()) else filled(named)
}

is_in_namespace <- function(x) {
  is.null(x$namespace) ||
    (if (x$kind == "flow") length(list_runs(x, n = 1)) > 0L else x$namespace %in% run_tags(x))
}

check_namespace <- function(client) {
  x <- unclass(client)
  if (!is_in_namespace(x)) {
    kind <- paste0(toupper(substr(x$kind, 1L, 1L)), substring(x$kind, 2L))
    abort(
      c(
        "{kind} {.val {client_path(x)}} is not in the namespace {.val {x$namespace}}.",
        i = "Choose another one with {.fn set_namespace}; {.code set_namespace(NULL)} shows everything."
      ),
      "namespace_mismatch",
      pathspec = client_path(x),
      namespace = x$namespace,
      call = NULL
    )
  }
  client
}
