# Calls over gRPC. A connection is a list of `channel` and `metadata`, the headers of each call.

connect <- function(target, token) {
  list(channel = grpc_channel_(target), metadata = bearer(token))
}

bearer <- function(token) c(authorization = paste("Bearer", token))

hex <- function(bytes) paste(format(bytes), collapse = "")

# Calls a unary method, such as "WorkerService/Heartbeat", with a list and answers with one. Fails with a condition of
# class `instep_error_<reason>`, such as instep_error_lease_lost, or instep_error_transport without a verdict.
rpc <- function(connection, method, request, timeout_ms = 10000L) {
  name <- basename(method)
  bytes <- message_encode(paste0(name, "Request"), request)
  answer <- grpc_call_(
    connection$channel, paste0("/instep.v1.", method), bytes, connection$metadata, as.integer(timeout_ms)
  )
  if (answer$code != 0L) {
    abort_call(method, answer)
  }
  message_decode(paste0(name, "Response"), answer$response)
}

# The same, again and again while the transport is in trouble, for at most `total_seconds`. The caller's ids make the
# repeats harmless.
rpc_retry <- function(connection, method, request, timeout_ms = 10000L, total_seconds = 120) {
  deadline <- proc.time()[["elapsed"]] + total_seconds
  pause <- 0.2 * (0.8 + 0.4 * (Sys.getpid() %% 100) / 100) # spread out without touching the user's random numbers
  repeat {
    answer <- tryCatch(rpc(connection, method, request, timeout_ms), instep_error_transport = identity)
    if (!inherits(answer, "instep_error_transport")) {
      return(answer)
    }
    if (!answer$code %in% c(4L, 13L, 14L) || proc.time()[["elapsed"]] + pause > deadline) {
      stop(answer)
    }
    Sys.sleep(pause)
    pause <- min(2 * pause, 10)
  }
}

# Calls `each` with every response of a server stream, until the stream ends or `each` returns FALSE.
rpc_stream <- function(connection, method, request, each, timeout_ms = 0L) {
  name <- basename(method)
  bytes <- message_encode(paste0(name, "Request"), request)
  stream <- grpc_stream_(
    connection$channel, paste0("/instep.v1.", method), bytes, connection$metadata, as.integer(timeout_ms)
  )
  while (!is.null(answer <- grpc_stream_next_(stream))) {
    if (answer$code != 0L) {
      abort_call(method, answer)
    }
    if (isFALSE(each(message_decode(paste0(name, "Response"), answer$response)))) {
      break
    }
  }
  invisible()
}

# Raises what a failed call means. The words are the server's; they go out without interpolation.
abort_call <- function(method, answer) {
  detail <- if (length(answer$detail) > 0L) message_decode("ErrorDetail", answer$detail)
  reason <- if (is.null(detail)) "transport" else error_reason(detail$reason)
  text <- if (is.null(detail)) paste0("Call ", method, " failed: ", answer$message) else answer$message
  stop(errorCondition(
    text,
    class = c(paste0("instep_error_", reason), "instep_error"),
    code = answer$code,
    method = method,
    metadata = if (!is.null(detail)) key_values_decode(detail$metadata),
    retry_after_ms = detail$retry_after_ms
  ))
}

# `ERROR_REASON_LEASE_LOST` is `lease_lost` in R.
error_reason <- function(name) tolower(sub("^ERROR_REASON_", "", name))
