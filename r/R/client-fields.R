# What the fields of client objects are. A function here takes the bare list behind an object. A field that takes
# arguments is a function that gives one.

list_runs <- function(x, ...) {
  lapply(run_records(x, ...), \(run) reach_client(x, "run", list(flow = run$flow, run_id = run$run_id)))
}

# A run that succeeded, and without an error that catch() handled in its last step.
latest_successful <- function(x) {
  for (n in c(1, 100, Inf)) {
    found <- Filter(\(run) !run$caught, run_records(x, status = "succeeded", n = n))
    if (length(found) > 0L) {
      return(reach_client(x, "run", c(x$ids, run_id = found[[1L]]$run_id)))
    }
  }
  NULL
}

first_or_null <- function(x) if (length(x) > 0L) x[[1L]]

some_ids <- function(x, ...) x$ids[intersect(c(...), names(x$ids))]

get_run <- function(x) client_call(x, "ControlService/GetRun", some_ids(x, "flow", "run_id"))

get_record <- function(x) get_run(x)$run

list_steps <- function(x) client_call(x, "ControlService/ListSteps", some_ids(x, "flow", "run_id"))$steps

get_step <- function(x) {
  steps <- list_steps(x)
  found <- Filter(\(step) step$name == x$ids$step, steps)
  if (length(found) == 0L) {
    abort(
      c(
        "Run {.val {x$ids$flow}/{x$ids$run_id}} has no tasks of a step {.val {x$ids$step}}.",
        i = "Its steps with tasks are {.val {texts(steps, 'name')}}."
      ),
      "step_unknown",
      call = NULL
    )
  }
  found[[1L]]
}

step_clients <- function(x, names) {
  run <- some_ids(x, "flow", "run_id")
  stats::setNames(lapply(names, \(name) reach_client(x, "step", c(run, step = name))), names)
}

# Steps of the graph beside one, those that have tasks. `near` tells their names from the graph's steps.
near_steps <- function(x, near) {
  names <- near(get_run(x)$graph$steps)
  step_clients(x, Filter(\(name) name %in% names, texts(list_steps(x), "name")))
}

parent_steps <- function(x) {
  near_steps(x, \(steps) texts(Filter(\(step) x$ids$step %in% step$transition$targets, steps), "name"))
}

child_steps <- function(x) {
  near_steps(x, \(steps) {
    unlist(lapply(Filter(\(step) step$name == x$ids$step, steps), \(step) step$transition$targets))
  })
}

# Tasks of a step, or of a run, newest first, page by page. `after` is the id of a task before the first one.
list_tasks <- function(x, states = NULL, n = Inf, after = "", until = \(task) FALSE) {
  tasks <- list()
  request <- c(some_ids(x, "flow", "run_id", "step"), list(states = states, after_task_id = after))
  repeat {
    request$limit <- as.integer(min(n - length(tasks), 1000))
    page <- client_call(x, "ControlService/ListTasks", request)
    tasks <- c(tasks, page$tasks)
    request$after_task_id <- page$next_after_task_id
    if (!nzchar(request$after_task_id) || length(tasks) >= n || until(tasks[[length(tasks)]])) {
      return(tasks)
    }
  }
}

get_task <- function(x) {
  tasks <- withCallingHandlers(
    client_call(x, "ControlService/ListTasks", some_ids(x, "flow", "run_id", "step", "task_id"))$tasks,
    instep_error_task_unknown = \(e) abort_task(x)
  )
  # The step in the path must be the task's own.
  if (length(tasks) == 0L || !identical(tasks[[1L]]$step, x$ids$step %||% tasks[[1L]]$step)) {
    abort_task(x)
  }
  tasks[[1L]]
}

abort_task <- function(x) {
  abort("There is no task {.val {paste(utils::head(unlist(x$ids), 4L), collapse = '/')}}.", "task_unknown", call = NULL)
}

