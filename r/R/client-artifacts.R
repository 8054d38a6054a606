# Artifacts and logs of tasks, for the client.

task_log <- function(x, stream) {
  pieces <- list()
  request <- c(task_request(x), list(stream = stream))
  rpc_stream(client_connection(x$home), "LogService/TailLogs", request, \(piece) {
    pieces[[length(pieces) + 1L]] <<- piece$data
    TRUE
  })
  text <- rawToChar(do.call(c, c(list(raw()), pieces)))
  Encoding(text) <- "UTF-8"
  text
}

task_request <- function(x) c(some_ids(x, "flow", "run_id", "task_id"), list(attempt = x$attempt))

list_artifacts <- function(x) {
  artifacts <- client_call(x, "ControlService/ListArtifacts", task_request(x))$artifacts
  vapply(artifacts, \(artifact) artifact$name, "")
}

get_artifact <- function(x, name = x$ids$artifact) {
  client_call(x, "ControlService/GetArtifact", c(task_request(x), list(name = name)))
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
print.instep_data <- function(x, ...) {
  cat("<instep data of ", paste(unlist(unclass(x)$ids), collapse = "/"), ": ", paste(names(x), collapse = ", "), ">\n",
    sep = ""
  )
  invisible(x)
}
