# What an attempt leaves behind: encoding and storing artifacts, counting the elements of a foreach, choosing the case of
# a switch.

# Stores what the step left behind. Nothing is written before all of it is known to be storable. With `caught`, the
# failure that catch() handles, it has no elements or case to choose.
success <- function(attempt, caught = NULL) {
  state <- self_state(attempt$self)
  count <- foreach_count(state)
  case <- switch_case(state)
  handled <- attempt$task$catch$var %||% ""
  if (nzchar(handled)) {
    assign(handled, if (!is.null(caught)) task_exception(caught), state$assigned)
  }
  assigned <- ls(state$assigned, all.names = TRUE)
  encoded <- c(
    sapply(assigned, \(name) encode_output(attempt, name, get(name, state$assigned)), simplify = FALSE),
    Filter(Negate(is.null), sapply(mutable_loaded(state), \(name) encode_changed(attempt, name), simplify = FALSE))
  )
  for (name in names(encoded)) {
    heed_losses(attempt$task, name, encoded[[name]]$losses)
  }
  attempt$encoded <- encoded # for a store that loses blobs before the report arrives
  list(success = list(
    outputs = unname(Map(\(name, value) store_encoded(attempt, name, value), names(encoded), encoded)),
    foreach_count = count,
    switch_case = case,
    forwarded = unname(lapply(setdiff(state$forwarded, assigned), \(name) {
      list(name = name, artifact = state$inputs[[name]]$artifact)
    })),
    reads = names_read(attempt),
    caught = caught
  ))
}

# Names of the inputs that user code looked at, or looked for, in `self` and on any of `inputs`.
names_read <- function(attempt) {
  states <- lapply(c(list(attempt$self), unclass(attempt$inputs)), self_state)
  sort(unique(unlist(lapply(states, \(state) ls(state$read, all.names = TRUE)))), method = "radix")
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
        "Step {.val {task$step}} spreads the items of {.code self${name}}, but no step has set it.",
        i = "Assign {.code self${name}} in the step."
      ),
      "foreach",
      call = NULL
    )
  }
  item_count(self_read(state, name), name, task$step, error_call = NULL)
}

# Position of the case that the artifact of a switch chooses, counted from 0. NULL for a step without.
switch_case <- function(state) {
  transition <- state$task$transition
  if (transition$kind != "TRANSITION_KIND_SWITCH") {
    return(NULL)
  }
  name <- transition$condition
  step <- state$task$step
  if (!name %in% names_of(state)) {
    abort(
      c(
        "Step {.val {step}} chooses by {.code self${name}}, but no step has set it.",
        i = "Assign {.code self${name}} in the step."
      ),
      "switch",
      call = NULL
    )
  }
  value <- self_read(state, name)
  if (is.factor(value)) value <- as.character(value)
  keys <- lapply(transition$cases, \(case) decode_value(case$key, name = "key"))
  if (!is_key(value)) {
    abort(
      c(
        "Step {.val {step}} chooses by {.code self${name}}, but that is {.obj_type_friendly {value}}, which can't be a key.",
        i = "A string, a number, TRUE, FALSE or NULL can."
      ),
      "switch",
      call = NULL
    )
  }
  case <- Position(\(key) same_key(value, key), keys)
  if (is.na(case)) {
    known <- vapply(keys, deparse, "")
    abort(
      "Step {.val {step}} chooses by {.code self${name}}, but that is {deparse(value)}, which is none of its keys: {known}.",
      "switch",
      call = NULL
    )
  }
  case - 1L
}

names_of <- function(state) c(names(state$inputs), ls(state$assigned, all.names = TRUE))

# Its losses count once it is known to be stored: see heed_losses().
encode_output <- function(attempt, name, value) {
  timed(attempt, "encode", encode_value(value, name, on_loss = "ignore", error_call = NULL))
}

# A value that was read and may have been changed in place. NULL when its content is still the same. R objects, and what
# another language wrote, can get other bytes although nobody changed them, so a value that seems changed is compared
# with a fresh copy of what is stored.
encode_changed <- function(attempt, name) {
  state <- self_state(attempt$self)
  input <- state$inputs[[name]]
  encoded <- encode_output(attempt, name, get(name, state$loaded))
  if (encoded$digest$hash == input$artifact$hash) {
    return(NULL)
  }
  fresh <- encode_output(attempt, name, read_input(input, state$fetch, state$task))
  if (encoded$digest$hash != fresh$digest$hash) encoded
}

# Manifests up to this size travel in messages and not through the store.
max_inline_manifest <- 64 * 1024

# Stores an artifact. Answers with its Output message.
store_encoded <- function(attempt, name, encoded) {
  timed(attempt, "store", store_manifest(attempt, encoded))
  output_message(name, encoded)
}

store_manifest <- function(attempt, encoded) {
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
    tryCatch(
      {
        encoded <- encode_output(attempt, name, get(name, state$assigned))
        heed_losses(attempt$task, name, encoded$losses)
        store_encoded(attempt, name, encoded)
      },
      error = \(e) NULL
    )
  })
  Filter(Negate(is.null), outputs)
}
