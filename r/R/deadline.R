# The time that a step's code may take. When it is over, the keeper interrupts R (keeper.cpp), and here the interrupt
# becomes an error of class TimeoutException.

# Turns the interrupt that ends the time of a step into an error. What cleans up after it is not interrupted.
raise_timeout <- function(attempt) {
  if (keeper_timed_out_(attempt$keeper)) {
    keeper_phase_(attempt$keeper, 3L)
    stop(timeout_condition(attempt$task))
  }
}

# What went wrong in a step whose time was over. The programs that it was waiting for have been interrupted, too, so that
# it may have returned, or have failed in another way.
late_trouble <- function(task, trouble) {
  condition <- trouble$condition
  if (inherits(condition, "TimeoutException")) {
    return(trouble)
  }
  cause <- if (!inherits(condition, "interrupt")) condition
  list(condition = timeout_condition(task, cause), frames = trouble$frames %||% list())
}

timeout_condition <- function(task, cause = NULL) {
  seconds <- task$attempt_timeout_ms / 1000
  errorCondition(
    sprintf("Step '%s' took longer than its timeout of %s.", task$step, duration_text(seconds)),
    class = c("TimeoutException", "instep_error"), step = task$step, seconds = seconds, parent = cause
  )
}

# A duration for people, as Python writes it.
duration_text <- function(seconds) {
  whole <- round(seconds)
  if (seconds < 60) {
    sprintf(if (seconds < 1) "%.2f s" else "%.1f s", seconds)
  } else if (whole < 3600) {
    sprintf("%d min %d s", whole %/% 60, whole %% 60)
  } else {
    sprintf("%d h %d min", whole %/% 3600, whole %/% 60 %% 60)
  }
}
