# What a file says about its flow, as the message FlowFragment.

isolations <- c(fork = "ISOLATION_FORK", spawn = "ISOLATION_SPAWN", reuse = "ISOLATION_REUSE")
loss_policies <- c(warn = "LOSS_POLICY_WARN", error = "LOSS_POLICY_ERROR", ignore = "LOSS_POLICY_IGNORE")

flow_fragment <- function(flow, file) {
  sites <- if (file.exists(file)) call_sites(file) else call_sites_none()
  locate <- \(thing, kind) exact_location(thing$location, kind, thing$name, file, sites)
  folder <- dirname(file)
  location <- locate(flow, "flow")
  places <- lapply(flow$steps, locate, "step")
  list(
    flow = flow$name,
    language = "r",
    location = location,
    doc = flow$doc,
    includes = lapply(flow$include, \(path) list(file = resolve_path(path, folder), location = location)),
    steps = unname(Map(\(step, place) step_spec(step, file, place, sites), flow$steps, places)),
    parameters = lapply(flow$parameters, \(parameter) {
      kind <- if (is.null(parameter$include_file)) "parameter" else "include_file"
      parameter_spec(parameter, locate(parameter, kind))
    }),
    constants = lapply(flow$constants, \(constant) constant_spec(constant, locate(constant, "constant"))),
    isolation = if (!is.null(flow$isolation)) isolations[[flow$isolation]],
    on_loss = if (!is.null(flow$on_loss)) loss_policies[[flow$on_loss]],
    decorators = decorator_messages(flow$decorators, location, sites),
    configs = lapply(flow$configs, \(config) config_message(config, locate(unclass(config), "config"))),
    problems = unlist(unname(Map(transition_problems, flow$steps, places)), recursive = FALSE)
  )
}

# Decorators of the step or flow that is declared at a place.
decorator_messages <- function(decorators, place, sites) {
  lapply(decorators, \(decorator) decorator_message(decorator, decorator_location(decorator, place, sites)))
}

resolve_path <- function(path, folder) {
  absolute <- grepl("^[/~]", path)
  path[absolute] <- path.expand(path[absolute])
  path[!absolute] <- file.path(folder, path[!absolute])
  normalizePath(path, mustWork = FALSE)
}

step_spec <- function(step, file, location, sites) {
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
    transition = transition_message(step, location),
    takes_inputs = step$join,
    isolation = if (!is.null(step$isolation)) isolations[[step$isolation]],
    on_loss = if (!is.null(step$on_loss)) loss_policies[[step$on_loss]],
    is_start = step$start,
    is_end = step$end,
    decorators = decorator_messages(step$decorators, location, sites),
    code = step_code(reference, dirname(file))
  )
}

parameter_spec <- function(parameter, location) {
  is_function <- is.function(parameter$default)
  default <- if (!is_function) parameter_default(parameter, parameter$default)
  list(
    name = parameter$name,
    variable = variable_name(parameter$name),
    type = parameter$type,
    default = if (!is.null(default)) encode_inline(default, parameter$name),
    required = parameter$required,
    help = parameter$help,
    separator = parameter$separator,
    location = location,
    hide_default = !parameter$show_default,
    has_function_default = is_function,
    include_file = parameter$include_file
  )
}

# The manifest of a small value with all parts in it.
encode_inline <- function(value, name) encode_value(value, name, inline = TRUE)$manifest
