# Losses: details of a value that do not come back as they were. Each is a list of `code`, the rule; `path`, where it
# happened first; and `message`, the rest of a sentence about what is there.

# What the task says to do about losses.
task_on_loss <- function(task) {
  said <- names(loss_policies)[loss_policies == task$on_loss]
  if (length(said) == 1L) said else "warn"
}

# The first loss of each rule.
distinct_losses <- function(losses) {
  losses[!duplicated(vapply(losses, \(loss) loss$code, ""))]
}

# A loss in one line, which names artifact, path and rule.
loss_line <- function(loss, name) {
  sprintf("Loss %s in artifact '%s' at %s: it %s.", loss$code, name, loss$path, loss$message)
}

report_losses <- function(losses, name, on_loss, error_call) {
  if (length(losses) == 0L || on_loss == "ignore") {
    return(invisible())
  }
  if (on_loss == "error") {
    abort_value_loss(losses, name, error_call)
  }
  lines <- vapply(losses, loss_line, "", name)
  cli::cli_warn(
    c("Artifact {.field {name}} is not stored exactly.", loss_bullets("lines", lines)),
    class = c("instep_warning_loss", "instep_warning"),
    losses = losses
  )
}

abort_value_loss <- function(losses, name, error_call) {
  reasons <- vapply(losses, \(loss) sprintf("%s at %s: it %s.", loss$code, loss$path, loss$message), "")
  cli::cli_abort(
    c(
      "Artifact {.field {name}} can't be stored without loss, as {.arg on_loss} demands.",
      loss_bullets("reasons", reasons)
    ),
    class = c("instep_error_value_loss", "instep_error_value_encode", "instep_error"),
    artifact = name, path = losses[[1L]]$path, code = losses[[1L]]$code, losses = losses, call = error_call
  )
}

# Bullets that show the elements of a variable as they are: what is in them is no markup.
loss_bullets <- function(variable, texts) {
  stats::setNames(sprintf("{%s[[%d]]}", variable, seq_along(texts)), rep("x", length(texts)))
}

# Does with the losses of an artifact that is about to be stored as the task says: an error, or a line for each in the
# task's log. What was told once in an attempt is not told again.
heed_losses <- function(attempt, name, losses) {
  on_loss <- task_on_loss(attempt$task)
  if (on_loss == "error" && length(losses) > 0L) {
    abort_value_loss(losses, name, NULL)
  }
  if (on_loss == "warn") {
    lines <- setdiff(vapply(losses, loss_line, "", name), attempt$told)
    attempt$told <- c(attempt$told, lines)
    cat(sprintf("%s\n", lines), sep = "", file = stderr())
  }
}
