# An opener as a process: an interpreter of another language that holds one object, and the pipe to it.

# Starts an opener. Answers with an environment; the process ends with end_opener(), or when nobody refers to the
# environment any more, or with this session.
start_opener <- function(language, call) {
  if (language != "python") {
    abort("Can't open an object of {language_name(language)} in a process of its own.", "opener", call = call)
  }
  opened <- new.env(parent = emptyenv())
  opened$owner <- Sys.getpid()
  opened$language <- language
  opened$directory <- tempfile("opener-")
  dir.create(opened$directory)
  ends <- socket_pair_()
  opened$fd <- ends[[1L]]
  opened$pid <- tryCatch(
    spawn_opener(ends[[2L]], opened$directory),
    error = \(condition) {
      fd_close_(ends[[1L]])
      abort_opener(conditionMessage(condition), call)
    },
    finally = fd_close_(ends[[2L]])
  )
  reg.finalizer(opened, end_opener, onexit = TRUE)
  ready <- receive_event(opened, "It did not start.", call)$ready
  list2env(ready[c("interpreter", "runtime", "version")], opened)
}

spawn_opener <- function(fd, directory) {
  command <- c(python_program(), "-P", "-m", "instep._opener", "--fd", fd)
  spawn_(command, c(r_environment(), paste0("TMPDIR=", directory)), fd, FALSE, integer())
}

# Sends a command and waits for the answer. Gives the result; `what` names the command in errors, `given` are live
# objects that it gets as arguments.
opener_request <- function(opened, command, what, call, given = list()) {
  if (is_embedded(opened)) {
    event <- embedded_request(opened, command, given, call)
  } else {
    fd_send_frame_(opened$fd, message_encode("OpenerCommand", command))
    event <- receive_event(opened, "It ended during a call.", call)
  }
  if (!is.null(event$failure)) {
    abort_remote(event$failure, what, call)
  }
  c(event$result, list(kept = event$kept))
}

# An answer that does not come, or is not waited for, ends the process: the pipe would be between two messages.
receive_event <- function(opened, problem, call) {
  is_whole <- FALSE
  on.exit(if (!is_whole) forget_opener(opened))
  message <- fd_next_frame_(opened$fd)
  if (is.null(message)) {
    abort_opener(paste("Process", opened$pid, "is gone.", problem, "What it wrote to stderr says more."), call)
  }
  is_whole <- TRUE
  message_decode("OpenerEvent", message)
}

forget_opener <- function(opened) {
  is_it <- vapply(as.list(the$opened, all.names = TRUE), identical, NA, opened)
  rm(list = names(is_it)[is_it], envir = the$opened)
  end_opener(opened)
}

# Ends the process and deletes its directory, unless that was done already, or is up to the process that forked this one.
end_opener <- function(opened) {
  if (is.null(opened$fd) || opened$owner != Sys.getpid()) {
    return(invisible())
  }
  fd_close_(opened$fd)
  opened$fd <- NULL
  if (!is.null(opened$pid)) spawn_wait_(opened$pid)
  unlink(opened$directory, recursive = TRUE)
}

# A directory for the blobs of one command.
exchange_directory <- function(opened) {
  directory <- tempfile("call-", opened$directory)
  dir.create(directory)
  directory
}

abort_opener <- function(problem, call) {
  abort(
    c(
      "Can't use an object of Python.",
      x = "{problem}",
      i = "It needs Python with the package {.pkg instep}; {.envvar INSTEP_PYTHON} names the interpreter."
    ),
    "opener",
    call = call
  )
}

abort_remote <- function(failure, what, call) {
  language <- language_name(failure$language)
  kind <- sub("^builtins[.]", "", failure$classes[[1L]])
  abort(
    c("{what} failed in {language} with {.cls {kind}}.", x = "{failure$message}"),
    "remote",
    language = failure$language,
    classes = unlist(failure$classes),
    remote_message = failure$message,
    traceback = failure$traceback,
    call = call
  )
}
