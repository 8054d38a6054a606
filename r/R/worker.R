# A worker: leases a task, runs the step, hands back what it left behind.

exit_success <- 0L
exit_failure <- 70L
exit_lost <- 74L # as in keeper.cpp
exit_auth <- 75L
exit_version <- 76L

# The main program of a worker that was not forked: `Rscript -e 'instep:::worker_main()'`.
worker_main <- function() {
  process_die_with_parent_()
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
  leave_sinks()
  the$including <- TRUE
}

# A worker never comes back to the prompt, where R shows warnings that it has put off.
show_warnings_at_once <- function() {
  if (getOption("warn") == 0L) {
    options(warn = 1L)
  }
}

# Every task begins with fresh random state: R makes it anew when it finds none.
forget_random_state <- function() {
  if (exists(".Random.seed", globalenv(), inherits = FALSE)) {
    rm(".Random.seed", envir = globalenv())
  }
}

# Finishes the files of plots that the step left open. R does so on its way out, which a worker does not take.
close_devices <- function() {
  if (isNamespaceLoaded("grDevices") && !is.null(grDevices::dev.list())) {
    grDevices::graphics.off()
  }
}

# Works as told, then ends the process through `leave`. A step that ends R by itself is reported on the way out: R runs
# exit finalizers before anything else.
work_and_exit <- function(bootstrap, problem, leave) {
  show_warnings_at_once()
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
    instep_error_transport = \(cnd) exit_with(if (cnd$code == code_unimplemented) exit_version else exit_lost)(cnd),
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

# Has the kernel end this process, and what it starts, before the orchestrator, when the machine's memory is used up.
die_first <- function() {
  if (file.exists("/proc/self/oom_score_adj")) {
    tryCatch(cat("500", file = "/proc/self/oom_score_adj"), error = \(e) NULL, warning = \(w) NULL)
  }
}

work <- function(bootstrap, problem) {
  die_first()
  set_environment(bootstrap$env)
  started <- process_clock_()
  session <- open_session(bootstrap)
  lease <- session$lease
  state <- if (bootstrap$reuse) process_state()
  repeat {
    task <- next_task(session, lease)
    if (is.null(task)) {
      return(exit_success)
    }
    answer <- run_task(session, task, problem, reuse = bootstrap$reuse, leased_ms = elapsed_ms(started))
    if (!bootstrap$reuse) {
      return(exit_success)
    }
    restore_process(state)
    empty_spool()
    started <- process_clock_()
    lease <- answer[["next"]]
  }
}

set_environment <- function(entries) {
  if (length(entries) > 0L) {
    do.call(Sys.setenv, as.list(key_values_decode(entries)))
  }
}

elapsed_ms <- function(since) process_clock_() - since

# The step has called quit(). Everything that R would do on its way out must not happen in a worker.
report_quit <- function() {
  attempt <- the$attempt
  if (is.null(attempt)) {
    return(invisible())
  }
  message <- paste0(
    "Step '", attempt$task$step, "' ended R by quit(). A step must return, so that the flow can go on."
  )
  outcome <- failed(plain_failure("FAILURE_KIND_USER_ERROR", message))
  tell_outcome(attempt, outcome)
  complete(attempt, outcome)
}