# The attempt that was asked for, else the latest. NULL when there is none yet.
get_attempt <- function(x) {
  attempts <- get_task(x)$attempts
  number <- x$attempt
  if (!is.null(number) && !(is.numeric(number) && length(number) == 1L && number %in% numbers(attempts, "number"))) {
    abort(
      c(
        "Task {.val {paste(x$ids[1:4], collapse = '/')}} has no attempt {.val {number}}.",
        i = "Its attempts are {.val {numbers(attempts, 'number')}}."
      ),
      "attempt_unknown",
      call = NULL
    )
  }
  chosen_attempt(attempts, number)
}

chosen_attempt <- function(attempts, number) {
  if (is.null(number)) {
    return(if (length(attempts) > 0L) attempts[[length(attempts)]])
  }
  first_or_null(Filter(\(attempt) attempt$number == number, attempts))
}

end_task <- function(x) {
  end <- get_run(x)$graph$end
  if (!end %in% texts(list_steps(x), "name")) {
    return(NULL)
  }
  newest_task(reach_client(x, "step", c(x$ids, step = end)))
}

end_artifact <- function(x, name) {
  task <- end_task(x)
  if (is.null(task)) {
    abort("Run {.val {client_path(x)}} has no artifacts yet: its last step has no task.", "artifact_unknown", call = NULL)
  }
  client_child(task, name)
}

newest_task <- function(step) first_or_null(task_clients(unclass(step), list_tasks(unclass(step), n = 1)))

# Tasks of the same run as client objects, from their records.
task_clients <- function(x, records) {
  x$attempt <- NULL # it is that of one task
  run <- some_ids(x, "flow", "run_id")
  tasks <- lapply(records, \(task) reach_client(x, "task", c(run, step = task$step, task_id = task$task_id)))
  stats::setNames(tasks, texts(records, "task_id"))
}

# The tasks with certain ids, in that order. Those of a wide foreach follow each other, and are read page by page.
tasks_by_id <- function(x, ids) {
  run <- list(ids = some_ids(x, "flow", "run_id"), home = x$home)
  if (length(ids) <= 4L) {
    records <- lapply(ids, \(id) get_task(list(ids = c(run$ids, task_id = id), home = x$home)))
  } else {
    oldest <- min(as.numeric(ids))
    after <- format(max(as.numeric(ids)) + 1, scientific = FALSE)
    near <- list_tasks(run, after = after, until = \(task) as.numeric(task$task_id) <= oldest)
    records <- near[match(ids, texts(near, "task_id"))]
  }
  task_clients(x, records)
}

task_succeeded <- function(x) identical(get_attempt(x)$state, "ATTEMPT_STATE_SUCCEEDED")

# The error of an attempt, unless catch() has handled it.
attempt_exception <- function(attempt) if (!isTRUE(attempt$caught)) task_exception(attempt$failure)

run_tags <- function(x) {
  run <- get_record(x)
  sort(unique(c(run$user_tags, run$system_tags)))
}

runtime_name <- function(x) {
  first_or_null(sub("^runtime:", "", grep("^runtime:", get_record(x)$system_tags, value = TRUE)))
}

origin_path <- function(x) {
  origin <- filled(get_record(x)$origin_run_id)
  if (!is.null(origin)) paste(c(x$ids$flow, origin, x$ids$step), collapse = "/")
}

clone_path <- function(x) {
  origin <- get_task(x)$cloned_from
  if (!is.null(origin)) paste(x$ids$flow, origin$run_id, x$ids$step, origin$task_id, sep = "/")
}

# A function that changes the tags of a run: those to remove go first. Answers with the run, invisibly.
change_tags <- function(x, remove = NULL, add = NULL) {
  request <- c(x$ids, list(remove = check_tags(remove), add = check_tags(add)))
  client_call(x, "ControlService/ChangeTags", request)
  invisible(reach_client(x, "run", x$ids))
}

