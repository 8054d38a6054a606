# One attempt of a task: runs the step, and reports how it ended.

# Runs one attempt of a task and reports how it ended. Answers with the CompleteTaskResponse.
run_task <- function(session, task, problem, reuse, leased_ms) {
  set_environment(task$env)
  forget_random_state()
  the$task <- task_facts(task)
  the$told <- character()
  attempt <- new_attempt(session, task)
  attempt$timings$lease <- leased_ms
  the$attempt <- attempt
  on.exit({
    the$attempt <- NULL
    the$task <- NULL
  })
  # Only user code is interrupted: a cancel can come as several signals, by the host and by the keeper.
  suspendInterrupts({
    outcome <- tryCatch(
      attempt_outcome(attempt, problem),
      error = \(condition) failed(condition_failure(condition, kind = failure_kind(condition, "INTERNAL")))
    )
    tell_outcome(attempt, outcome)
    close_devices()
    answer <- report(attempt, outcome, want_next = reuse)
    forget_interrupt()
    answer
  })
}

# Takes an interrupt that has come since user code has ended.
forget_interrupt <- function() {
  tryCatch(allowInterrupts(Sys.sleep(0)), interrupt = \(interrupt) NULL)
}

# What is known about a running attempt. An environment, because its timings are filled in along the way.
new_attempt <- function(session, task) {
  attempt <- new.env(parent = emptyenv())
  attempt$session <- session
  attempt$task <- task
  attempt$timings <- list()
  attempt$fetch <- blob_reader(session$connection, session$object_root, task$lease$lease_token)
  attempt$keeper <- keeper_start_(
    session$connection$channel, session$token, task$lease$lease_token, task$lease$heartbeat_ms,
    session$connection$call_ms, session$connection$orphan_ms, task$attempt_timeout_ms,
    Sys.getenv("INSTEP_STDOUT_FILE"), Sys.getenv("INSTEP_STDERR_FILE")
  )
  attempt
}

# Measures an expression and adds its time to a phase of the attempt.
timed <- function(attempt, phase, expression) {
  before <- attempt$timings[[phase]] %||% 0
  started <- process_clock_()
  on.exit(attempt$timings[[phase]] <- before + elapsed_ms(started))
  expression
}

# The outcome of an attempt: a list with one arm of CompleteTaskRequest's `outcome`, and `partial_outputs`.
attempt_outcome <- function(attempt, problem) {
  if (!is.null(problem)) {
    return(failed(plain_failure("FAILURE_KIND_CODE_LOAD", problem$message)))
  }
  fun <- tryCatch(step_function(attempt$task), error = identity)
  if (inherits(fun, "error")) {
    return(failed(condition_failure(fun, kind = "FAILURE_KIND_CODE_LOAD")))
  }
  self <- new_self(attempt$task, attempt$fetch)
  attempt$self <- self
  if (isTRUE(attempt$task$catch$only_handle)) {
    return(success(attempt, caught = failure_to_handle(attempt$task)))
  }
  arguments <- list(self = self)
  if (attempt$task$is_join) {
    joins <- all_joins(attempt$session, attempt$task)
    arguments$inputs <- new_inputs(joins, attempt$task$inputs, attempt$task, attempt$fetch)
    attempt$inputs <- arguments$inputs
  }
  trouble <- run_user_code(attempt, fun, arguments)
  if (is.null(trouble)) {
    return(success(attempt))
  }
  if (inherits(trouble$condition, "interrupt")) {
    return(interrupted(attempt))
  }
  failure <- condition_failure(trouble$condition, trouble$frames, failure_kind(trouble$condition, "USER_ERROR"))
  if (catches(attempt$task)) {
    return(success(attempt, caught = failure))
  }
  failed(failure, partial_outputs(attempt))
}

# Calls the step's function. Answers with NULL, or with what went wrong.
run_user_code <- function(attempt, fun, arguments) {
  trouble <- NULL
  keeper_phase_(attempt$keeper, 2L)
  tryCatch(
    allowInterrupts({
      trouble <- timed(attempt, "run", call_step(fun$fun, fun$label, arguments, \(i) raise_timeout(attempt)))
      keeper_phase_(attempt$keeper, 3L)
      Sys.sleep(0) # here R takes an interrupt that came when the code had just ended
    }),
    interrupt = \(interrupt) trouble <<- trouble %||% list(condition = interrupt, frames = list())
  )
  keeper_phase_(attempt$keeper, 3L)
  if (keeper_timed_out_(attempt$keeper)) late_trouble(attempt$task, trouble) else trouble
}

# Whether an error of user code in this attempt is handled.
catches <- function(task) !is.null(task$catch) && task$attempt >= task$max_attempts - 1L

# What an attempt handles that runs no code of the user's: the error that the one before raised. When that died
# without raising one, this is told.
failure_to_handle <- function(task) {
  last <- task$previous_failure
  if (length(last$classes) > 0L) {
    return(last)
  }
  count <- if (task$attempt == 1L) "1 attempt" else paste(task$attempt, "attempts")
  message <- sprintf(
    "Step '%s' failed in %s, the last one without raising an error. %s",
    task$step, count, last$message %||% "It is not known why."
  )
  list(
    kind = "FAILURE_KIND_WORKER_LOST", classes = "instep.errors.FailureHandledByCatch", message = message, cause = last
  )
}

