# The process that decodes cases in R: batches on standard input, answers on standard output. The twin of decoder.py,
# which says what they are.
#
# It calls the C++ decoder itself and makes the condition that users get (which takes 100 times as long as decoding) of one
# refusal in a thousand only.

instep::register_type("fuzz.pair", class = "pair")
types <- instep:::the$types
counter <- 0L

integer_at <- function(bytes, at) readBin(bytes[at + 1:4], "integer", endian = "little")

# The strings of the case that starts behind byte `at`, and where it ends.
read_case <- function(bytes, at) {
  strings <- vector("list", integer_at(bytes, at))
  at <- at + 4L
  for (i in seq_along(strings)) {
    size <- integer_at(bytes, at)
    strings[[i]] <- bytes[at + 4L + seq_len(size)]
    at <- at + 4L + size
  }
  list(strings = strings, end = at)
}

# Made once: cli takes 100 times as long as decoding.
missing_blob <- structure(
  class = c("instep_error_blob_missing", "instep_error", "error", "condition"),
  list(message = "There is no such blob.", call = NULL)
)

fetch_from <- function(strings) {
  places <- seq.int(2L, by = 2L, length.out = (length(strings) - 1L) %/% 2L)
  blobs <- stats::setNames(strings[places + 1L], vapply(strings[places], rawToChar, ""))
  function(hash, size) {
    if (!hash %in% names(blobs)) stop(missing_blob)
    blobs[[hash]]
  }
}

wrong <- function(...) stop(structure(class = c("wrong", "error", "condition"), list(message = paste0(...), call = NULL)))

# What R says when it met its limits, where a check should have come before.
limits <- "cannot allocate|memory exhausted|evaluation nested too deeply|infinite recursion|C stack|stack overflow"

# What decode_value() makes of an error of R's: a refusal.
decode <- function(manifest, fetch) {
  tryCatch(
    suppressWarnings(instep:::value_decode_(manifest, fetch, FALSE, types)),
    instep_error_blob_missing = \(cnd) list(error = list(code = "BLOB_MISSING", message = conditionMessage(cnd))),
    error = \(cnd) list(error = list(code = if (is.null(cnd$code)) "FAILED" else cnd$code, message = conditionMessage(cnd)))
  )
}

check_condition <- function(manifest, fetch) {
  tryCatch(
    suppressWarnings(instep:::decode_value(manifest, fetch, allow_opaque = FALSE)),
    instep_error = \(cnd) NULL,
    error = \(cnd) wrong("a refusal is not a named error: ", conditionMessage(cnd))
  )
}

# A value that was read can be stored, or is refused for a reason; what was stored is read, and stored as the same.
check_again <- function(value) {
  serialize(value, NULL) # R can walk over it
  first <- store(value)
  if (!is.null(first$error)) return()
  found <- decode(first$manifest, NULL)
  if (!is.null(found$error)) wrong("what was stored can't be read: ", found$error$message)
  if (length(first$losses) == 0 && !identical(store(found$value)$manifest, first$manifest)) {
    wrong("read ", brief(value), ", stored and read again ", brief(found$value))
  }
}

store <- function(value) {
  tryCatch(
    instep:::value_encode_(value, "value", "fuzz", TRUE, types),
    instep_type_failure = \(cnd) list(error = cnd),
    error = \(cnd) wrong("storing fails: ", conditionMessage(cnd))
  )
}

brief <- function(x) {
  code <- deparse(x, control = c("keepNA", "keepInteger", "showAttributes", "digits17"))
  substr(paste(code, collapse = ""), 1, 300)
}

# Items are read alone, too, or refused by a named error.
check_items <- function(manifest, fetch) {
  for (index in c(0, 2)) {
    tryCatch(
      suppressWarnings(instep:::value_decode_item_(manifest, index, fetch, FALSE, types)),
      error = identity
    )
  }
}

outcome_of <- function(manifest, fetch) {
  found <- decode(manifest, fetch)
  if (is.null(found$error)) {
    check_again(found$value)
    check_items(manifest, fetch)
    return(c("read", "", ""))
  }
  counter <<- counter + 1L
  if (counter %% 1000L == 0L) check_condition(manifest, fetch)
  message <- paste(found$error$message, collapse = " ")
  if (grepl(limits, message)) wrong(message)
  c("refused", found$error$code, message)
}

line_of <- function(case) {
  start <- proc.time()[["elapsed"]]
  outcome <- tryCatch(
    outcome_of(case$strings[[1]], fetch_from(case$strings)),
    error = \(cnd) c("wrong", class(cnd)[[1]], conditionMessage(cnd))
  )
  outcome[[3]] <- gsub("[\t\r\n ]+", " ", outcome[[3]])
  paste(c(outcome, round(1000 * (proc.time()[["elapsed"]] - start))), collapse = "\t")
}

input <- file("stdin", "rb")
output <- file("/dev/stdout", "wb", raw = TRUE)
while (length(head <- readBin(input, "integer", 1, endian = "little")) == 1) {
  batch <- readBin(input, "raw", head)
  lines <- character()
  at <- 0L
  while (at < length(batch)) {
    case <- read_case(batch, at)
    lines[[length(lines) + 1L]] <- line_of(case)
    at <- case$end
  }
  answer <- charToRaw(enc2utf8(paste(lines, collapse = "\n")))
  writeBin(length(answer), output, endian = "little")
  writeBin(answer, output)
  flush(output)
}
close(output)
close(input)
