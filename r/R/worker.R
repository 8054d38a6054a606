# A worker: leases a task, runs the step, hands back what it left behind.

exit_success <- 0L
exit_failure <- 70L
exit_lost <- 74L # as in keeper.cpp
exit_auth <- 75L
exit_version <- 76L

# The main program of a worker that was not forked: `Rscript -e 'instep:::worker_main()'`.
worker_main <- function() {
  fd <- as.integer(Sys.getenv("INSTEP_BOOTSTRAP_FD"))
  bootstrap <- message_decode("WorkerBootstrap", fd_read_frame_(fd))
  fd_close_(fd)
  Sys.unsetenv("INSTEP_BOOTSTRAP_FD")
  problem <- load_file(bootstrap$file)
  work_and_exit(bootstrap, problem, \(status) {
    unlink(tempdir(), recursive = TRUE)
    process_exit_(status)
  })
}

# The whole life of a forked worker, in the child. Does not return.
forked_worker_main <- function(fork) {
  tryCatch(
    {
      leave_host()
      Sys.setenv(INSTEP_STDOUT_FILE = fork$stdout_file, INSTEP_STDERR_FILE = fork$stderr_file)
      directory <- process_tempdir_(tempdir())
      work_and_exit(fork$bootstrap, NULL, \(status) {
        unlink(directory, recursive = TRUE)
        process_exit_(status)
      })
    },
    error = \(e) cat(conditionMessage(e), "\n", file = stderr()),
    finally = process_exit_(exit_failure)
  )
}

# Undoes what a worker has inherited from its host and must not share with its siblings.
leave_host <- function() {
  while (sink.number() > 0L) sink()
  if (sink.number("message") != 2L) sink(type = "message")
  the$including <- TRUE
  suppressWarnings(rm(".Random.seed", envir = globalenv()))
}

# Works as told, then ends the process through `leave`. A step that ends R by itself is reported on the way out: R runs
# exit finalizers before anything else.
work_and_exit <- function(bootstrap, problem, leave) {
  if (getOption("warn") == 0L) {
    options(warn = 1L) # a worker never comes back to the prompt, where R shows warnings that it has put off
  }
  the$guard <- new.env()
  reg.finalizer(the$guard, \(guard) {
    report_quit()
    leave(exit_failure)
  }, onexit = TRUE)
  status <- tryCatch(
    work(bootstrap, problem),
    interrupt = \(i) exit_failure,
    instep_error_lease_lost = exit_with(exit_lost),
    instep_error_lease_closed = exit_with(exit_lost),
    instep_error_session_replaced = exit_with(exit_lost),
    instep_error_version_unsupported = exit_with(exit_version),
    instep_error_capability_required = exit_with(exit_version),
    instep_error_token_unknown = exit_with(exit_auth),
    instep_error_token_expired = exit_with(exit_auth),
    instep_error_token_scope = exit_with(exit_auth),
    error = exit_with(exit_failure)
  )
  leave(status)
}

exit_with <- function(status) {
  function(condition) {
    cat("Instep worker: ", conditionMessage(condition), "\n", sep = "", file = stderr())
    status
  }
}

work <- function(bootstrap, problem) {
  set_environment(bootstrap$env)
  started <- Sys.time()
  session <- open_session(bootstrap)
  lease <- session$lease
  repeat {
    task <- next_task(session, lease)
    if (is.null(task)) {
      return(exit_success)
    }
    answer <- run_task(session, task, problem, reuse = bootstrap$reuse, leased_ms = elapsed_ms(started))
    if (!bootstrap$reuse) {
      return(exit_success)
    }
    empty_spool()
    started <- Sys.time()
    lease <- answer[["next"]]
  }
}

set_environment <- function(entries) {
  if (length(entries) > 0L) {
    do.call(Sys.setenv, as.list(key_values_decode(entries)))
  }
}

elapsed_ms <- function(since) as.numeric(round(difftime(Sys.time(), since, units = "secs") * 1000))