# The FailureKind of a condition; `otherwise` for one that does not say.
failure_kind <- function(condition, otherwise) {
  if (is_out_of_memory(condition)) {
    return("FAILURE_KIND_OUT_OF_MEMORY")
  }
  if (isTRUE(condition$code %in% c("BLOB_CORRUPT", "BLOB_MISSING"))) {
    return("FAILURE_KIND_INPUT_MISSING")
  }
  kinds <- c(
    TimeoutException = "ATTEMPT_TIMEOUT",
    instep_error_value_encode = "OUTPUT_ENCODE",
    instep_error_value_decode = "INPUT_DECODE",
    instep_error_blob_missing = "INPUT_MISSING",
    instep_error_blob_corrupt = "INPUT_MISSING",
    instep_error_foreach = "USER_ERROR",
    instep_error_switch = "USER_ERROR"
  )
  known <- kinds[intersect(class(condition), names(kinds))]
  paste0("FAILURE_KIND_", if (length(known) > 0L) known[[1L]] else otherwise)
}

# R has no class for these errors, and their text is in the user's language.
is_out_of_memory <- function(condition) {
  known <- c(
    "cannot allocate vector of size %0.1f Gb", "cannot allocate memory", "memory exhausted (limit reached?)",
    "std::bad_alloc"
  )
  begins <- sub("%.*", "", c(known, gettext(known, domain = "R")))
  inherits(condition, "error") && any(startsWith(condition_text(condition), begins))
}

# The function of the task's step and the name that it has in a traceback.
step_function <- function(task) {
  entry <- task$entry_point
  if (nzchar(entry[["function"]])) {
    return(list(fun = get(entry[["function"]], globalenv(), mode = "function"), label = entry[["function"]]))
  }
  step <- the$flow$steps[[task$step]]
  if (is.null(step$reference$body)) {
    abort("File {.file {entry$file}} declares no step {.val {task$step}}.", "step_unknown", call = NULL)
  }
  fun <- step$reference$body
  named <- Filter(\(name) identical(get0(name, globalenv(), mode = "function"), fun), ls(globalenv()))
  list(fun = fun, label = if (length(named) > 0L) named[[1L]] else task$step)
}

failed <- function(failure, partial_outputs = NULL) list(failure = failure, partial_outputs = partial_outputs)

# An interrupt is a cancel when the orchestrator says so; else somebody sent a signal.
interrupted <- function(attempt) {
  if (keeper_cancelled_(attempt$keeper, TRUE)) {
    return(list(cancelled = list(reason = keeper_cancel_reason_(attempt$keeper))))
  }
  failed(plain_failure("FAILURE_KIND_USER_ERROR", "The step was interrupted."))
}

# Writes to the log what went wrong.
tell_outcome <- function(attempt, outcome) {
  failure <- outcome$failure %||% if (isTRUE(attempt$task$catch$print_exception)) outcome$success$caught
  text <- if (!is.null(failure)) {
    failure$traceback %||% failure$message
  } else if (!is.null(outcome$cancelled)) {
    paste("Cancelled.", outcome$cancelled$reason)
  }
  if (!is.null(text)) {
    cat(text, "\n", sep = "", file = stderr())
  }
}

# Reports how the attempt ended. Blobs that the store has lost in the meantime are stored again, at most twice.
report <- function(attempt, outcome, want_next, rounds = 2L) {
  tryCatch(
    complete(attempt, outcome, want_next),
    instep_error_blob_missing = function(condition) {
      if (rounds == 0L || is.null(attempt$encoded)) {
        stop(condition)
      }
      lapply(attempt$encoded, \(encoded) store_manifest(attempt, encoded))
      report(attempt, outcome, want_next, rounds - 1L)
    }
  )
}

# Reports how the attempt ended, once: repeats are the same report with the same id.
complete <- function(attempt, outcome, want_next = FALSE) {
  shared <- nzchar(attempt$session$object_root)
  flush(stdout())
  flush(stderr())
  keeper_report_(attempt$keeper, !shared)
  attempt$report <- attempt$report %||% c(outcome, list(
    lease_token = attempt$task$lease$lease_token,
    completion_id = paste(attempt$task$lease$lease_id, Sys.getpid(), sep = "-"),
    timings = lapply(names(attempt$timings), \(phase) list(phase = phase, duration_ms = attempt$timings[[phase]])),
    stdout_end = spool_size("INSTEP_STDOUT_FILE"),
    stderr_end = spool_size("INSTEP_STDERR_FILE"),
    want_next = if (want_next) lease_request(lease_wait_ms(attempt$session))
  ))
  the$attempt <- NULL
  answer <- rpc_retry(attempt$session$connection, "WorkerService/CompleteTask", attempt$report, slow = want_next)
  keeper_stop_(attempt$keeper)
  answer
}

# The files that take what the worker writes begin anew with each task: the orchestrator has what they held.
empty_spool <- function() {
  for (file in Sys.getenv(c("INSTEP_STDOUT_FILE", "INSTEP_STDERR_FILE"))) {
    if (file.exists(file)) close(file(file, "w"))
  }
}

spool_size <- function(variable) {
  size <- file.size(Sys.getenv(variable))
  if (is.na(size)) 0 else size
}
