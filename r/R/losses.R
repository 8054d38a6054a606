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
  codes <- vapply(losses, \(loss) loss$code, "")
  headline <- if (all(codes == "ENVIRONMENT_CAPTURED")) {
    "Artifact {.field {name}} is stored with environments that it has captured."
  } else {
    "Artifact {.field {name}} is not stored exactly."
  }
  warn_of_losses(headline, losses, name)
}

# What is lost in reading, unless somebody says otherwise.
warn_of_reading <- function(losses, name) {
  if (length(losses) > 0L) {
    warn_of_losses("Artifact {.field {name}} is not read exactly.", losses, name)
  }
}

warn_of_losses <- function(headline, losses, name) {
  lines <- vapply(losses, loss_line, "", name)
  cli::cli_warn(
    c(headline, loss_bullets("lines", lines)),
    class = c("instep_warning_loss", "instep_warning"),
    losses = losses
  )
}

# An artifact can't be "stored" or "read" without loss.
abort_value_loss <- function(losses, name, error_call, done = c("stored", "read")) {
  done <- match.arg(done)
  reasons <- vapply(losses, \(loss) sprintf("%s at %s: it %s.", loss$code, loss$path, loss$message), "")
  cli::cli_abort(
    c(
      "Artifact {.field {name}} can't be {done} without loss, as {.arg on_loss} demands.",
      loss_bullets("reasons", reasons)
    ),
    class = c(
      "instep_error_value_loss",
      if (done == "stored") "instep_error_value_encode" else "instep_error_value_decode",
      "instep_error"
    ),
    artifact = name, path = losses[[1L]]$path, code = losses[[1L]]$code, losses = losses, call = error_call
  )
}

# Bullets that show the elements of a variable as they are: what is in them is no markup.
loss_bullets <- function(variable, texts) {
  stats::setNames(sprintf("{%s[[%d]]}", variable, seq_along(texts)), rep("x", length(texts)))
}

# Does with the losses of an artifact that is about to be stored, or that was read, as a task says: an error, or a line
# for each in the task's log. What was told of an artifact and rule is not told again in the same task.
heed_losses <- function(task, name, losses, done = "stored") {
  on_loss <- task_on_loss(task)
  if (on_loss == "error" && length(losses) > 0L) {
    abort_value_loss(losses, name, NULL, done)
  }
  if (on_loss == "warn") {
    for (loss in losses) {
      tell_loss(loss, name)
    }
  }
}

tell_loss <- function(loss, name) tell_once(loss_line(loss, name), paste(loss$code, name))

tell_once <- function(line, key) {
  if (!key %in% the$told) {
    the$told <- c(the$told, key)
    cat(line, "\n", sep = "", file = stderr())
  }
}

# What decoding in a task does with losses.
heed_reading <- function(task) {
  \(losses, name) heed_losses(task, name, losses, "read")
}

# Called by the decoder in C++ with the steps inside the artifact, whose name it does not know; see
# translate_decoding().
signal_loss <- function(code, steps, message) {
  loss <- list(code = code, path = steps, message = message)
  signalCondition(structure(list(message = message, call = NULL, loss = loss), class = c("instep_loss", "condition")))
}

# Losses of values that pass to or from an opener. What the running task says about losses holds for them; elsewhere they
# are warnings. `name` is that of an argument, "argument" or "result"; `what` names the call.
heed_call_losses <- function(losses, name, what, call) {
  task <- the$attempt$task
  on_loss <- if (is.null(task)) "warn" else task_on_loss(task)
  if (length(losses) == 0L || on_loss == "ignore") {
    return(invisible())
  }
  subject <- call_subject(name, what)
  lines <- vapply(losses, \(loss) sprintf("%s at %s: %s", loss$code, call_path(loss), loss_sentence(loss)), "")
  if (on_loss == "error") {
    abort(
      c("Can't pass {subject} without loss, as {.arg on_loss} demands.", loss_bullets("lines", lines)),
      c("value_loss", "value_encode"),
      path = call_path(losses[[1L]]), code = losses[[1L]]$code, losses = losses, call = call
    )
  }
  if (is.null(task)) {
    cli::cli_warn(
      c("Not passed exactly: {subject}.", loss_bullets("lines", lines)),
      class = c("instep_warning_loss", "instep_warning"), losses = losses, call = call
    )
  } else {
    for (loss in losses) {
      line <- sprintf("Loss %s in %s at %s: %s", loss$code, subject, call_path(loss), loss_sentence(loss))
      tell_once(line, paste(loss$code, subject))
    }
  }
}

call_subject <- function(name, what) {
  switch(name,
    result = paste("the result of", what),
    argument = paste("an argument of", what),
    sprintf("argument '%s' of %s", name, what)
  )
}

# A value that is passed belongs to no `self`.
call_path <- function(loss) sub("^self[$]", "", loss$path)

loss_sentence <- function(loss) loss$sentence %||% sprintf("it %s.", loss$message)

# What an opener reports of a call's losses: by the name of the value.
heed_reported_losses <- function(reported, what, call) {
  for (name in unique(vapply(reported, \(loss) loss$name, ""))) {
    losses <- Filter(\(loss) loss$name == name, reported)
    losses <- lapply(losses, \(loss) list(code = loss$rule, path = loss$path, sentence = loss$message))
    heed_call_losses(losses, name, what, call)
  }
}

# An opener's report of losses, as CallLoss messages.
call_losses <- function(losses, name) {
  lapply(losses, \(loss) list(name = name, rule = loss$code, path = call_path(loss), message = loss_sentence(loss)))
}