# Runs one attempt of a task and reports how it ended. Answers with the CompleteTaskResponse.
run_task <- function(session, task, problem, reuse, leased_ms) {
  set_environment(task$env)
  the$task <- task_facts(task)
  attempt <- new_attempt(session, task)
  attempt$timings$lease <- leased_ms
  the$attempt <- attempt
  on.exit({
    the$attempt <- NULL
    the$task <- NULL
  })
  outcome <- attempt_outcome(attempt, problem)
  suspendInterrupts(complete(attempt, outcome, want_next = reuse))
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
    Sys.getenv("INSTEP_STDOUT_FILE"), Sys.getenv("INSTEP_STDERR_FILE")
  )
  attempt
}

# Measures an expression and notes it as a phase of the attempt.
timed <- function(attempt, phase, expression) {
  started <- Sys.time()
  on.exit(attempt$timings[[phase]] <- elapsed_ms(started))
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
  arguments <- list(self = self)
  if (attempt$task$is_join) {
    joins <- all_joins(attempt$session, attempt$task)
    arguments$inputs <- new_inputs(joins, attempt$task$inputs, attempt$task, attempt$fetch)
  }
  keeper_phase_(attempt$keeper, 2L)
  trouble <- timed(attempt, "run", call_step(fun$fun, fun$label, arguments))
  keeper_phase_(attempt$keeper, 3L)
  if (is.null(trouble)) {
    return(tryCatch(success(attempt), error = output_failure, interrupt = \(i) interrupted(attempt)))
  }
  if (inherits(trouble$condition, "interrupt")) {
    return(interrupted(attempt))
  }
  outcome <- failed(condition_failure(trouble$condition, trouble$frames, failure_kind(trouble$condition)))
  outcome$partial_outputs <- partial_outputs(attempt)
  outcome
}

failure_kind <- function(condition) {
  if (inherits(condition, "instep_error_value_decode")) {
    "FAILURE_KIND_INPUT_DECODE"
  } else if (inherits(condition, c("instep_error_blob_missing", "instep_error_blob_corrupt"))) {
    "FAILURE_KIND_INPUT_MISSING"
  } else {
    "FAILURE_KIND_USER_ERROR"
  }
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
  named <- Filter(\(name) identical(get(name, globalenv()), fun), ls(globalenv()))
  list(fun = fun, label = if (length(named) > 0L) named[[1L]] else task$step)
}

failed <- function(failure) {
  cat(failure$traceback, "\n", sep = "", file = stderr())
  list(failure = failure)
}

# An interrupt is a cancel when the orchestrator says so, else somebody sent a signal.
interrupted <- function(attempt) {
  if (keeper_cancelled_(attempt$keeper, TRUE)) {
    reason <- keeper_cancel_reason_(attempt$keeper)
    cat("Cancelled. ", reason, "\n", sep = "", file = stderr())
    return(list(cancelled = list(reason = reason)))
  }
  failed(plain_failure("FAILURE_KIND_USER_ERROR", "The step was interrupted."))
}

output_failure <- function(condition) {
  details <- if (!is.null(condition$artifact)) list(artifact = condition$artifact) else list()
  kind <- if (inherits(condition, "instep_error_value_encode")) {
    "OUTPUT_ENCODE"
  } else if (inherits(condition, "instep_error_foreach")) {
    "USER_ERROR"
  } else {
    "INTERNAL"
  }
  failed(condition_failure(condition, kind = paste0("FAILURE_KIND_", kind), details = details))
}

# Stores what the step left behind.
success <- function(attempt) {
  state <- self_state(attempt$self)
  count <- foreach_count(state)
  assigned <- ls(state$assigned, all.names = TRUE)
  outputs <- lapply(assigned, \(name) store_output(attempt, name, get(name, state$assigned)))
  changed <- Filter(Negate(is.null), lapply(mutable_loaded(state), \(name) store_changed(attempt, name)))
  list(success = list(
    outputs = c(outputs, changed),
    foreach_count = count,
    forwarded = unname(lapply(setdiff(state$forwarded, assigned), \(name) {
      list(name = name, artifact = state$inputs[[name]]$artifact)
    }))
  ))
}

