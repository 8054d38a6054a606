# Artifacts and logs of tasks, for the client.

# What a task wrote to a stream, as a list of pieces: when each arrived, and its bytes.
log_pieces <- function(x, stream) {
  pieces <- list()
  request <- c(task_request(x), list(stream = stream))
  rpc_stream(client_connection(x$home), "LogService/TailLogs", request, \(piece) {
    pieces[[length(pieces) + 1L]] <<- piece
    TRUE
  })
  pieces
}

task_log <- function(x, stream) {
  if (is.null(get_attempt(x))) "" else utf8_text(lapply(log_pieces(x, stream), \(piece) piece$data))
}

utf8_text <- function(pieces) {
  text <- rawToChar(Filter(\(byte) byte != as.raw(0L), do.call(c, c(list(raw()), pieces))))
  Encoding(text) <- "UTF-8"
  text
}

# The lines of a log, each with the time at which it began to arrive.
task_loglines <- function(x, stream) {
  pieces <- if (!is.null(get_attempt(x))) log_pieces(x, paste0("LOG_STREAM_", toupper(stream)))
  bytes <- do.call(c, c(list(raw()), lapply(pieces, \(piece) piece$data)))
  ends <- which(bytes == as.raw(10L))
  starts <- c(1L, ends + 1L)
  starts <- starts[starts <= length(bytes)]
  stops <- c(ends - 1L, if (length(starts) > length(ends)) length(bytes))
  lines <- vapply(seq_along(starts), \(i) utf8_text(list(bytes[seq_len(stops[[i]] - starts[[i]] + 1L) + starts[[i]] - 1L])), "")
  arrived <- rep(numbers(pieces, "at_unix_ms"), lengths(lapply(pieces, \(piece) piece$data)))
  data.frame(time = instant(arrived[starts]), line = lines)
}

task_request <- function(x) c(some_ids(x, "flow", "run_id", "task_id"), list(attempt = x$attempt))

artifact_records <- function(x) {
  if (is.null(get_attempt(x))) list() else client_call(x, "ControlService/ListArtifacts", task_request(x))$artifacts
}

list_artifacts <- function(x) texts(artifact_records(x), "name")

get_artifact <- function(x, name = x$ids$artifact) {
  withCallingHandlers(
    client_call(x, "ControlService/GetArtifact", c(task_request(x), list(name = name))),
    instep_error_artifact_unknown = \(e) abort_artifact(x, name)
  )
}

abort_artifact <- function(x, name) {
  known <- list_artifacts(x)
  abort(
    c(
      "Task {.val {paste(x$ids[1:4], collapse = '/')}} has no artifact {.val {name}}.",
      i = if (length(known) > 0L) "Its artifacts are {.val {known}}." else "It has no artifacts."
    ),
    "artifact_unknown",
    call = NULL
  )
}

read_artifact <- function(x, name) {
  answer <- get_artifact(x, name)
  fetch <- blob_reader(client_connection(x$home), answer$object_root, raw())
  decode_value(answer$manifest, fetch, name = name, error_call = NULL)
}

# The artifacts of a task: `task$data$x` reads one.
task_data <- function(x) structure(x, class = "instep_data")

#' @export
`$.instep_data` <- function(x, name) read_artifact(unclass(x), name)

#' @export
`[[.instep_data` <- function(x, i) read_artifact(unclass(x), i)

#' @export
names.instep_data <- function(x) {
  artifacts <- list_artifacts(unclass(x))
  artifacts[!startsWith(artifacts, "_")]
}

#' @export
.DollarNames.instep_data <- function(x, pattern = "") grep(pattern, names(x), value = TRUE)
