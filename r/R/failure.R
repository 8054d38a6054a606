# What is told about a failed step: the message Failure, and the text in the log.

max_message_bytes <- 16 * 1024
max_traceback_bytes <- 64 * 1024
max_frames <- 100L
max_causes <- 16L

# Failures after which another attempt may fare better.
retried_kinds <- paste0("FAILURE_KIND_", c("USER_ERROR", "ATTEMPT_TIMEOUT", "OUT_OF_MEMORY"))

# Calls a step's function with arguments and answers with NULL, or with what went wrong, as call_recorded() does.
call_step <- function(fun, label, arguments, on_interrupt = \(condition) NULL) {
  frame <- list2env(arguments, parent = globalenv())
  assign(label, fun, frame)
  called <- call_recorded(as.call(c(list(as.name(label)), lapply(names(arguments), as.name))), frame, on_interrupt)
  if (!is.null(called$condition)) called
}

# Evaluates a call and answers with list(value), or with what went wrong: list(condition, frames). An interrupt is a
# condition of class `interrupt`, unless `on_interrupt`, which is called where it happened, makes an error of it.
call_recorded <- function(call, frame, on_interrupt = \(condition) NULL) {
  base_frame <- sys.nframe()
  frames <- list()
  tryCatch(
    withCallingHandlers(
      withCallingHandlers(list(value = eval(call, frame)), interrupt = on_interrupt),
      error = \(condition) frames <<- stack_frames(base_frame)
    ),
    error = \(condition) list(condition = condition, frames = frames),
    interrupt = \(condition) list(condition = condition, frames = list())
  )
}

# The calls on the stack above `base_frame`, outermost first, as Frame messages. Called from a handler: what R and
# rlang put there to raise the condition is left out.
stack_frames <- function(base_frame) {
  calls <- sys.calls()
  frames <- seq_along(calls)
  functions <- lapply(frames, sys.function)
  modules <- vapply(functions, function_module, "")
  raising <- c("base", "rlang", "cli")
  last <- sys.nframe() - 2L
  while (last > base_frame && modules[[last]] %in% c(raising, "instep")) {
    last <- last - 1L
  }
  inner <- frames[frames > base_frame & frames <= last]
  shown <- drop_middle(skip_calling(inner, calls))
  lapply(shown, \(i) call_frame(calls, modules, i))
}

# The step's function comes after the two frames of the eval() in call_recorded().
skip_calling <- function(frames, calls) {
  is_entry <- vapply(frames, \(i) identical(calls[[i]], quote(eval(call, frame))), NA)
  entry <- which(is_entry)[1:2]
  if (anyNA(entry)) list() else frames[seq_along(frames) > entry[[2L]]]
}

drop_middle <- function(frames) {
  if (length(frames) <= max_frames) {
    return(frames)
  }
  c(utils::head(frames, max_frames / 2L), utils::tail(frames, max_frames / 2L))
}

# Name of the package that a function belongs to. Empty for the user's own.
function_module <- function(fun) {
  environment <- environment(fun)
  if (is.null(environment)) {
    return("base")
  }
  top <- topenv(environment)
  if (isNamespace(top)) getNamespaceName(top)[[1L]] else ""
}

# The place of a frame is that of the call which it is making.
call_frame <- function(calls, modules, i) {
  srcref <- if (i < length(calls)) attr(calls[[i + 1L]], "srcref")
  place <- srcref_location(srcref)
  list(
    `function` = call_text(calls[[i]]),
    file = place$file,
    line = place$line,
    module = modules[[i]],
    source_line = if (!is.null(place)) source_line(srcref),
    user_code = !nzchar(modules[[i]])
  )
}

call_text <- function(call) {
  cut_line(trimws(deparse(call, width.cutoff = 60L, nlines = 1L)[[1L]]), 100L)
}

cut_line <- function(text, limit) {
  if (nchar(text) > limit) paste0(substr(text, 1L, limit - 3L), "...") else text
}

source_line <- function(srcref) {
  lines <- tryCatch(
    getSrcLines(attr(srcref, "srcfile"), srcref[[1L]], srcref[[1L]]),
    error = \(e) character(),
    warning = \(w) character()
  )
  if (length(lines) == 1L) cut_line(trimws(lines), 200L) else ""
}

# The Failure message of a condition.
condition_failure <- function(condition, frames = list(), kind = "FAILURE_KIND_USER_ERROR", depth = 1L) {
  message <- condition_text(condition, inherit = FALSE)
  traceback <- traceback_text(condition, frames)
  parent <- condition$parent
  list(
    kind = kind,
    retry_advice = if (!kind %in% retried_kinds) "RETRY_ADVICE_NEVER",
    language = "r",
    classes = class(condition),
    message = clip(message, max_message_bytes),
    frames = frames,
    traceback = clip(traceback, max_traceback_bytes),
    cause = if (inherits(parent, "condition") && depth < max_causes) {
      condition_failure(parent, kind = kind, depth = depth + 1L)
    },
    details = key_values(c(
      artifact = if (is_string(condition$artifact)) condition$artifact,
      digest = if (is_string(condition$digest)) condition$digest,
      call = if (!is.null(conditionCall(condition))) call_text(conditionCall(condition))
    )),
    truncated = nchar(message, "bytes") > max_message_bytes || nchar(traceback, "bytes") > max_traceback_bytes
  )
}

# A failure without a condition of the user's.
plain_failure <- function(kind, message) {
  condition_failure(errorCondition(message, class = "instep_error"), kind = kind)
}

# With `inherit`, the messages of what caused it are there, too.
condition_text <- function(condition, inherit = TRUE) {
  if (inherits(condition, "rlang_error")) {
    # Where lines end is for those to choose who show the text, and its first line must be a whole sentence.
    old <- options(cli.width = 10000L)
    on.exit(options(old))
    return(cli_plain(rlang::cnd_message(condition, inherit = inherit)))
  }
  text <- tryCatch(conditionMessage(condition), error = \(e) "")
  enc2utf8(paste(as.character(text), collapse = "\n"))
}

cli_plain <- function(text) enc2utf8(cli::ansi_strip(text))

# As R prints an error, with the user's own calls and their places.
traceback_text <- function(condition, frames) {
  call <- conditionCall(condition)
  head <- if (is.null(call)) "Error: " else paste0("Error in ", call_text(call), ": ")
  users <- Filter(\(frame) frame$user_code, frames)
  paste(c(paste0(head, condition_text(condition)), traceback_lines(users)), collapse = "\n")
}

traceback_lines <- function(frames) {
  if (length(frames) == 0L) {
    return(character())
  }
  lines <- vapply(seq_along(frames), \(i) {
    frame <- frames[[i]]
    place <- if (!is.null(frame$file)) paste0(" at ", basename(frame$file), ":", frame$line)
    code <- if (nzchar(frame$source_line %||% "")) paste0("\n        ", frame$source_line)
    paste0(format(i, width = 3L), ". ", frame[["function"]], place, code)
  }, "")
  c("Traceback, the outermost call first:", lines)
}

# Keeps the head and the tail of a text that is too long.
clip <- function(text, limit) {
  text <- enc2utf8(text)
  if (nchar(text, "bytes") <= limit) {
    return(text)
  }
  bytes <- charToRaw(text)
  half <- limit %/% 2L - 16L
  parts <- list(utils::head(bytes, half), utils::tail(bytes, half))
  pieces <- vapply(parts, \(part) iconv(rawToChar(part), "UTF-8", "UTF-8", sub = ""), "")
  paste0(pieces[[1L]], "\n[...]\n", pieces[[2L]])
}
