# A host: a session that has loaded a user's file, and forks a worker for each task that it is told.

# The main program of a host that the orchestrator starts: `Rscript -e 'instep:::host_main()'`.
host_main <- function() {
  fd <- as.integer(Sys.getenv("INSTEP_HOST_FD"))
  file <- Sys.getenv("INSTEP_HOST_FILE")
  Sys.unsetenv(c("INSTEP_HOST_FD", "INSTEP_HOST_FILE"))
  host_open_(fd)
  problem <- load_file(file)
  serve_host(host_loaded(file, the$flow, problem, can_fork = !grpc_used_()))
  process_end()
}

# Ends a session that has done its work, without running what the user's file has put off until the end.
process_end <- function() {
  quit(save = "no", runLast = FALSE)
}

# Evaluates a file in the global environment, as source() does, with run() only taking note of its flow. Answers with a
# GraphProblem, or NULL.
load_file <- function(file) {
  the$including <- TRUE
  the$flow <- NULL
  at <- 0L
  before <- ls(globalenv(), all.names = TRUE)
  problem <- tryCatch(
    {
      code <- parse_file(file, TRUE)
      lines <- vapply(attr(code, "srcref"), \(srcref) as.integer(srcref)[[1L]], 0L)
      last <- NULL
      for (i in seq_along(code)) {
        at <- lines[[i]]
        last <- eval(code[i], globalenv())
      }
      if (is.null(the$flow)) {
        the$flow <- sole_flow(last, before)
      }
      NULL
    },
    error = \(e) load_problem(e, file, at)
  )
  problem
}

# The flow of a file that does not call run(): the value of its last expression, or its only flow.
sole_flow <- function(last, before) {
  if (is_flow(last)) {
    return(last)
  }
  names <- setdiff(ls(globalenv()), before)
  flows <- Filter(is_flow, mget(names, envir = globalenv()))
  if (length(flows) == 1L) flows[[1L]] else NULL
}

load_problem <- function(condition, file, line) {
  text <- condition_text(condition)
  if (line == 0L) {
    # A parse error begins with `file:line:column: what`.
    place <- regmatches(text, regexec(":([0-9]+):[0-9]+: ", text))[[1L]]
    line <- if (length(place) == 2L) as.integer(place[[2L]]) else 0L
  }
  is_config <- inherits(condition, "instep_error_config")
  list(
    code = if (is_config) "config-invalid" else "file-load",
    message = if (is_config) text else paste0("File '", file, "' can't be loaded: ", text),
    locations = list(list(file = file, line = line))
  )
}

host_loaded <- function(file, flow, problem, can_fork) {
  fragment <- NULL
  if (is.null(problem) && !is.null(flow)) {
    fragment <- tryCatch(flow_fragment(flow, file), error = identity)
    if (inherits(fragment, "error")) {
      problem <- load_problem(fragment, file, flow$location$line %||% 0L)
      fragment <- NULL
    }
  }
  functions <- Filter(\(name) is.function(get(name, globalenv())), ls(globalenv()))
  list(loaded = list(
    language = "r",
    file = file,
    pid = Sys.getpid(),
    fragment = fragment,
    functions = functions,
    function_codes = if (is.null(flow)) vapply(functions, \(name) code_digest(get(name, globalenv())), ""),
    problem = problem,
    runtime = r_version(),
    can_fork = can_fork
  ))
}

# Serves the launcher until it closes the pipe. The process must have been made a host by host_open_().
serve_host <- function(loaded) {
  on.exit(host_close_())
  send_event(loaded)
  load_functions()
  repeat {
    event <- host_wait_()
    if (is.null(event)) {
      return(invisible())
    }
    if (is.list(event)) {
      send_event(process_ended(event))
    } else {
      obey_command(message_decode("HostCommand", event))
    }
  }
}

# R reads a function of a package from its file when it is first used. What workers need is read before the first of them
# is forked, but after the host has said what it loaded, so that no start waits for it.
load_functions <- function() {
  for (package in c("base", "instep")) {
    functions <- asNamespace(package)
    for (name in ls(functions, all.names = TRUE)) get(name, functions)
  }
  gc()
}

send_event <- function(event) host_send_(message_encode("HostEvent", event))

# The event that tells of the end of a worker, or of a process that has called defaults.
process_ended <- function(ended) {
  question <- the$questions[[ended$worker_id]]
  if (is.null(question)) {
    return(list(exited = worker_exited(ended)))
  }
  the$questions[[ended$worker_id]] <- NULL
  list(evaluated = defaults_evaluated(question, ended))
}

worker_exited <- function(ended) {
  list(
    worker_id = ended$worker_id,
    exit_code = if (ended$exit_code >= 0L) ended$exit_code,
    signal = if (ended$signal > 0L) ended$signal,
    max_rss_bytes = ended$max_rss_bytes
  )
}

obey_command <- function(command) {
  if (!is.null(command$fork)) {
    forked <- fork_worker(command$fork) # evaluated here: the worker's whole life happens in this call
    send_event(list(forked = forked))
  } else if (!is.null(command$signal)) {
    host_signal_(command$signal$worker_id, command$signal$signal)
  } else if (!is.null(command$evaluate)) {
    evaluate_defaults(command$evaluate)
  }
}

fork_worker <- function(fork) {
  pid <- tryCatch(
    host_fork_(fork$worker_id, fork$stdout_file, fork$stderr_file, fork$working_directory),
    error = identity
  )
  if (inherits(pid, "error")) {
    return(list(worker_id = fork$worker_id, error = conditionMessage(pid)))
  }
  if (pid == 0L) {
    forked_worker_main(fork)
  }
  list(worker_id = fork$worker_id, pid = pid)
}
