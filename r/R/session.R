# A worker's session with the orchestrator.

sdk_version <- function() paste("instep-r", getNamespaceVersion("instep"))

# Registers the worker and leases its first task.
open_session <- function(bootstrap) {
  connection <- connect(bootstrap$endpoint, hex(bootstrap$token))
  answer <- rpc_retry(connection, "WorkerService/RegisterWorker", list(
    worker_id = bootstrap$worker_id,
    version_min = 1L,
    version_max = 1L,
    language = "r",
    runtime_version = r_version(),
    sdk = sdk_version(),
    host = Sys.info()[["nodename"]],
    pid = Sys.getpid(),
    store_probe = read_probe(bootstrap$store_probe_file),
    lease = lease_request()
  ), timeout_ms = 30000L, total_seconds = 30)
  token <- hex(answer$session_token)
  connection$metadata <- bearer(token)
  list(connection = connection, token = token, object_root = answer$object_root, lease = answer$lease)
}

r_version <- function() paste(R.version$major, R.version$minor, sep = ".")

lease_wait_ms <- 20000L

lease_request <- function() {
  the$requests <- (the$requests %||% 0L) + 1L
  list(request_id = paste(Sys.getpid(), the$requests, sep = "-"), wait_ms = lease_wait_ms)
}

# Leases the next task. Blocks until there is one; NULL when there will be none.
next_task <- function(session, lease) {
  repeat {
    if (!is.null(lease$task)) {
      return(lease$task)
    }
    if (is.null(lease$none)) {
      return(NULL)
    }
    Sys.sleep(lease$none$retry_after_ms / 1000)
    lease <- rpc_retry(session$connection, "WorkerService/LeaseTask", lease_request(), timeout_ms = 30000L)
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
    answer <- rpc_retry(session$connection, "WorkerService/ListJoinInputs", request)
    joins <- c(joins, answer$joins)
    position <- answer$joins_next
  }
  joins
}
