#' Look at flows and their runs
#'
#' Client objects show what is recorded: `flow_client()` a flow, `run_client()` a run, `step_client()` a step of a run,
#' `task_client()` a task. Fields are read with `$` and are up to date each time. `[[` gives a child by its id: a run of
#' a flow, a step of a run, a task of a step. Looking at a run never changes it, and works while it runs.
#'
#' The store is the directory that the environment variable `INSTEP_HOME` names, else the nearest `.instep` at or above
#' the working directory.
#'
#' @section Fields:
#' * All: `id`, `pathspec`, `parent`, `created_at`, and `finished_at`, which is `NULL` before the end.
#' * Flow: `runs`, a list with the newest first; `latest_run` and `latest_successful_run`, `NULL` when there is none.
#' * Run: `steps`, a named list with the newest first; `state`, `successful`, `finished`, `user`, `tags`, `user_tags`,
#'   `system_tags`, `exception`; `end_task`, the task of the last step, and `data`, its artifacts.
#' * Step: `tasks`, a list with the newest first, named by id; `task`, the first of these; `language`.
#' * Task: `data`, its artifacts, read when touched, as in `task$data$model`; `artifacts`, their names; `state`,
#'   `successful`, `finished`, `index`, `stdout`, `stderr`, `language`; `exception`, a list of `exception` (the
#'   message), `type` and `stacktrace`, or `NULL`.
#'
#' @param id Name of a flow, or path of a run, step or task: the ids joined by slashes, such as `"Pricing/12/fit"`.
#' @param attempt Number of the attempt to look at, counted from zero. By default the latest.
#' @returns An object of class `instep_flow_client`, `instep_run_client`, `instep_step_client` or `instep_task_client`.
#'   What does not exist is an error of class `instep_error_flow_unknown`, `instep_error_run_unknown`,
#'   `instep_error_step_unknown`, `instep_error_task_unknown` or `instep_error_artifact_unknown`.
#' @seealso The classes `Flow`, `Run`, `Step` and `Task` are its twins in Python.
#' @export
#' @examples
#' \dontrun{
#' run <- flow_client("Pricing")$latest_run
#' run$successful
#' run$data$best
#' run[["fit"]]$task$stdout
#' }
flow_client <- function(id) {
  check_path(id, 1L)
  new_client("flow", list(flow = id))
}

#' @rdname flow_client
#' @export
run_client <- function(id) {
  parts <- check_path(id, 2L)
  new_client("run", list(flow = parts[[1L]], run_id = parts[[2L]])) |> check_known("created_at")
}

#' @rdname flow_client
#' @export
step_client <- function(id) {
  parts <- check_path(id, 3L)
  run <- new_client("run", list(flow = parts[[1L]], run_id = parts[[2L]]))
  run[[parts[[3L]]]]
}

#' @rdname flow_client
#' @export
task_client <- function(id, attempt = NULL) {
  parts <- check_path(id, 4L)
  ids <- list(flow = parts[[1L]], run_id = parts[[2L]], step = parts[[3L]], task_id = parts[[4L]])
  new_client("task", ids, attempt) |> check_known("created_at")
}

#' Names of all flows in the store
#'
#' @returns A character vector, sorted.
#' @seealso [flow_client()]
#' @export
#' @examples
#' \dontrun{
#' list_flows()
#' }
list_flows <- function() {
  rpc(client_connection(), "ControlService/ListFlows", list())$flows
}

# A client object: the ids that lead to it, the number of the attempt, and the store in which it was found.
new_client <- function(kind, ids, attempt = NULL, home = store_home(call = NULL)) {
  structure(
    list(kind = kind, ids = ids, attempt = attempt, home = home),
    class = c(paste0("instep_", kind, "_client"), "instep_client")
  )
}

check_path <- function(id, count, call = parent.frame()) {
  check_string(id, "id", call = call)
  parts <- strsplit(id, "/", fixed = TRUE)[[1L]]
  if (length(parts) != count || any(!nzchar(parts))) {
    form <- paste(c("FLOW", "RUN", "STEP", "TASK")[seq_len(count)], collapse = "/")
    abort("{.val {id}} has not the form {.val {form}}.", "invalid_pathspec", call = call)
  }
  parts
}

