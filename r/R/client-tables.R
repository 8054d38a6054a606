# Tables of runs, steps, tasks and artifacts, and the filters that the server applies.

#' Tables of runs and tasks
#'
#' `runs()` finds runs in the store, `tasks()` tasks of a run or step. The filters are applied in the database, so that
#' the newest failed runs among very many are found at once.
#'
#' @param flow Name of a flow, a flow, or an object as from [flow_client()]. By default all flows.
#' @param status Only those with one of these statuses, a character vector. Of runs: `"pending"`, `"running"`,
#'   `"cancelling"`, `"succeeded"`, `"failed"`, `"cancelled"`; of tasks: `"waiting"`, `"ready"`, `"active"`,
#'   `"retry_wait"`, `"succeeded"`, `"failed"`, `"skipped"`, `"cancelled"`.
#' @param since,before Only runs made at this time or later, and before this time: a POSIXct, a Date, a difftime before
#'   now, or a string such as `"1 week"`, `"90 minutes"`, `"2026-11-01"` or `"2026-11-01 09:30"`, in local time.
#' @param tags Only runs that have all of these tags, a character vector.
#' @param step Only runs that have a task of this step, a string; only tasks of this step.
#' @param n At most so many, the newest. By default all.
#' @param x A run or a step: an object as from [run_client()], or its path.
#' @returns A data frame with one row each, the newest first. Of runs: `flow` (without a `flow` given), `id`, `status`,
#'   `started` (POSIXct), `duration` (difftime in seconds, NA before the end), `user`, and `tags`, a list of the tags that
#'   people gave. Of tasks: `step`, `id`, `index`, `status`, `attempts`, `started` and `duration` of the last attempt.
#' @seealso [flow_client()] for objects; [set_namespace()] for whose runs are seen.
#' @export
#' @examples
#' \dontrun{
#' runs("Pricing", status = "failed", since = "1 week")
#' tasks("Pricing/12", status = "failed")
#' }
runs <- function(flow = NULL, status = NULL, since = NULL, before = NULL, tags = NULL, step = NULL, n = Inf) {
  x <- unclass(runs_client(flow))
  records <- run_records(x, status = status, since = since, before = before, tags = tags, step = step, n = n)
  runs_table(records, with_flow = is.null(flow))
}

#' @rdname runs
#' @export
tasks <- function(x, status = NULL, step = NULL, n = Inf) {
  if (is_string(x)) {
    x <- if (lengths(regmatches(x, gregexpr("/", x))) == 1L) run_client(x) else step_client(x)
  }
  if (!inherits(x, c("instep_run_client", "instep_step_client"))) {
    abort("{.arg x} must be a run or a step, or its path, not {.obj_type_friendly {x}}.", "argument")
  }
  x <- unclass(x)
  if (!is.null(step)) {
    check_string(step)
    x$ids$step <- step
    get_step(x)
  }
  tasks_table(list_tasks(x, states = state_names(status, task_states, "status"), n = n))
}

# What runs() searches in: the runs of a flow, or of all.
runs_client <- function(flow, call = parent.frame()) {
  if (inherits(flow, "instep_flow_client")) {
    return(flow)
  }
  name <- if (is_flow(flow)) flow$name else flow
  if (is.null(name)) {
    return(new_client("flow", list()))
  }
  check_string(name, "flow", call = call)
  found <- new_client("flow", list(flow = name))
  get_run(unclass(found)) # a name that no flow has is an error; a flow without runs in the namespace is none
  found
}

run_states <- c("pending", "running", "cancelling", "succeeded", "failed", "cancelled")
task_states <- c("waiting", "ready", "active", "retry_wait", "succeeded", "failed", "skipped", "cancelled")

# Statuses as the protocol names them.
state_names <- function(status, known, arg, call = parent.frame()) {
  wrong <- if (is.character(status)) setdiff(status, known) else status
  if (length(wrong) > 0L) {
    abort(
      c("{.arg {arg}} can't be {.val {wrong}}.", i = "The statuses are {.val {known}}."),
      "argument",
      call = call
    )
  }
  prefix <- if (identical(known, run_states)) "RUN_STATE_" else "TASK_STATE_"
  if (length(status) > 0L) paste0(prefix, toupper(status))
}

# Records of runs, newest first, page by page.
run_records <- function(x, status = NULL, since = NULL, before = NULL, tags = NULL, step = NULL, n = Inf,
                        call = parent.frame()) {
  request <- c(
    x$ids["flow" %in% names(x$ids)],
    list(
      states = state_names(status, run_states, "status", call),
      since_unix_ms = unix_ms(since, "since", call),
      before_unix_ms = unix_ms(before, "before", call),
      tags = c(x$namespace, check_tags(tags, call)),
      step = if (!is.null(step)) check_text(step, "step", call)
    )
  )
  records <- list()
  repeat {
    request$limit <- as.integer(min(n - length(records), 1000))
    page <- client_call(x, "ControlService/ListRuns", request)
    records <- c(records, page$runs)
    if (!nzchar(page[["next"]]) || length(records) >= n) {
      return(records)
    }
    request$after <- page[["next"]]
  }
}

