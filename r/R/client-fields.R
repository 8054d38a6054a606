# What the fields of client objects are. A function here takes the bare list behind an object.

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

# All tasks of a step, or of a run, page by page.
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
  tasks <- client_call(x, "ControlService/ListTasks", some_ids(x, "flow", "run_id", "step", "task_id"))$tasks
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

client_tasks <- function(x) run_tasks(x, list_tasks(x))

# Tasks of the same run as client objects, from their records.
run_tasks <- function(x, records) {
  run <- some_ids(x, "flow", "run_id")
  tasks <- lapply(records, \(task) new_client("task", c(run, step = task$step, task_id = task$task_id), home = x$home))
  stats::setNames(tasks, vapply(records, \(task) task$task_id, ""))
}

parent_tasks <- function(x) {
  run <- some_ids(x, "flow", "run_id")
  ids <- get_task(x)$parent_task_ids
  run_tasks(x, lapply(ids, \(id) client_call(x, "ControlService/ListTasks", c(run, list(task_id = id)))$tasks[[1L]]))
}

child_tasks <- function(x) {
  everything <- list_tasks(list(ids = some_ids(x, "flow", "run_id"), home = x$home))
  run_tasks(x, Filter(\(task) x$ids$task_id %in% task$parent_task_ids, everything))
}

run_state <- function(x) state_name(get_run(x)$run$state)

task_state <- function(x) {
  if (is.null(x$attempt)) state_name(get_task(x)$state) else state_name(get_attempt(x)$state)
}

run_tags <- function(x) {
  run <- get_run(x)$run
  sort(unique(c(run$user_tags, run$system_tags)))
}

# How each field of each kind of object is found.
client_fields <- list(
  flow = list(
    created_at = \(x) instant(get_run(x)$run$created_unix_ms),
    finished_at = \(x) instant(get_run(x)$run$finished_unix_ms),
    runs = \(x) list_runs(x, limit = 1000L),
    runs_with_tags = \(x) \(...) list_runs(x, limit = 1000L, tags = as.character(c(...))),
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
    tags = run_tags,
    user_tags = \(x) get_run(x)$run$user_tags,
    system_tags = \(x) get_run(x)$run$system_tags,
    exception = \(x) task_exception(get_run(x)$run$failure),
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
    tags = run_tags,
    tasks = client_tasks,
    task = \(x) first_or_null(client_tasks(x))
  ),
  task = list(
    created_at = \(x) instant(get_task(x)$created_unix_ms),
    finished_at = \(x) instant(get_attempt(x)$finished_unix_ms),
    language = \(x) get_task(x)$language,
    tags = run_tags,
    current_attempt = \(x) get_attempt(x)$number,
    parent_tasks = parent_tasks,
    child_tasks = child_tasks,
    state = task_state,
    successful = \(x) task_state(x) == "succeeded",
    finished = \(x) task_state(x) == "succeeded",
    index = \(x) get_task(x)$index,
    exception = \(x) task_exception(get_attempt(x)$failure),
    stdout = \(x) task_log(x, "LOG_STREAM_STDOUT"),
    stderr = \(x) task_log(x, "LOG_STREAM_STDERR"),
    artifacts = list_artifacts,
    data = task_data
  ),
  artifact = list(
    created_at = \(x) instant(get_attempt(x)$finished_unix_ms),
    finished_at = \(x) instant(get_attempt(x)$finished_unix_ms),
    sha = \(x) get_artifact(x)$artifact$digest$hash,
    size = \(x) get_artifact(x)$artifact$size,
    type = \(x) get_artifact(x)$artifact$type,
    summary = \(x) get_artifact(x)$artifact$summary,
    data = \(x) read_artifact(x, x$ids$artifact),
    as_python = \(x) \() artifact_as_python(x)
  )
)
