#' Look at flows and their runs
#'
#' Client objects show what is recorded: `flow_client()` a flow, `run_client()` a run, `step_client()` a step of a run,
#' `task_client()` a task. Fields are read with `$` and are up to date each time. `[[` gives a child by its id: a run of
#' a flow, a step of a run, a task of a step, an artifact of a task. `as.data.frame()` gives the table of the children.
#' Looking at a run never changes it, and works while it runs.
#'
#' The store is the directory that the environment variable `INSTEP_HOME` names, else the nearest `.instep` at or above
#' the working directory. Objects outside of the namespace, see [set_namespace()], are refused.
#'
#' @section Fields:
#' * All: `id`, `pathspec`, `path_components`, `parent`, `created_at`, `finished_at`, which is `NULL` before the end,
#'   and `is_in_namespace()`.
#' * All but artifacts: `tags`, those of the run, `user_tags` and `system_tags`; `origin_pathspec`, the path of what was
#'   taken over or resumed, or `NULL`. A flow has none of these.
#' * Flow: `latest_run` and `latest_successful_run`, `NULL` when there is none; `run(id)`; `runs(...)`, the runs as a list
#'   with the newest first, with the filters of [runs()]; `runs_with_tags(...)`, those that have all of these tags.
#' * Run: `status`, `finished`, `successful`, which a run whose last step ended by a caught error is not, `user`,
#'   `exception`; `steps`, a named list with the newest first, and `step(name)`; `end_task`, the task of the last step,
#'   with its `data` and `artifact(name)`. And what changes the tags, all at once or not at all: `add_tag(tags)`,
#'   `remove_tag(tags)`, `replace_tag(remove, add)`, also named `add_tags()`, `remove_tags()` and `replace_tags()`.
#' * Step: `tasks`, a list with the newest first, named by id, and `task`, the first of these; `language`;
#'   `parent_steps` and `child_steps`.
#' * Task: `data`, its artifacts, read when touched, as in `task$data$model`; `artifacts`, their names, and
#'   `artifact(name)`; `status`, `finished`, `successful`, which a task with a caught error is not; `exception`, a list of
#'   `exception` (the message), `type` and `stacktrace`, or `NULL`; `index` in the innermost foreach, counted from 0, or
#'   `NULL`; `stdout` and `stderr`; `loglines(stream)`, a data frame of `time` and `line`; `metadata`, a data frame of
#'   `name`, `value`, `type`, `created_at` and `attempt`, and `metadata_dict`, the newest value of each name;
#'   `parent_tasks` and `child_tasks`, the tasks that it took input from and that took input from it; `language`,
#'   `runtime_name`, `current_attempt`; `reason`, why it ran or was taken over.
#' * Artifact, as in `task[["model"]]`: `data`, the value; `sha`, the digest of its content; `size` in bytes; `type` and
#'   `summary`; `portable`, whether every language can read it; `as_python()`, the value as an object of Python in this
#'   session (see [as_python]).
#'
#' @param id Name of a flow, or path of a run, step or task: the ids joined by slashes, such as `"Pricing/12/fit"`.
#' @param attempt Number of the attempt to look at, counted from zero. By default the latest.
#' @returns An object of class `instep_flow_client`, `instep_run_client`, `instep_step_client` or `instep_task_client`.
#'   What does not exist is an error of class `instep_error_flow_unknown`, `instep_error_run_unknown`,
#'   `instep_error_step_unknown`, `instep_error_task_unknown`, `instep_error_attempt_unknown` or
#'   `instep_error_artifact_unknown`; what is outside of the namespace, one of class `instep_error_namespace_mismatch`.
#' @seealso [runs()] and [tasks()] for tables. The classes `Flow`, `Run`, `Step` and `Task` are its twins in Python.
#' @export
#' @examples
#' \dontrun{
#' run <- flow_client("Pricing")$latest_run
#' run$successful
#' run$data$best
#' run$step("fit")$task$stdout
#' run$add_tag("reviewed")
#' as.data.frame(run)
#' }
flow_client <- function(id) {
  check_path(id, 1L)
  find_client("flow", list(flow = id))
}

#' @rdname flow_client
#' @export
run_client <- function(id) {
  parts <- check_path(id, 2L)
  find_client("run", list(flow = parts[[1L]], run_id = parts[[2L]]))
}