check_text <- function(x, arg, call) {
  check_string(x, arg, call = call)
  x
}

check_tags <- function(tags, call = parent.frame()) {
  for (tag in as.list(tags)) {
    if (!is.character(tag) || anyNA(tag)) {
      abort("A tag must be a text, not {.obj_type_friendly {tag}}.", "tag_invalid", call = call)
    }
  }
  as.character(unlist(tags))
}

# A time as unix milliseconds. NULL: any time.
unix_ms <- function(when, arg, call = parent.frame()) {
  if (is.null(when)) {
    return(NULL)
  }
  time <- if (is_string(when)) parsed_time(trimws(when)) else when
  if (inherits(time, "difftime")) {
    time <- Sys.time() - time
  } else if (inherits(time, "Date")) {
    time <- as.POSIXct(format(time)) # the local day begins
  }
  if (!inherits(time, "POSIXt") || length(time) != 1L || is.na(time)) {
    abort(
      c(
        "{.arg {arg}} says no time.",
        i = "Give a POSIXct, a Date, a difftime before now, or a text such as {.val 1 week} or {.val 2026-11-01 09:30}."
      ),
      "argument",
      call = call
    )
  }
  round(as.numeric(as.POSIXct(time)) * 1000)
}

# A difftime or a POSIXct, from a text. NULL: it says neither.
parsed_time <- function(text) {
  lower <- tolower(text)
  ago <- regmatches(lower, regexec("^([0-9.]+) *(second|minute|hour|day|week)s?$", lower))[[1L]]
  if (length(ago) == 3L) {
    units <- c(second = "secs", minute = "mins", hour = "hours", day = "days", week = "weeks")
    return(as.difftime(suppressWarnings(as.numeric(ago[[2L]])), units = units[[ago[[3L]]]]))
  }
  formats <- c("%Y-%m-%d %H:%M:%OS", "%Y-%m-%d %H:%M", "%Y-%m-%d")
  text <- sub("T", " ", text, fixed = TRUE)
  for (format in formats[nchar(gsub("[^-: ]", "", text)) == c(5L, 4L, 2L)]) {
    return(as.POSIXct(text, format = format))
  }
  NULL
}

runs_table <- function(records, with_flow) {
  table <- data.frame(
    flow = texts(records, "flow"),
    id = texts(records, "run_id"),
    status = state_name(texts(records, "state")),
    started = instant(numbers(records, "created_unix_ms"), tz = ""),
    duration = seconds(numbers(records, "finished_unix_ms") - numbers(records, "created_unix_ms")),
    user = texts(records, "user")
  )
  table$tags <- lapply(records, \(run) as.character(run$user_tags))
  if (with_flow) table else table[-1L]
}

steps_table <- function(records) {
  data.frame(
    step = texts(records, "name"),
    language = texts(records, "language"),
    tasks = as.integer(numbers(records, "tasks")),
    succeeded = as.integer(numbers(records, "succeeded")),
    failed = as.integer(numbers(records, "failed")),
    started = instant(numbers(records, "created_unix_ms"), tz = ""),
    duration = seconds(numbers(records, "finished_unix_ms") - numbers(records, "created_unix_ms"))
  )
}

tasks_table <- function(records) {
  last <- lapply(records, \(task) if (length(task$attempts) > 0L) task$attempts[[length(task$attempts)]])
  data.frame(
    step = texts(records, "step"),
    id = texts(records, "task_id"),
    index = as.integer(numbers(records, "index")),
    status = state_name(texts(records, "state")),
    attempts = lengths(lapply(records, \(task) task$attempts)),
    started = instant(numbers(last, "leased_unix_ms"), tz = ""),
    duration = seconds(numbers(last, "finished_unix_ms") - numbers(last, "leased_unix_ms"))
  )
}

artifacts_table <- function(records) {
  records <- Filter(\(artifact) !startsWith(artifact$name, "_"), records)
  data.frame(
    artifact = texts(records, "name"),
    type = texts(records, "type"),
    size = numbers(records, "size"),
    summary = texts(records, "summary")
  )
}

texts <- function(records, field) vapply(records, \(record) record[[field]] %||% "", "")

numbers <- function(records, field) vapply(records, \(record) as.numeric(record[[field]] %||% NA), 0)

seconds <- function(milliseconds) as.difftime(milliseconds / 1000, units = "secs")

#' @export
as.data.frame.instep_client <- function(x, ...) {
  bare <- unclass(x)
  switch(bare$kind,
    flow = runs(x),
    run = steps_table(list_steps(bare)),
    step = tasks(x),
    task = artifacts_table(artifact_records(bare)),
    abort("An artifact has no children. Its value is its field {.field data}.", "argument", call = NULL)
  )
}

#' @export
summary.instep_client <- function(object, ...) as.data.frame(object)
