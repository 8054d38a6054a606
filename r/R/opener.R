# An opener: a session that holds one object for a process of another language, and calls functions on it. What passes
# between the two is in opener.proto.

# The main program of an opener: `Rscript -e 'instep:::opener_main()'`.
opener_main <- function() {
  fd <- as.integer(Sys.getenv("INSTEP_OPENER_FD"))
  Sys.unsetenv("INSTEP_OPENER_FD")
  options(warn = 1) # else warnings wait for the end of the session
  serve_opener(fd)
  process_end()
}

# Serves the client until it closes the pipe.
serve_opener <- function(fd) {
  opener <- new.env(parent = emptyenv())
  event <- opener_ready()
  while (fd_send_frame_(fd, message_encode("OpenerEvent", event))) {
    message <- fd_next_frame_(fd)
    if (is.null(message)) break
    fd_die_with_(fd, TRUE)
    event <- answer_command(opener, message_decode("OpenerCommand", message))
    fd_die_with_(fd, FALSE)
  }
}

opener_ready <- function() {
  list(ready = list(
    language = "r",
    runtime = r_version(),
    interpreter = file.path(R.home("bin"), "Rscript"),
    version = as.character(getNamespaceVersion("instep"))
  ))
}

# Carries out a command. Answers with the event.
answer_command <- function(opener, command) {
  tryCatch(
    if (is.null(command$open)) answer_call(opener, command$call) else answer_open(opener, command$open),
    error = \(condition) list(failure = call_failure(condition, list()))
  )
}

answer_open <- function(opener, command) {
  opener$object <- decode_value(command$manifest, directory_reader(command$object_directory), name = "object")
  opener$packages <- packages_needed(command$manifest)
  list(result = list(manifest = raw()))
}

# Packages that an opaque value names, as far as they are installed.
packages_needed <- function(manifest) {
  needs <- message_decode("Manifest", manifest)$nodes[[1L]]$opaque$requires
  Filter(has_package, names(key_values_decode(needs)))
}

answer_call <- function(opener, command) {
  name <- command[["function"]]
  fun <- find_function(name, opener$packages)
  fetch <- directory_reader(command$object_directory)
  losses <- list()
  note <- \(found, name) losses <<- c(losses, call_losses(found, name))
  values <- lapply(command$arguments, \(argument) {
    name <- if (nzchar(argument$name)) argument$name else "argument"
    decode_value(argument$manifest, fetch, name = name, heed = note)
  })
  names(values) <- vapply(command$arguments, \(argument) argument$name, "")
  called <- call_object(fun, sub("^.*::", "", name), opener$object, values)
  if (inherits(called$condition, "interrupt")) {
    process_end()
  }
  if (!is.null(called$condition)) {
    return(list(failure = call_failure(called$condition, called$frames)))
  }
  manifest <- encode_result(called$value, command$object_directory, note)
  list(result = list(manifest = manifest, losses = losses))
}

# Finds a function as a user of the object's packages would: on the search path, or among their exports.
find_function <- function(name, packages) {
  parts <- strsplit(name, "::", fixed = TRUE)[[1L]]
  if (length(parts) == 2L) {
    return(getExportedValue(parts[[1L]], parts[[2L]]))
  }
  found <- get0(name, globalenv(), mode = "function")
  homes <- Filter(\(package) name %in% getNamespaceExports(package), packages)
  found <- found %||% if (length(homes) > 0L) getExportedValue(homes[[1L]], name)
  if (!is.function(found)) {
    abort(
      c(
        "Can't find function {.fn {name}}.",
        i = "A function of a package that is not attached is named {.code package::function}."
      ),
      "function",
      call = NULL
    )
  }
  found
}

# Calls a function on the object. The call has symbols in place of values, so that it reads well in messages.
call_object <- function(fun, label, object, values) {
  named <- nzchar(names(values))
  symbols <- names(values)
  symbols[!named] <- paste0("argument", seq_along(values))[!named]
  symbols <- make.unique(c("object", symbols))
  frame <- list2env(stats::setNames(c(list(object), values), symbols), parent = globalenv())
  assign(label, fun, frame)
  call <- as.call(c(list(as.name(label)), stats::setNames(lapply(symbols, as.name), c("", names(values)))))
  call_recorded(call, frame)
}

# The manifest of a result, whose blobs go to `directory`. All bytes of one that only R can open are in the manifest:
# the client holds a handle then, which must outlive the directory.
encode_result <- function(value, directory, note) {
  encoded <- encode_value(value, "result", "ignore", error_call = NULL)
  note(encoded$losses, "result")
  if (!encoded$portable) {
    return(encode_value(value, "result", "ignore", inline = TRUE, error_call = NULL)$manifest)
  }
  for (blob in encoded$blobs) object_put(directory, blob)
  encoded$manifest
}

# The Failure message of a call. The traceback shows every call: all of them were asked for.
call_failure <- function(condition, frames) {
  frames <- lapply(frames, utils::modifyList, list(user_code = TRUE))
  failure <- condition_failure(condition, frames)
  call <- conditionCall(condition)
  failure$details <- if (!is.null(call)) key_values(list(call = call_text(call)))
  failure
}

directory_reader <- function(directory) {
  \(hash, size) object_path(directory, hash)
}
