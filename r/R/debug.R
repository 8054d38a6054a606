# A prompt of R in the place of a task that ran: `instep debug`. `self` and `inputs` are made as a worker makes them, from
# the stored run; what is assigned to them stays in this session. The global environment is that of the flow's file, so
# that a function that is typed in takes the place of the file's own also where other functions call it.

# What R runs as the user's profile when a prompt is asked for: the user's own, and what is to happen when R is up.
debug_profile <- function() {
  own <- Sys.getenv("INSTEP_R_PROFILE_USER")
  Sys.unsetenv(c("INSTEP_R_PROFILE_USER", "R_PROFILE_USER"))
  if (nzchar(own)) Sys.setenv(R_PROFILE_USER = own)
  profile <- Find(file.exists, if (nzchar(own)) path.expand(own) else c(".Rprofile", path.expand("~/.Rprofile")))
  if (!is.null(profile)) sys.source(profile, globalenv())
  users <- get0(".First", globalenv(), mode = "function", inherits = FALSE)
  assign(".First", \() debug_first(users), globalenv())
}

# R calls it before it attaches its own packages.
debug_first <- function(users) {
  rm(list = ".First", envir = globalenv())
  if (!is.null(users)) {
    users()
  }
  get(".First.sys", baseenv())()
  arguments <- commandArgs(trailingOnly = TRUE)
  tryCatch(
    cat(debug_banner(debug_task(arguments[[1L]], as.integer(arguments[[2L]]))), sep = "\n"),
    error = \(condition) {
      cat("Error: ", conditionMessage(condition), "\n", sep = "", file = stderr())
      quit(save = "no", status = 1L, runLast = FALSE)
    }
  )
}

# Runs code in the place of a task: `Rscript -e 'instep:::debug_command()' PATH ATTEMPT CODE`.
debug_command <- function() {
  arguments <- commandArgs(trailingOnly = TRUE)
  debug_task(arguments[[1L]], as.integer(arguments[[2L]]))
  for (expression in parse(text = arguments[[3L]], keep.source = TRUE, encoding = "UTF-8")) {
    result <- withVisible(eval(expression, globalenv()))
    if (result$visible) print(result$value)
  }
}

# Makes this session what the worker's was, and puts the task's objects into the global environment. Answers with the
# task and the step's function.
debug_task <- function(path, attempt) {
  ids <- check_path(path, 4L, call = NULL)
  connection <- client_connection()
  request <- list(flow = ids[[1L]], run_id = ids[[2L]], task_id = ids[[4L]], attempt = attempt)
  answer <- rpc_retry(connection, "ControlService/GetTask", request, slow = TRUE)
  graph <- rpc_retry(connection, "ControlService/GetRun", request[c("flow", "run_id")], slow = TRUE)$graph
  task <- answer$task
  setwd(answer$working_directory)
  use_configs(graph$configs)
  problem <- load_file(task$entry_point$file)
  if (!is.null(problem)) {
    abort("{problem$message}", "source_load", call = NULL)
  }
  set_environment(task$env)
  the$task <- task_facts(task)
  replay <- list(
    task = task, step = step_function(task),
    fetch = blob_reader(connection, answer$object_root, raw())
  )
  tell_changed_code(replay, graph)
  fresh_task(replay)
  offer("fresh", \() fresh_task(replay))
  offer("run_step", \(fun = NULL) run_step(replay, fun))
  replay
}

# The configs that the flow's file reads while it is loaded are those of the run.
use_configs <- function(configs) {
  texts <- Filter(\(config) !is.null(config$text), configs)
  if (length(texts) > 0L) {
    values <- stats::setNames(lapply(texts, \(config) config$text), vapply(texts, \(config) config$name, ""))
    Sys.setenv(INSTEP_FLOW_CONFIG_VALUE = json_text(values))
  }
}

# A function of the flow's that has this name already is not replaced: the step may call it.
offer <- function(name, fun) {
  if (!exists(name, globalenv(), inherits = FALSE)) assign(name, fun, globalenv())
}

tell_changed_code <- function(replay, graph) {
  step <- Find(\(step) step$name == replay$task$step, graph$steps)
  now <- code_digest(replay$step$fun)
  if (nzchar(now) && nzchar(step$code) && now != step$code) {
    message(sprintf(
      "The code of step '%s' has changed since run %s: this is the code of now.", step$name, replay$task$run_id
    ))
  }
}

# Sets `self`, and `inputs` in a join, back to what the task saw.
fresh_task <- function(replay) {
  task <- replay$task
  assign("self", new_self(task, replay$fetch), globalenv())
  if (task$is_join) {
    assign("inputs", new_inputs(task$joins, task$inputs, task, replay$fetch), globalenv())
  }
  invisible()
}

# Runs the step, or a function in its place, on a fresh `self`.
run_step <- function(replay, fun = NULL) {
  fresh_task(replay)
  call <- if (is.null(fun)) replay_call(replay) else as.call(c(list(fun), replay_arguments(replay)))
  eval(call, globalenv())
  state <- self_state(get("self", globalenv()))
  foreach_count(state)
  switch_case(state)
  invisible()
}

replay_arguments <- function(replay) c(list(quote(self)), if (replay$task$is_join) list(quote(inputs)))

# The call of the step's function as a person types it, if it has a name, which R then shows in its messages.
replay_call <- function(replay) {
  fun <- if (is_named(replay)) as.name(replay$step$label) else replay$step$fun
  as.call(c(list(fun), replay_arguments(replay)))
}

is_named <- function(replay) {
  identical(get0(replay$step$label, globalenv(), mode = "function", inherits = FALSE), replay$step$fun)
}

debug_banner <- function(replay) {
  task <- replay$task
  seen <- paste(sort(names(by_name(task$inputs))), collapse = ", ")
  level <- if (length(task$foreach) > 0L) task$foreach[[length(task$foreach)]]
  lines <- c(
    self = paste0(
      "what the task saw: ", if (nzchar(seen)) seen else "nothing",
      if (!is.null(level)) sprintf("; self$input is item %s of %s, counted from 0", level$index, level$variable)
    ),
    inputs = if (task$is_join) {
      sprintf("the %d task%s that it joins", length(task$joins), if (length(task$joins) == 1L) "" else "s")
    },
    if (is_named(replay)) stats::setNames("runs the step on `self`", deparse(replay_call(replay))),
    "run_step()" = "runs the step on a fresh `self`; run_step(f) runs your function f instead",
    "fresh()" = "sets `self` back to what the task saw",
    if (is_named(replay)) stats::setNames("stops in the step when it runs next", sprintf("debug(%s)", replay$step$label)),
    "traceback()" = "shows the calls that led to the last error"
  )
  c(
    sprintf("  %-20s  %s", names(lines), lines),
    "Nothing that you do here changes the run. Ctrl-D leaves."
  )
}