replace_tags <- function(x) \(remove, add) change_tags(x, remove, add)
add_tags <- function(x) \(tags) change_tags(x, add = tags)
remove_tags <- function(x) \(tags) change_tags(x, remove = tags)

# What is known of a task beside its artifacts, oldest first: of all its attempts, or of the one that was asked for.
task_metadata <- function(x) {
  task <- get_task(x)
  origin <- task$cloned_from$run_id %||% filled(get_record(x)$origin_run_id)
  made <- task$created_unix_ms
  rows <- list(
    metadatum("origin-run-id", origin, "origin-run-id", made),
    metadatum("origin-task-id", task$cloned_from$task_id, "origin-task-id", made)
  )
  for (attempt in Filter(\(attempt) is.null(x$attempt) || attempt$number == x$attempt, task$attempts)) {
    rows <- c(rows, attempt_metadata(attempt))
  }
  table <- do.call(rbind, c(list(metadatum("", character(), "", 0)), rows))
  table$created_at <- instant(table$created_at)
  table
}

attempt_metadata <- function(attempt) {
  entry <- \(name, value, type, at) metadatum(name, value, type, at, attempt$number)
  began <- attempt$leased_unix_ms
  ended <- attempt$finished_unix_ms
  rows <- list(
    entry("attempt", attempt$number, "attempt", began),
    entry("pid", if (attempt$pid > 0) format(attempt$pid, scientific = FALSE), "worker", began),
    entry("host", filled(attempt$host), "worker", began)
  )
  if (is.null(ended)) {
    return(rows)
  }
  ok <- attempt$state == "ATTEMPT_STATE_SUCCEEDED" && !attempt$caught
  memory <- if (attempt$max_rss_bytes > 0) format(attempt$max_rss_bytes, scientific = FALSE)
  c(
    rows,
    list(
      entry("attempt-ok", if (ok) "True" else "False", "attempt-status", ended),
      entry("max-rss-bytes", memory, "worker", ended)
    ),
    lapply(attempt$timings, \(timing) {
      entry(paste0(timing$phase, "-ms"), format(timing$duration_ms, scientific = FALSE), "timing", ended)
    })
  )
}

# One row, or none where there is no value.
metadatum <- function(name, value, type, created_at, attempt = NA) {
  rows <- length(value)
  data.frame(
    name = rep(name, rows), value = as.character(value), type = rep(type, rows), created_at = rep(created_at, rows),
    attempt = rep(as.integer(attempt), rows)
  )
}

metadata_dict <- function(x) {
  table <- task_metadata(x)
  newest <- table[!duplicated(table$name, fromLast = TRUE), ]
  as.list(stats::setNames(newest$value, newest$name))
}

# Fields of all objects, and how each field of each kind of object is found.
common_fields <- list(
  id = \(x) x$ids[[length(x$ids)]],
  pathspec = \(x) client_path(x),
  path_components = \(x) unlist(x$ids, use.names = FALSE),
  parent = \(x) parent_client(x),
  is_in_namespace = \(x) \() is_in_namespace(x)
)

tag_fields <- list(
  tags = run_tags,
  user_tags = \(x) get_record(x)$user_tags,
  system_tags = \(x) get_record(x)$system_tags
)

