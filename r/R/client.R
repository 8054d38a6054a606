#' Look at flows and their runs
#'
#' Client objects show what is recorded: `flow_client()` a flow, `run_client()` a run, `step_client()` a step of a run,
#' `task_client()` a task. Fields are read with `$` and are up to date each time. `[[` gives a child by its id: a run of
#' a flow, a step of a run, a task of a step, an artifact of a task. Looking at a run never changes it, and works while
#' it runs.
#'
#' The store is the directory that the environment variable `INSTEP_HOME` names, else the nearest `.instep` at or above
#' the working directory.
#'
#' @section Fields:
#' * All: `id`, `pathspec`, `parent`, `created_at`, and `finished_at`, which is `NULL` before the end.
#' * Flow: `runs`, a list with the newest first; `latest_run` and `latest_successful_run`, `NULL` when there is none;
#'   `runs_with_tags(...)`, the runs that have all of these tags.
#' * Run: `steps`, a named list with the newest first; `state`, `successful`, `finished`, `user`, `tags`, `user_tags`,
#'   `system_tags`, `exception`; `end_task`, the task of the last step, and `data`, its artifacts.
#' * Step: `tasks`, a list with the newest first, named by id; `task`, the first of these; `language`.
#' * Step and task: `tags`, those of the run.
#' * Task: `data`, its artifacts, read when touched, as in `task$data$model`; `artifacts`, their names; `state`,
#'   `successful`, `finished`, `index`, `stdout`, `stderr`, `language`, `current_attempt`; `parent_tasks` and
#'   `child_tasks`, the tasks that it took input from and that took input from it; `exception`, a list of `exception`
#'   (the message), `type` and `stacktrace`, or `NULL`.
#' * Artifact, as in `task[["model"]]`: `data`, the value; `sha`, the digest of its content; `size` in bytes; `type` and
#'   `summary`; `as_python()`, the value as an object of Python in this session (see [as_python]).
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
  new_client("flow", list(flow = id)) |> check_known("created_at")
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
  kinds <- c(run = "flow", step = "run", task = "step", artifact = "task")
  kind <- kinds[x$kind]
  if (is.na(kind)) NULL else new_client(kind[[1L]], x$ids[-length(x$ids)], x$attempt, home = x$home)
}

client_child <- function(client, id) {
  x <- unclass(client)
  child <- switch(x$kind,
    flow = new_client("run", c(x$ids, run_id = id), home = x$home),
    run = new_client("step", c(x$ids, step = id), home = x$home),
    step = new_client("task", c(x$ids, task_id = id), x$attempt, home = x$home),
    task = new_client("artifact", c(x$ids, artifact = id), x$attempt, home = x$home),
    abort("An artifact has no children. Its value is its field {.field data}.", "argument", call = NULL)
  )
  check_known(child, if (x$kind == "task") "sha" else "created_at")
}

instant <- function(unix_ms) {
  if (is.null(unix_ms)) NULL else as.POSIXct(unix_ms / 1000, origin = "1970-01-01", tz = "UTC")
}

state_name <- function(state) tolower(sub("^[A-Z]+_STATE_", "", state))
