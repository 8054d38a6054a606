# Runs that are started from code: from the console, a notebook, a function. The session stays what it is: a command line
# of its own (`instep._cli._driven`) has a fresh host load the flow's file. We tell it what to do by command.proto, show
# what it writes until it has ended, and are told what becomes of the run.

# Runs the flow of a file. `store` is where the run is kept. Answers with the run, invisibly.
run_file <- function(file, options, store = flow_store(dirname(file)), call = parent.frame()) {
  language <- file_language(file, call)
  file <- normalizePath(file)
  store <- normalizePath(store, mustWork = FALSE)
  request <- c(
    list(file = file, language = language, program = program_from_here(file, language, store)),
    command_options(options, call)
  )
  ended <- run_apart(request, paste0("INSTEP_HOME=", store), call)
  if (!is.null(ended$error)) {
    abort_refused(ended$error, call)
  }
  if (ended$interrupted && ended$status > 128L) {
    show_said(ended$said)
    return(rlang::interrupt())
  }
  if (is.null(ended$run)) {
    abort_lost(ended, call)
  }
  run <- new_client("run", list(flow = ended$run$flow, run_id = ended$run$run_id), home = store, namespace = NULL)
  if (ended$status != 0L) {
    abort_run(run, ended, call)
  }
  show_said(ended$said)
  invisible(run)
}

# What a command has written to stderr, when it is no part of an error of ours.
show_said <- function(lines) if (length(lines) > 0L) message(paste(lines, collapse = "\n"))

# The command and its options, as CommandRequest has them. Scalars go as text with all of their digits.
command_options <- function(options, call = parent.frame()) {
  check_options(options, call)
  resume <- options$resume
  resumes <- !is.null(resume) && !isFALSE(resume)
  options <- options[names(options) != "resume"]
  values <- Map(\(name, value) option_value(name, value, call), names(options), options)
  is_top <- names(values) %in% top_options
  list(
    command = if (resumes) "resume" else "run",
    program_options = json_object(values[is_top]),
    command_options = json_object(c(values[!is_top], list(step = if (is.character(resume)) resume)))
  )
}

option_value <- function(name, value, call) {
  check_option(name, value, call)
  if (is.logical(value) || is.list(value) || length(value) != 1L) value else format_plain(value)
}

json_object <- function(values) {
  values <- Filter(Negate(is.null), values)
  if (length(values) > 0L) json_text(values) else ""
}

file_language <- function(file, call = parent.frame()) {
  language <- c(r = "r", py = "python")[tolower(tools::file_ext(file))]
  if (is.na(language)) {
    abort("{.file {file}} is no flow file: its name ends in neither {.val .R} nor {.val .py}.", "argument", call = call)
  }
  if (!file.exists(file)) {
    abort("There is no file {.file {file}}.", "argument", call = call)
  }
  language[[1L]]
}

# The store for flows whose file is in a folder, or that were built while it was the working directory.
flow_store <- function(folder = getwd()) {
  named <- Sys.getenv("INSTEP_HOME")
  folder <- normalizePath(folder, mustWork = FALSE)
  if (nzchar(named)) path.expand(named) else nearest_home(folder) %||% file.path(folder, ".instep")
}

# How hints name the commands about a flow. Empty: by the functions of this package, which look into the same store.
program_from_here <- function(file, language, store) {
  if (identical(normalizePath(flow_store(), mustWork = FALSE), store)) {
    return("")
  }
  paste(c(r = "Rscript", python = "python")[[language]], quoted_path(file))
}

# Whether programs that we start can draw on the terminal that shows our own output.
has_terminal <- function() isatty(stdout()) && sink.number() == 0L && .Platform$GUI != "RStudio"

# Runs the command line to its end. Without a terminal, what it shows goes the way of our own output. Answers with its
# exit status, whether it was interrupted, the run and the error that it has told, and the lines that it wrote to stderr.
run_apart <- function(request, environment, call = parent.frame()) {
  pairs <- list(events = socket_pair_(), errors = socket_pair_())
  if (!has_terminal()) pairs$output <- socket_pair_()
  ours <- vapply(pairs, \(pair) pair[[1L]], 0L)
  theirs <- vapply(pairs, \(pair) pair[[2L]], 0L)
  on.exit(for (fd in ours) fd_close_(fd))
  pid <- tryCatch(
    spawn_python(
      "instep._cli._driven", c("--fd", theirs[["events"]]),
      keep = theirs[["events"]],
      environment = environment,
      streams = c(if (is.null(pairs$output)) 1L else theirs[["output"]], theirs[["errors"]]),
      call = call
    ),
    finally = for (fd in theirs) fd_close_(fd)
  )
  fd_send_frame_(ours[["events"]], message_encode("CommandRequest", request))
  suspendInterrupts(attend_command(pid, ours))
}