# Fails when the object does not exist. Answers with it.
check_known <- function(client, field) {
  client_field(client, field)
  client
}

#' @export
`$.instep_client` <- function(x, name) client_field(x, name)

#' @export
`[[.instep_client` <- function(x, i) client_child(x, as.character(i))

#' @export
names.instep_client <- function(x) client_names(unclass(x)$kind)

#' @export
print.instep_client <- function(x, ...) {
  kind <- unclass(x)$kind
  state <- if (kind %in% c("run", "task")) paste0(": ", x$state)
  cat("<instep ", kind, " ", x$pathspec, state, ">\n", sep = "")
  invisible(x)
}

common_fields <- list(
  id = \(x) x$ids[[length(x$ids)]],
  pathspec = \(x) paste(unlist(x$ids), collapse = "/"),
  parent = \(x) parent_client(x)
)

client_names <- function(kind) c(names(common_fields), names(client_fields[[kind]]))

client_field <- function(client, name) {
  x <- unclass(client)
  field <- common_fields[[name]] %||% client_fields[[x$kind]][[name]]
  if (is.null(field)) {
    abort(
      c("A {x$kind} has no field {.val {name}}.", i = "Its fields are {.val {client_names(x$kind)}}."),
      "argument",
      call = NULL
    )
  }
  field(x)
}

client_call <- function(x, method, request) rpc(client_connection(x$home), method, request, timeout_ms = 60000L)

parent_client <- function(x) {
  kinds <- c(run = "flow", step = "run", task = "step")
  kind <- kinds[x$kind]
  if (is.na(kind)) NULL else new_client(kind[[1L]], x$ids[-length(x$ids)], home = x$home)
}

client_child <- function(client, id) {
  x <- unclass(client)
  child <- switch(x$kind,
    flow = new_client("run", c(x$ids, run_id = id), home = x$home),
    run = new_client("step", c(x$ids, step = id), home = x$home),
    step = new_client("task", c(x$ids, task_id = id), x$attempt, home = x$home),
    abort("A task has no children. Its artifacts are in its field {.field data}.", "argument", call = NULL)
  )
  check_known(child, "created_at")
}

instant <- function(unix_ms) {
  if (is.null(unix_ms)) NULL else as.POSIXct(unix_ms / 1000, origin = "1970-01-01", tz = "UTC")
}

state_name <- function(state) tolower(sub("^[A-Z]+_STATE_", "", state))

as_exception <- function(failure) {
  if (is.null(failure)) {
    return(NULL)
  }
  type <- if (length(failure$classes) > 0L) failure$classes[[1L]] else tolower(sub("^FAILURE_KIND_", "", failure$kind))
  list(exception = failure$message, type = type, stacktrace = failure$traceback)
}

list_runs <- function(x, ...) {
  runs <- client_call(x, "ControlService/ListRuns", list(flow = x$ids$flow, ...))$runs
  lapply(runs, \(run) new_client("run", c(x$ids, run_id = run$run_id), home = x$home))
}

first_or_null <- function(x) if (length(x) > 0L) x[[1L]]

some_ids <- function(x, ...) x$ids[intersect(c(...), names(x$ids))]

get_run <- function(x) client_call(x, "ControlService/GetRun", some_ids(x, "flow", "run_id"))

list_steps <- function(x) client_call(x, "ControlService/ListSteps", some_ids(x, "flow", "run_id"))$steps

get_step <- function(x) {
  found <- Filter(\(step) step$name == x$ids$step, list_steps(x))
  if (length(found) == 0L) {
    abort("Run {.val {x$ids$flow}/{x$ids$run_id}} has no step {.val {x$ids$step}}.", "step_unknown", call = NULL)
  }
  found[[1L]]
}

# All tasks of a step, page by page.
list_tasks <- function(x) {
  tasks <- list()
  request <- some_ids(x, "flow", "run_id", "step")
  repeat {
    page <- client_call(x, "ControlService/ListTasks", request)
    tasks <- c(tasks, page$tasks)
    if (!nzchar(page$next_after_task_id)) {
      return(tasks)
    }
    request$after_task_id <- page$next_after_task_id
  }
}

get_task <- function(x) {
  tasks <- client_call(x, "ControlService/ListTasks", x$ids)$tasks
  if (length(tasks) == 0L) {
    abort("There is no task {.val {paste(unlist(x$ids), collapse = '/')}}.", "task_unknown", call = NULL)
  }
  tasks[[1L]]
}

