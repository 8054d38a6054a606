# What a file says about its flow, as the message FlowFragment.

isolations <- c(fork = "ISOLATION_FORK", spawn = "ISOLATION_SPAWN", reuse = "ISOLATION_REUSE")
loss_policies <- c(warn = "LOSS_POLICY_WARN", error = "LOSS_POLICY_ERROR", ignore = "LOSS_POLICY_IGNORE")

# `call_defaults` says whether defaults that are functions are called: they are when a run may be started.
flow_fragment <- function(flow, file, call_defaults = TRUE) {
  sites <- if (file.exists(file)) call_sites(file) else call_sites_none()
  locate <- \(thing, kind) exact_location(thing$location, kind, thing$name, file, sites)
  folder <- dirname(file)
  location <- locate(flow, "flow")
  list(
    flow = flow$name,
    language = "r",
    location = location,
    doc = flow$doc,
    includes = lapply(flow$include, \(path) list(file = resolve_path(path, folder), location = location)),
    steps = unname(lapply(flow$steps, \(step) step_spec(step, file, locate(step, "step")))),
    parameters = lapply(flow$parameters, \(parameter) {
      parameter_spec(parameter, flow$name, locate(parameter, "parameter"), call_defaults)
    }),
    isolation = if (!is.null(flow$isolation)) isolations[[flow$isolation]],
    on_loss = if (!is.null(flow$on_loss)) loss_policies[[flow$on_loss]]
  )
}

call_sites_none <- function() data.frame(kind = character(), name = character(), line = integer())

resolve_path <- function(path, folder) {
  full <- if (startsWith(path, "/") || startsWith(path, "~")) path.expand(path) else file.path(folder, path)
  normalizePath(full, mustWork = FALSE)
}

step_spec <- function(step, file, location) {
  reference <- step$reference
  local <- !is.null(reference$body)
  list(
    name = step$name,
    location = location,
    entry_point = list(
      language = reference$language,
      file = if (local) file else resolve_path(reference$file, dirname(file)),
      `function` = if (local) "" else reference$name
    ),
    transition = step_transition(step, location),
    takes_inputs = step$join,
    isolation = if (!is.null(step$isolation)) isolations[[step$isolation]],
    on_loss = if (!is.null(step$on_loss)) loss_policies[[step$on_loss]],
    is_start = step$start,
    is_end = step$end
  )
}

step_transition <- function(step, location) {
  kind <- if (!is.null(step$foreach)) {
    "FOREACH"
  } else if (length(step$next_step) > 1L) {
    "SPLIT"
  } else if (length(step$next_step) == 1L) {
    "LINEAR"
  } else {
    "END"
  }
  list(
    kind = paste0("TRANSITION_KIND_", kind),
    targets = step$next_step,
    foreach = step$foreach,
    location = location
  )
}

parameter_spec <- function(parameter, flow_name, location, call_defaults) {
  default <- if (call_defaults || !is.function(parameter$default)) parameter_default(parameter, flow_name)
  list(
    name = parameter$name,
    variable = gsub("-", "_", parameter$name, fixed = TRUE),
    type = parameter$type,
    default = if (!is.null(default)) encode_inline(default, parameter$name),
    required = parameter$required,
    help = parameter$help,
    separator = parameter$separator,
    location = location
  )
}

# The manifest of a small value with all parts in it.
encode_inline <- function(value, name) {
  encode_value(value, name, inline = TRUE)$manifest
}