# Waits for the end of a command, shows what it writes, and takes notice of what it tells. An interrupt is passed on, and
# the wait goes on: the command cancels its run first.
attend_command <- function(pid, streams) {
  seen <- list(interrupted = FALSE)
  show <- line_relay()
  said <- raw()
  # Takes what a stream has. FALSE: it has ended.
  take <- function(stream) {
    if (stream == "events") {
      event <- fd_next_frame_(streams[["events"]])
      if (!is.null(event)) seen <<- noted_event(seen, message_decode("CommandEvent", event))
      return(!is.null(event))
    }
    bytes <- fd_read_some_(streams[[stream]])
    if (stream == "output") show(bytes) else said <<- utils::tail(c(said, bytes), 65536L)
    length(bytes) > 0L
  }
  open <- names(streams)
  look <- function(wait_ms) {
    ready <- open[allowInterrupts(fd_wait_(unname(streams[open]), wait_ms))]
    for (stream in ready) if (!take(stream)) open <<- setdiff(open, stream)
    length(ready) > 0L
  }
  repeat {
    tryCatch(look(100L), interrupt = \(condition) {
      seen$interrupted <<- TRUE
      spawn_interrupt_(pid)
    })
    status <- spawn_poll_(pid)
    if (!is.na(status)) break
  }
  while (length(open) > 0L && look(0L)) NULL
  show(raw())
  c(list(status = status, said = text_lines(said)), seen)
}

# What is kept of an event: the run, as it was last told, and the error.
noted_event <- function(seen, event) {
  run <- event$ended %||% event$started$run
  if (!is.null(run)) seen$run <- run
  if (!is.null(event$error)) seen$error <- event$error
  seen
}

text_lines <- function(bytes) {
  text <- utf8_text(list(bytes))
  if (nzchar(text)) strsplit(text, "\n", fixed = TRUE)[[1L]] else character()
}

# A function that writes the bytes it is given to stdout, as whole lines; without bytes, what is left.
line_relay <- function() {
  held <- raw()
  function(bytes) {
    held <<- c(held, bytes)
    end <- if (length(bytes) == 0L) length(held) else max(which(held == as.raw(10L)), 0L)
    if (end > 0L) {
      text <- rawToChar(held[seq_len(end)])
      Encoding(text) <- "UTF-8"
      cat(text)
      utils::flush.console()
      held <<- held[-seq_len(end)]
    }
  }
}

# The error for a run that has not started: of the class that it has in Python, in R's spelling.
abort_refused <- function(error, call) {
  name <- tolower(gsub("(?<=[a-z])(?=[A-Z])", "_", sub("Error$", "", error$type), perl = TRUE))
  abort_plain(error$message, if (name == "usage") "argument" else name, call)
}

# The command has ended without a word about a run: it has written that the graph can't run, or it is broken.
abort_lost <- function(ended, call) {
  report <- failure_report(ended$said)
  if (!is.null(report)) {
    abort_plain(report, "graph_invalid", call)
  }
  if (!is.null(trouble <- python_trouble(python_program()))) {
    abort_python(python_program(), "{trouble}", call)
  }
  abort_plain(c(paste0("The command line ended with status ", ended$status, "."), ended$said), "server", call)
}

# The error for a run that has not succeeded. What failed in the step is its parent, with the step's own classes.
abort_run <- function(run, ended, call) {
  record <- ended$run
  failure <- record$failure
  text <- if (nzchar(failure$traceback %||% "")) failure$traceback else failure$message
  abort_plain(
    failure_report(ended$said) %||% sprintf("Run %s %s.", run$pathspec, state_name(record$state)), "run_failed", call,
    parent = if (!is.null(failure)) {
      rlang::error_cnd(class = setdiff(failure$classes, c("error", "condition")), message = trimws(text, "right"))
    },
    run = run, run_id = record$run_id, step = filled(record$failed_step), task = filled(record$failed_task_id),
    exception = task_exception(failure)
  )
}

# What the command line has written about a failed run, or a graph: from the line on that it calls an error. The
# traceback before it is that of the error's parent. NULL: it has not come to that.
failure_report <- function(lines) {
  at <- utils::tail(grep("^Error: ", lines), 1L)
  if (length(at) == 1L) sub("^Error: ", "", utils::tail(lines, length(lines) - at + 1L))
}

# Raises an error in words that are not ours to interpolate or wrap. They say all, so the backtrace is not offered.
abort_plain <- function(lines, what, call, ...) {
  old <- options(rlang_backtrace_on_error = "none")
  on.exit(options(old))
  rlang::abort(
    paste(lines, collapse = "\n"),
    class = c(paste0("instep_error_", what), "instep_error"), call = call, trace = rlang::trace_back(bottom = call), ...
  )
}
