# A worker's session with the orchestrator.

sdk_version <- function() paste("instep-r", getNamespaceVersion("instep"))

# Optional features of the protocol that workers of R have: see RegisterWorkerRequest.
worker_capabilities <- c(
  "instep.cap.attempt_timeout.v1", "instep.cap.catch.v1", "instep.cap.local_objects.v1", "instep.cap.piggyback_next.v1"
)

# Registers the worker and leases its first task.
open_session <- function(bootstrap) {
  call_ms <- if (bootstrap$call_ms > 0L) bootstrap$call_ms else 10000L
  connection <- connect(bootstrap$endpoint, hex(bootstrap$token), call_ms)
  answer <- rpc_retry(connection, "WorkerService/RegisterWorker", list(
    worker_id = bootstrap$worker_id,
    version_min = 1L,
    version_max = 1L,
    capabilities = worker_capabilities,
    language = "r",
    runtime_version = r_version(),
    sdk = sdk_version(),
    host = Sys.info()[["nodename"]],
    pid = Sys.getpid(),
    store_probe = read_probe(bootstrap$store_probe_file),
    lease = lease_request(wait_ms = 0L)
  ), total_ms = 30000)
  token <- hex(answer$session_token)
  connection$metadata <- bearer(token)
  limits <- as.list(key_values_decode(answer$limits))
  connection$orphan_ms <- as.numeric(limits$orphan_ms %||% connection$orphan_ms)
  list(connection = connection, token = token, object_root = answer$object_root, lease = answer$lease)
}

r_version <- function() paste(R.version$major, R.version$minor, sep = ".")

lease_request <- function(wait_ms) {
  the$requests <- (the$requests %||% 0L) + 1L
  list(request_id = paste(Sys.getpid(), the$requests, sep = "-"), wait_ms = wait_ms)
}

# How long the server may wait for a task, in milliseconds.
lease_wait_ms <- function(session) session$connection$call_ms * waits_for_calls

# Leases the next task. Blocks until there is one; NULL when there will be none. An answer that a newer server gives
# closes the session.
next_task <- function(session, lease) {
  repeat {
    if (!is.null(lease$task)) {
      return(lease$task)
    }
    if (!is.null(lease$drain)) {
      return(NULL)
    }
    if (is.null(lease$none)) {
      reason <- "The worker does not know this answer to LeaseTask." # of a newer orchestrator
      rpc_retry(session$connection, "WorkerService/CloseWorker", list(reason = reason))
      return(NULL)
    }
    Sys.sleep(lease$none$retry_after_ms / 1000)
    request <- lease_request(lease_wait_ms(session))
    lease <- rpc_retry(session$connection, "WorkerService/LeaseTask", request, slow = TRUE)
  }
}

read_probe <- function(file) {
  if (!nzchar(file) || !file.exists(file)) {
    return(raw())
  }
  readBin(file, "raw", file.size(file))
}

# All inputs of a join, also those that did not fit into its Task.
all_joins <- function(session, task) {
  joins <- task$joins
  position <- task$joins_next
  while (!is.null(position)) {
    request <- list(lease_token = task$lease$lease_token, position = position)
    answer <- rpc_retry(session$connection, "WorkerService/ListJoinInputs", request, slow = TRUE)
    joins <- c(joins, answer$joins)
    position <- answer$joins_next
  }
  joins
}