# The attempt that was asked for, else the latest. NULL when there is none yet.
get_attempt <- function(x) {
  attempts <- get_task(x)$attempts
  if (is.null(x$attempt)) {
    return(if (length(attempts) > 0L) attempts[[length(attempts)]])
  }
  found <- Filter(\(attempt) attempt$number == x$attempt, attempts)
  if (length(found) == 0L) {
    abort(
      "Task {.val {paste(unlist(x$ids), collapse = '/')}} has no attempt {x$attempt}.",
      "attempt_unknown",
      call = NULL
    )
  }
  found[[1L]]
}

end_task <- function(x) {
  end <- get_run(x)$graph$end
  if (!end %in% vapply(list_steps(x), \(step) step$name, "")) {
    return(NULL)
  }
  client_field(new_client("step", c(x$ids, step = end), home = x$home), "task")
}

client_tasks <- function(x) {
  tasks <- lapply(list_tasks(x), \(task) new_client("task", c(x$ids, task_id = task$task_id), home = x$home))
  stats::setNames(tasks, vapply(tasks, \(task) task$id, ""))
}

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

read_artifact <- function(x, name) {
  connection <- client_connection(x$home)
  answer <- rpc(connection, "ControlService/GetArtifact", c(task_request(x), list(name = name)))
  decode_value(answer$manifest, blob_reader(connection, answer$object_root, raw()))
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

run_state <- function(x) state_name(get_run(x)$run$state)

task_state <- function(x) {
  if (is.null(x$attempt)) state_name(get_task(x)$state) else state_name(get_attempt(x)$state)
}

# How each field of each kind of object is found.
client_fields <- list(
  flow = list(
    created_at = \(x) instant(get_run(x)$run$created_unix_ms),
    finished_at = \(x) instant(get_run(x)$run$finished_unix_ms),
    runs = \(x) list_runs(x, limit = 1000L),
    latest_run = \(x) first_or_null(list_runs(x, limit = 1L)),
    latest_successful_run = \(x) first_or_null(list_runs(x, limit = 1L, states = "RUN_STATE_SUCCEEDED"))
  ),
  run = list(
    created_at = \(x) instant(get_run(x)$run$created_unix_ms),
    finished_at = \(x) if (run_state(x) == "succeeded") instant(get_run(x)$run$finished_unix_ms),
    state = run_state,
    successful = \(x) run_state(x) == "succeeded",
    finished = \(x) run_state(x) == "succeeded",
    user = \(x) get_run(x)$run$user,
    tags = \(x) {
      run <- get_run(x)$run
      sort(unique(c(run$user_tags, run$system_tags)))
    },
    user_tags = \(x) get_run(x)$run$user_tags,
    system_tags = \(x) get_run(x)$run$system_tags,
    exception = \(x) as_exception(get_run(x)$run$failure),
    steps = \(x) {
      names <- vapply(list_steps(x), \(step) step$name, "")
      stats::setNames(lapply(names, \(name) new_client("step", c(x$ids, step = name), home = x$home)), names)
    },
    end_task = end_task,
    data = \(x) {
      task <- end_task(x)
      if (!is.null(task)) task$data
    }
  ),
  step = list(
    created_at = \(x) instant(get_step(x)$created_unix_ms),
    finished_at = \(x) instant(get_step(x)$finished_unix_ms),
    language = \(x) get_step(x)$language,
    tasks = client_tasks,
    task = \(x) first_or_null(client_tasks(x))
  ),
  task = list(
    created_at = \(x) instant(get_task(x)$created_unix_ms),
    finished_at = \(x) instant(get_attempt(x)$finished_unix_ms),
    language = \(x) get_task(x)$language,
    state = task_state,
    successful = \(x) task_state(x) == "succeeded",
    finished = \(x) task_state(x) == "succeeded",
    index = \(x) get_task(x)$index,
    exception = \(x) as_exception(get_attempt(x)$failure),
    stdout = \(x) task_log(x, "LOG_STREAM_STDOUT"),
    stderr = \(x) task_log(x, "LOG_STREAM_STDERR"),
    artifacts = list_artifacts,
    data = task_data
  )
)
