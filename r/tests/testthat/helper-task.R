# What an orchestrator would say about a task, for tests of what a step sees.

make_input <- function(name, value, kind = "ARTIFACT") {
  encoded <- encode_value(value, name, inline = TRUE)
  list(
    name = name, artifact = encoded$digest[c("hash", "size")], manifest = encoded$manifest,
    kind = paste0("INPUT_KIND_", kind)
  )
}

make_task <- function(inputs = list(), ...) {
  said <- list(
    flow = "Pricing", run_id = "1", task_id = "7", step = "fit", inputs = inputs,
    entry_point = list(language = "r", file = "/pricing.R"), transition = list(kind = "TRANSITION_KIND_LINEAR")
  )
  more <- list(...)
  said[names(more)] <- more
  message_decode("Task", message_encode("Task", said))
}

make_self <- function(..., task = list()) {
  values <- list(...)
  inputs <- Map(make_input, names(values), values, USE.NAMES = FALSE)
  new_self(do.call(make_task, c(list(inputs), task)), no_fetch)
}

no_fetch <- function(hash, size) stop("Nothing is stored.")

make_join <- function(step, ..., position = 0L) {
  values <- list(...)
  list(
    step = step, task_id = paste0(step, position), position = position,
    artifacts = Map(make_input, names(values), values, USE.NAMES = FALSE)
  )
}

# The `self` and `inputs` of a join over some branches.
make_joined <- function(..., constants = list()) {
  task <- make_task(constants, is_join = TRUE, joins = list(...))
  list(self = new_self(task, no_fetch), inputs = new_inputs(task$joins, task$inputs, task, no_fetch))
}

# Says for the rest of a test that a task runs, and what it says about losses.
local_on_loss <- function(policy, env = parent.frame()) {
  assign("attempt", list(task = make_task(on_loss = paste0("LOSS_POLICY_", policy))), envir = the)
  withr::defer(assign("attempt", NULL, envir = the), envir = env)
}
