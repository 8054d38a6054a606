# Objects of another language, opened: functions are called on them in a process of that language (see opener.proto).

#' Call functions on an object of another language
#'
#' A value that only Python can open, such as a scikit-learn model, is a handle in R. `handle_call()` calls a method of
#' it, or a function on it, in a Python process of its own, and gives the result as an artifact would be read. Data
#' frames and other values pass as they do between steps; no reticulate is involved.
#'
#' The first call starts the process and tells which interpreter it is. The process holds the object until
#' `close(handle)`, the end of `with_foreign()`, or the end of this session. What functions print goes where this
#' process prints to.
#'
#' Opening an object can run code. It is refused for objects that were read with environment variable
#' `INSTEP_ALLOW_OPAQUE` set to `false`, or while it is.
#'
#' Details of values that do not pass exactly are warnings; in a task, what its step's `on_loss` says holds for them.
#'
#' @param handle,con A handle, as reading an artifact of Python gives it, or what [as_python] makes of it.
#' @param fun A string: the name of a method or attribute of the object, such as `"predict"`; or, with a dot, of a
#'   function of a module that gets the object as its first argument, such as `"sklearn.base.clone"`.
#' @param ... What the function gets beside the object, by position or by name: any values that can be artifacts,
#'   handles among them. For `close()`: not used.
#' @param code Code that calls functions on the handle.
#' @returns `handle_call()` gives the result; what only Python can open is a handle again. An error in Python is an error
#'   of class `instep_error_remote` with fields `language`, `classes`, `remote_message` and `traceback`.
#'   `with_foreign()` gives the value of `code`, and `close()` gives `NULL`, invisibly.
#' @seealso [as_python], for a handle's object as one of this session. In Python: `handle.call("predict", newdata=frame)`.
#' @examples
#' \dontrun{
#' model <- flow_client("Train")$latest_run$data$model
#' with_foreign(model, handle_call(model, "predict", new_data))
#' }
#' @export
handle_call <- function(handle, fun, ...) {
  check_handle(handle)
  check_string(fun)
  call_opened(open_handle(handle), fun, list(...), paste0(fun, "()"))
}

#' @rdname handle_call
#' @export
with_foreign <- function(handle, code) {
  check_handle(handle)
  on.exit(close(handle))
  force(code)
}

#' @rdname handle_call
#' @export
close.instep_foreign <- function(con, ...) {
  key <- handle_key(con)
  opened <- the$opened[[key]]
  if (!is.null(opened)) {
    rm(list = key, envir = the$opened)
    end_opener(opened)
  }
  invisible()
}

check_handle <- function(x, call = parent.frame()) {
  if (!inherits(x, c("instep_foreign", "instep_python"))) {
    abort(
      "{.arg handle} must be a handle of an object of another language, not {.obj_type_friendly {x}}.",
      "argument",
      call = call
    )
  }
}

handle_key <- function(handle) blake3_(unclass(handle)$manifest)

# What holds a handle's object: this session's Python, or a process, which is started unless it runs.
open_handle <- function(handle, call = parent.frame()) {
  if (inherits(handle, "instep_python")) {
    return(opened_of(handle))
  }
  key <- handle_key(handle)
  check_trust(handle, call)
  opened <- the$opened[[key]]
  if (is.null(opened) || opened$owner != Sys.getpid()) {
    opened <- start_opener(unclass(handle)$language, call)
    assign(key, opened, envir = the$opened)
    withCallingHandlers(send_object(opened, handle, call), error = \(condition) close(handle))
    announce_opener(opened, handle, paste("process", opened$pid))
  }
  opened
}

check_trust <- function(handle, call) {
  facts <- unclass(handle)
  if (!opaque_is_allowed() || isFALSE(the$handles[[handle_key(handle)]]$trusted)) {
    abort(
      c(
        "Can't open an object of class {.cls {facts$classes[1]}}: opening it, which can run code, is not allowed here.",
        i = "Set {.envvar INSTEP_ALLOW_OPAQUE} to true and read it again if you trust the store."
      ),
      "opaque_foreign",
      call = call
    )
  }
}

send_object <- function(opened, handle, call) {
  directory <- exchange_directory(opened)
  on.exit(unlink(directory, recursive = TRUE))
  command <- list(open = list(manifest = put_value(handle, directory), object_directory = directory))
  opener_request(opened, command, "Opening it", call)
}

# Calls a function on the object that an opener holds; `what` names it in errors.
call_opened <- function(opened, fun, arguments, what, call = parent.frame()) {
  directory <- exchange_directory(opened)
  on.exit(unlink(directory, recursive = TRUE))
  live <- vapply(arguments, \(value) is_embedded(opened) && inherits(value, "instep_python"), NA)
  heed <- \(losses, name) heed_call_losses(losses, name, what, call)
  messages <- Map(
    \(name, value, is_live) list(name = name, manifest = if (!is_live) put_value(value, directory, name, heed, call)),
    names(arguments) %||% rep("", length(arguments)), arguments, live
  )
  command <- list(`function` = fun, arguments = unname(messages), object_directory = directory)
  result <- opener_request(opened, list(call = command), what, call, given = arguments[live])
  heed_reported_losses(result$losses, what, call)
  if (is.null(result$kept)) {
    decode_value(result$manifest, directory_reader(directory), name = "result", heed = heed, error_call = call)
  } else {
    new_python(result$kept, opened)
  }
}

announce_opener <- function(opened, handle, where) {
  kind <- unclass(handle)$classes[1]
  cli::cli_inform(
    "{language_name(opened$language)} {opened$runtime} ({opened$interpreter}, package instep {opened$version}) opens an
     object of class {.cls {kind}} in {where}.",
    class = "instep_message_opened"
  )
}

# Encodes a value and puts its blobs where the other process finds them. Answers with the manifest.
put_value <- function(value, directory, name = "", heed = \(losses, name) NULL, error_call = parent.frame()) {
  name <- if (nzchar(name)) name else "argument"
  encoded <- encode_value(value, name, "ignore", error_call = error_call)
  heed(encoded$losses, name)
  for (blob in encoded$blobs) {
    if (is.null(blob$data)) blob$data <- handle_bytes(blob, handles_in(value))
    object_put(directory, blob)
  }
  encoded$manifest
}

handles_in <- function(x) {
  if (inherits(x, "instep_foreign")) list(x) else if (is.list(x)) unlist(lapply(unclass(x), handles_in), FALSE)
}

# Bytes of a blob that belongs to one of some handles.
handle_bytes <- function(blob, handles) {
  for (handle in handles) {
    fetch <- the$handles[[handle_key(handle)]]$fetch
    found <- if (is.function(fetch)) tryCatch(fetch(blob$hash, blob$size), error = \(condition) NULL)
    if (is.raw(found)) return(found)
    if (is_string(found) && file.exists(found)) return(readBin(found, "raw", blob$size))
  }
  abort(
    c(
      "Can't read the bytes of a handle.",
      x = "The store that it came from is not known to this process, or has it no more.",
      i = "Read the artifact again."
    ),
    "blob_missing",
    call = NULL
  )
}
