# Defaults of parameters that are functions. They are called once for a run, in a process that the host forks, so that
# the host stays as it is. The process leaves its answer in a file, which the host sends on when the process has ended.

evaluate_defaults <- function(question) {
  id <- paste("defaults", question$id)
  answer <- tempfile("defaults")
  pid <- tryCatch(host_fork_(id, "", "", question$working_directory), error = identity)
  if (inherits(pid, "error")) {
    failure <- plain_failure("FAILURE_KIND_INTERNAL", conditionMessage(pid))
    return(send_event(list(evaluated = list(id = question$id, failure = failure))))
  }
  if (pid == 0L) {
    on.exit(process_exit_(exit_failure))
    leave_host()
    show_warnings_at_once()
    writeBin(message_encode("DefaultsEvaluated", answer_defaults(question)), answer)
    process_exit_(exit_success)
  }
  the$questions[[id]] <- list(id = question$id, answer = answer)
}

# Calls the functions, up to the first that fails.
answer_defaults <- function(question) {
  the$task <- c(list(username = question$user), project_facts(question$project, the$flow$name))
  values <- list()
  for (name in question$parameters) {
    parameter <- Find(\(parameter) parameter$name == name, the$flow$parameters)
    called <- call_recorded(quote(default_value(parameter, user)), list2env(
      list(default_value = function_default, parameter = parameter, user = question$user),
      parent = globalenv()
    ))
    if (!is.null(called$condition)) {
      failure <- condition_failure(called$condition, called$frames)
      return(list(id = question$id, values = values, failure = failure))
    }
    values[[length(values) + 1L]] <- list(parameter = name, manifest = called$value)
  }
  list(id = question$id, values = values)
}

# The manifest of what a function gives as the default of a parameter.
function_default <- function(parameter, user) {
  value <- parameter$default(default_context(parameter, the$flow, user))
  encode_inline(parameter_default(parameter, value), parameter$name)
}

# The answer of a process that has ended.
defaults_evaluated <- function(question, ended) {
  on.exit(unlink(question$answer))
  if (ended$exit_code == exit_success) {
    return(message_decode("DefaultsEvaluated", readBin(question$answer, "raw", file.size(question$answer))))
  }
  how <- if (ended$signal > 0L) paste("signal", ended$signal) else paste("status", ended$exit_code)
  message <- paste0("The process that calls it ended with ", how, ".")
  list(id = question$id, failure = plain_failure("FAILURE_KIND_WORKER_LOST", message))
}
