# Calls over gRPC. A connection is a list of `channel`; `metadata`, the headers of each call; `call_ms`, how long one try
# of a call may take; and `orphan_ms`, how long a call is tried again.

connect <- function(target, token, call_ms = 10000L, orphan_ms = 120000) {
  list(channel = grpc_channel_(target), metadata = bearer(token), call_ms = call_ms, orphan_ms = orphan_ms)
}

bearer <- function(token) c(authorization = paste("Bearer", token))

hex <- function(bytes) paste(format(bytes), collapse = "")

# Calls a unary method, such as "WorkerService/Heartbeat", with a list and answers with one. Fails with a condition of
# class `instep_error_<reason>`, such as instep_error_lease_lost, or instep_error_transport without a verdict.
rpc <- function(connection, method, request, timeout_ms = connection$call_ms) {
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

# The same, again and again as persistently() does it. The caller's ids make the repeats harmless. A `slow` call is one
# for which the server may wait or work for long.
rpc_retry <- function(connection, method, request, slow = FALSE, total_ms = connection$orphan_ms) {
  timeout_ms <- connection$call_ms * if (slow) slow_calls else 1L
  persistently(\() rpc(connection, method, request, timeout_ms), total_ms)
}

# Calls a function again and again while the transport is in trouble or the server asks for patience, for at most
# `total_ms`.
persistently <- function(call, total_ms) {
  deadline <- process_clock_() + total_ms
  pause <- 0.2
  repeat {
    answer <- tryCatch(call(), instep_error = identity)
    if (!inherits(answer, "instep_error")) {
      return(answer)
    }
    wait <- if (is.null(answer$retry_after_ms)) pause * jitter() else answer$retry_after_ms / 1000
    if (!is_passing(answer) || process_clock_() + 1000 * wait > deadline) {
      stop(answer)
    }
    Sys.sleep(wait)
    pause <- min(2 * pause, 10)
  }
}

# How long one try of a slow call may take, and how long the server may wait for a task, in units of `call_ms`.
slow_calls <- 3L
waits_for_calls <- 2L

# Whether the same call may succeed later. Without a verdict it may, but for a call that was given up (CANCELLED), that is
# too large (RESOURCE_EXHAUSTED) or that the server does not know (UNIMPLEMENTED): other statuses may be those of a proxy.
is_passing <- function(condition) {
  patient <- paste0("instep_error_", c("concurrent_poll", "overloaded", "write_conflict"))
  inherits(condition, patient) ||
    (inherits(condition, "instep_error_transport") && !condition$code %in% c(1L, 8L, code_unimplemented))
}

code_unimplemented <- 12L

# Between 0.8 and 1.2, so that workers that were cut off together do not come back together. Not by R's generator: its
# state is the user's.
jitter <- function() 0.8 + 0.4 * (as.numeric(Sys.time()) * 1e6 + Sys.getpid() * 7919) %% 1000 / 1000

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