#' @rdname flow_client
#' @export
step_client <- function(id) {
  parts <- check_path(id, 3L)
  find_client("step", list(flow = parts[[1L]], run_id = parts[[2L]], step = parts[[3L]]))
}

#' @rdname flow_client
#' @export
task_client <- function(id, attempt = NULL) {
  parts <- check_path(id, 4L)
  ids <- list(flow = parts[[1L]], run_id = parts[[2L]], step = parts[[3L]], task_id = parts[[4L]])
  find_client("task", ids, attempt)
}

#' Names of all flows in the store
#'
#' @returns A character vector, sorted: the flows that have a run in the namespace.
#' @seealso [flow_client()], [set_namespace()]
#' @export
#' @examples
#' \dontrun{
#' list_flows()
#' }
list_flows <- function() {
  rpc_retry(client_connection(), "ControlService/ListFlows", list(tags = get_namespace()), slow = TRUE)$flows
}

# A client object: the ids that lead to it, the number of the attempt, the store in which it was found, and the namespace
# in which it was made.
new_client <- function(kind, ids, attempt = NULL, home = store_home(call = NULL), namespace = get_namespace()) {
  structure(
    list(kind = kind, ids = ids, attempt = attempt, home = home, namespace = namespace),
    class = c(paste0("instep_", kind, "_client"), "instep_client")
  )
}

# One that is there, and in its namespace.
find_client <- function(...) check_namespace(check_known(new_client(...)))

# An object that is reached from another one. An attempt holds for a task and what it left behind.
reach_client <- function(x, kind, ids) {
  new_client(kind, ids, if (kind %in% c("task", "artifact")) x$attempt, x$home, x$namespace)
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
check_known <- function(client) {
  x <- unclass(client)
  switch(x$kind,
    flow = ,
    run = get_run(x),
    step = get_step(x),
    task = get_attempt(x),
    artifact = get_artifact(x)
  )
  client
}

#' @export
`$.instep_client` <- function(x, name) client_field(x, name)

#' @export
`[[.instep_client` <- function(x, i) client_child(x, as.character(i))

#' @export
names.instep_client <- function(x) client_names(unclass(x)$kind)

#' @export
#' @importFrom utils .DollarNames
.DollarNames.instep_client <- function(x, pattern = "") grep(pattern, names(x), value = TRUE)

# The exit status that the run has, or would have, as a command.
#' @export
as.integer.instep_run_client <- function(x, ...) if (x$successful) 0L else 1L

# An object is one thing, however many fields it has.
#' @export
length.instep_client <- function(x) 1L

client_names <- function(kind) c(names(common_fields), names(client_fields[[kind]]))

client_field <- function(client, name) {
  x <- unclass(client)
  field <- client_fields[[x$kind]][[name]] %||% common_fields[[name]]
  if (is.null(field)) {
    abort(
      c("A {x$kind} has no field {.val {name}}.", i = "Its fields are {.val {client_names(x$kind)}}."),
      "argument",
      call = NULL
    )
  }
  field(x)
}

client_call <- function(x, method, request) rpc_retry(client_connection(x$home), method, request, slow = TRUE)

client_path <- function(x) paste(unlist(x$ids), collapse = "/")

parent_client <- function(x) {
  kinds <- c(run = "flow", step = "run", task = "step", artifact = "task")
  kind <- kinds[x$kind]
  if (is.na(kind)) NULL else reach_client(x, kind[[1L]], x$ids[-length(x$ids)])
}

client_child <- function(client, id) {
  x <- unclass(client)
  child <- switch(x$kind,
    flow = reach_client(x, "run", c(x$ids, run_id = id)),
    run = reach_client(x, "step", c(x$ids, step = id)),
    step = reach_client(x, "task", c(x$ids, task_id = id)),
    task = reach_client(x, "artifact", c(x$ids, artifact = id)),
    abort("An artifact has no children. Its value is its field {.field data}.", "argument", call = NULL)
  )
  check_known(child)
  if (x$kind == "flow") check_namespace(child) else child
}

instant <- function(unix_ms, tz = "UTC") {
  if (is.null(unix_ms)) NULL else as.POSIXct(unix_ms / 1000, origin = "1970-01-01", tz = tz)
}

state_name <- function(state) tolower(sub("^[A-Z]+_STATE_", "", state))