# Number of the elements over which the step's foreach goes. NULL for a step without.
foreach_count <- function(state) {
  task <- state$task
  if (task$transition$kind != "TRANSITION_KIND_FOREACH") {
    return(NULL)
  }
  name <- task$transition$foreach
  if (!name %in% names_of(state)) {
    abort(
      c(
        "Step {.val {task$step}} can't start its foreach: there is no artifact {.val {name}}.",
        i = "Assign {.code self${name}} in the step."
      ),
      "foreach",
      call = NULL
    )
  }
  item_count(self_read(state, name), name, task$step, error_call = NULL)
}

names_of <- function(state) c(names(state$inputs), ls(state$assigned, all.names = TRUE))

# Encodes and stores one artifact. Answers with its Output message.
store_output <- function(attempt, name, value) {
  encoded <- timed_more(attempt, "encode", encode_value(value, name, error_call = NULL))
  timed_more(attempt, "store", store_encoded(attempt, encoded))
  output_message(name, encoded)
}

timed_more <- function(attempt, phase, expression) {
  before <- attempt$timings[[phase]] %||% 0
  started <- Sys.time()
  on.exit(attempt$timings[[phase]] <- before + elapsed_ms(started))
  expression
}

# A value that was read and may have been changed in place: stored when its content is another.
store_changed <- function(attempt, name) {
  state <- self_state(attempt$self)
  encoded <- timed_more(attempt, "encode", encode_value(get(name, state$loaded), name, error_call = NULL))
  if (encoded$digest$hash == state$inputs[[name]]$artifact$hash) {
    return(NULL)
  }
  timed_more(attempt, "store", store_encoded(attempt, encoded))
  output_message(name, encoded)
}

# Manifests up to this size travel in messages and not through the store.
max_inline_manifest <- 64 * 1024

store_encoded <- function(attempt, encoded) {
  blobs <- encoded$blobs
  if (length(encoded$manifest) > max_inline_manifest) {
    blobs <- c(blobs, list(c(encoded$digest, list(data = encoded$manifest))))
  }
  session <- attempt$session
  store_blobs(blobs, session$connection, session$object_root, attempt$task$lease$lease_token)
}

output_message <- function(name, encoded) {
  list(
    name = name,
    artifact = encoded$digest[c("hash", "size")],
    manifest = if (length(encoded$manifest) <= max_inline_manifest) encoded$manifest,
    portable = encoded$portable,
    summary = encoded$summary,
    blobs = lapply(encoded$blobs, \(blob) list(hash = blob$hash, size = blob$size)),
    type = encoded$type
  )
}

# What a failed attempt had assigned, as far as it can be stored.
partial_outputs <- function(attempt) {
  state <- self_state(attempt$self)
  outputs <- lapply(ls(state$assigned, all.names = TRUE), \(name) {
    tryCatch(store_output(attempt, name, get(name, state$assigned)), error = \(e) NULL)
  })
  Filter(Negate(is.null), outputs)
}

# Reports how the attempt ended, once: repeats carry the same id.
complete <- function(attempt, outcome, want_next = FALSE) {
  shared <- nzchar(attempt$session$object_root)
  flush(stdout())
  flush(stderr())
  keeper_stop_(attempt$keeper, !shared)
  request <- c(outcome, list(
    lease_token = attempt$task$lease$lease_token,
    completion_id = paste(attempt$task$lease$lease_id, Sys.getpid(), sep = "-"),
    timings = lapply(names(attempt$timings), \(phase) list(phase = phase, duration_ms = attempt$timings[[phase]])),
    stdout_end = spool_size("INSTEP_STDOUT_FILE"),
    stderr_end = spool_size("INSTEP_STDERR_FILE"),
    want_next = if (want_next) lease_request()
  ))
  the$attempt <- NULL
  rpc_retry(attempt$session$connection, "WorkerService/CompleteTask", request)
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

# The step has called quit(). Everything that R would do on its way out must not happen in a worker.
report_quit <- function() {
  attempt <- the$attempt
  if (is.null(attempt)) {
    return(invisible())
  }
  message <- paste0(
    "Step '", attempt$task$step, "' ended R by quit(). A step must return, so that the flow can go on."
  )
  complete(attempt, failed(plain_failure("FAILURE_KIND_USER_ERROR", message)))
}