client_fields <- list(
  flow = list(
    created_at = \(x) instant(get_run(list(ids = c(x$ids, run_id = "1"), home = x$home))$run$created_unix_ms),
    finished_at = \(x) NULL,
    latest_run = \(x) first_or_null(list_runs(x, n = 1)),
    latest_successful_run = latest_successful,
    run = \(x) \(id) client_child(x, as.character(id)),
    runs = \(x) \(status = NULL, since = NULL, before = NULL, tags = NULL, step = NULL, n = Inf) {
      list_runs(x, status = status, since = since, before = before, tags = tags, step = step, n = n)
    },
    runs_with_tags = \(x) \(...) list_runs(x, tags = c(...)),
    tags = \(x) character(),
    user_tags = \(x) character(),
    system_tags = \(x) character(),
    origin_pathspec = \(x) NULL
  ),
  run = c(tag_fields, list(
    created_at = \(x) instant(get_record(x)$created_unix_ms),
    finished_at = \(x) {
      run <- get_record(x)
      if (run$state == "RUN_STATE_SUCCEEDED") instant(run$finished_unix_ms)
    },
    status = \(x) state_name(get_record(x)$state),
    finished = \(x) get_record(x)$state == "RUN_STATE_SUCCEEDED",
    successful = \(x) {
      run <- get_record(x)
      run$state == "RUN_STATE_SUCCEEDED" && !run$caught
    },
    user = \(x) get_record(x)$user,
    exception = \(x) task_exception(get_record(x)$failure),
    origin_pathspec = origin_path,
    steps = \(x) step_clients(x, texts(list_steps(x), "name")),
    step = \(x) \(name) client_child(x, name),
    end_task = end_task,
    data = \(x) {
      task <- end_task(x)
      if (!is.null(task)) task$data
    },
    artifact = \(x) \(name) end_artifact(x, name),
    add_tag = add_tags,
    add_tags = add_tags,
    remove_tag = remove_tags,
    remove_tags = remove_tags,
    replace_tag = replace_tags,
    replace_tags = replace_tags
  )),
  step = c(tag_fields, list(
    created_at = \(x) instant(get_step(x)$created_unix_ms),
    finished_at = \(x) instant(get_step(x)$finished_unix_ms),
    language = \(x) get_step(x)$language,
    origin_pathspec = origin_path,
    tasks = \(x) task_clients(x, list_tasks(x)),
    task = \(x) newest_task(x),
    parent_steps = parent_steps,
    child_steps = child_steps
  )),
  task = c(tag_fields, list(
    created_at = \(x) instant(get_task(x)$created_unix_ms),
    finished_at = \(x) instant(get_attempt(x)$finished_unix_ms),
    language = \(x) get_task(x)$language,
    runtime_name = runtime_name,
    current_attempt = \(x) get_attempt(x)$number %||% 0L,
    parent_tasks = \(x) tasks_by_id(x, get_task(x)$parent_task_ids),
    child_tasks = \(x) tasks_by_id(x, get_task(x)$child_task_ids),
    status = \(x) state_name(if (is.null(x$attempt)) get_task(x)$state else get_attempt(x)$state),
    finished = task_succeeded,
    successful = \(x) task_succeeded(x) && !get_attempt(x)$caught,
    index = \(x) get_task(x)$index,
    exception = \(x) attempt_exception(get_attempt(x)),
    origin_pathspec = clone_path,
    reason = \(x) filled(get_task(x)$reason),
    stdout = \(x) task_log(x, "LOG_STREAM_STDOUT"),
    stderr = \(x) task_log(x, "LOG_STREAM_STDERR"),
    loglines = \(x) \(stream = c("stdout", "stderr")) task_loglines(x, match.arg(stream)),
    metadata = task_metadata,
    metadata_dict = metadata_dict,
    artifacts = list_artifacts,
    artifact = \(x) \(name) client_child(x, name),
    data = task_data
  )),
  artifact = list(
    created_at = \(x) instant(get_attempt(x)$finished_unix_ms),
    finished_at = \(x) instant(get_attempt(x)$finished_unix_ms),
    sha = \(x) get_artifact(x)$artifact$digest$hash,
    size = \(x) get_artifact(x)$artifact$size,
    type = \(x) get_artifact(x)$artifact$type,
    summary = \(x) get_artifact(x)$artifact$summary,
    portable = \(x) get_artifact(x)$artifact$portable,
    data = \(x) read_artifact(x, x$ids$artifact),
    as_python = \(x) \() artifact_as_python(x)
  )
)
