# What an attempt leaves behind: encoding and storing artifacts, counting the elements of a foreach.

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
  encoded <- timed(attempt, "encode", encode_value(value, name, error_call = NULL))
  timed(attempt, "store", store_encoded(attempt, encoded))
  output_message(name, encoded)
}

# A value that was read and may have been changed in place: stored when its content is another.
store_changed <- function(attempt, name) {
  state <- self_state(attempt$self)
  encoded <- timed(attempt, "encode", encode_value(get(name, state$loaded), name, error_call = NULL))
  if (is_as_stored(encoded, state$inputs[[name]], state$fetch)) {
    return(NULL)
  }
  timed(attempt, "store", store_encoded(attempt, encoded))
  output_message(name, encoded)
}

# A value that another language wrote can get other bytes here although nobody changed it: a fresh copy gets them, too.
is_as_stored <- function(encoded, input, fetch) {
  digest <- encoded$digest$hash
  digest == input$artifact$hash ||
    digest == encode_value(read_input(input, fetch), input$name, on_loss = "ignore")$digest$hash
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
