#' Run a flow
#'
#' Runs a flow and shows its progress, from the console (RStudio's included), a notebook, or a script. The steps run in
#' fresh processes: the session itself is neither forked nor changed.
#'
#' A flow that stands in a file is loaded from the file, as it was saved. A flow that was built in the session, or whose
#' functions have been changed there, runs as the session has it: its functions and the objects that they reach are
#' written to a file in the store, with the packages that are attached.
#'
#' Interrupting (Ctrl-C, or RStudio's Stop) cancels the run in good order; interrupting again does not wait for it.
#'
#' In a script that `Rscript` runs, `run(flow)` is the script's command line: `Rscript flow.R run --folds 3`. What is
#' given in `...` goes before what was typed, so that the command line wins. Without a command, and with nothing in
#' `...`, it checks the graph and tells what can be done.
#'
#' While a file is being loaded for a run, `run()` only takes note of the flow.
#'
#' @param flow A flow, from [flow()], or the path of a flow file in R or Python, a string.
#' @param ... Options of the command, by name. Any name that is not among these is a parameter of the flow:
#'   * `resume`: `TRUE` makes a new run of the last one and runs what did not succeed in it; the name of a step runs that
#'     step and all that follow it. `origin_run_id`: the run to resume in place of the last one. `changed = TRUE`: what
#'     did not change since is not run again, see `resume --changed`.
#'   * `reuse = TRUE`: takes over from earlier runs each task whose code and inputs are as they were.
#'   * `with`: decorators for all steps that have none of that name, such as `"retry:times=2"`; also several.
#'   * `tag`, also several; `namespace`; `run_id_file`, a file that takes the id of the run.
#'   * `max_workers`, `max_num_splits`, `max_log_size` (in MB).
#'   * `on_loss`: `"warn"`, `"error"` or `"ignore"`, for all steps; see [flow()].
#'   * `branch`, and `production = TRUE`: the branch of the flow's [project()].
#'   * `quiet = TRUE`: no progress is shown.
#' @returns The run, an object as from [run_client()], invisibly; `as.integer()` of it is the exit status, 0 for success.
#'   A run that fails is an error of class `instep_error_run_failed` with the fields `run_id`, `step` and `task` (ids, or
#'   `NULL`), `run` (the run) and `exception` (see [task_client()]); its parent is the step's own error, with its classes.
#'   What keeps a run from starting is an error of class `instep_error_parameter_invalid`, `instep_error_argument` (an
#'   option that there is not), `instep_error_graph_invalid` or `instep_error_origin_unknown`.
#'
#'   In a script that `Rscript` runs, the exit status of the script's command, invisibly; a failure ends R with that
#'   status. In a file that is being loaded, the flow, invisibly.
#' @seealso [run_client()] for what the run tells. The class `Runner` is its twin in Python.
#' @export
#' @examples
#' \dontrun{
#' hello <- flow("Hello") |>
#'   parameter("name", default = "you") |>
#'   step("start", \(self) self$greeting <- paste("hello", self$name), next_step = "end") |>
#'   step("end", \(self) print(self$greeting))
#'
#' run <- run(hello, name = "world")
#' run$data$greeting
#'
#' run("flow.py", folds = 3)
#' tryCatch(run(hello, resume = TRUE), instep_error_run_failed = \(e) e$exception)
#' }
run <- function(flow, ...) {
  if (!is_string(flow)) check_flow(flow)
  if (the$including) {
    if (is_flow(flow)) the$flow <- flow
    return(invisible(flow))
  }
  check_no_task()
  script <- script_file()
  if (is_string(flow)) {
    return(run_file(flow, list(...)))
  }
  if (interactive() || is.null(script)) {
    file <- if (!is.null(script)) normalizePath(script) else flow_file(flow)
    return(if (is.null(file)) run_saved(flow, list(...)) else run_file(file, list(...)))
  }
  run_script(flow, script, list(...))
}

# Serves the command line of a script, with this session as its host.
run_script <- function(flow, script, options, call = parent.frame()) {
  file <- normalizePath(script)
  arguments <- command_arguments(options, commandArgs(trailingOnly = TRUE), FALSE, call)
  if (is.null(flow$location)) {
    flow <- relink_sources(flow, file)
  }
  status <- run_command(flow, file, paste("Rscript", quoted_path(script)), arguments, call)
  if (status != 0L) {
    quit(save = "no", status = status, runLast = FALSE)
  }
  invisible(status)
}

# A path as a person types it in a shell.
quoted_path <- function(path) if (grepl("[^[:alnum:]_./~-]", path)) shQuote(path) else path

check_no_task <- function(call = parent.frame()) {
  if (!is.null(the$task)) {
    abort("A flow can't be run in a step of another flow.", "session", call = call)
  }
}

# The file that is being run, as it was named: Rscript's, or the one that source() reads. NULL at the prompt.
script_file <- function() {
  for (i in rev(seq_len(sys.nframe()))) {
    if (identical(sys.function(i), base::source)) {
      name <- get0("ofile", sys.frame(i), inherits = FALSE)
      if (is_string(name) && file.exists(name)) {
        return(name)
      }
    }
  }
  rscript_file(commandArgs())
}

# Rscript writes a space in the name of the script as `~+~`.
rscript_file <- function(arguments) {
  named <- utils::head(sub("^--file=", "", grep("^--file=", arguments, value = TRUE)), 1L)
  Find(file.exists, c(named, gsub("~+~", " ", named, fixed = TRUE)))
}

# The arguments after the script's name belong to the script that Rscript runs, and to no file that it sources.
script_arguments <- function(script) {
  if (is.null(script)) character() else commandArgs(trailingOnly = TRUE)
}

# Options of `run` and `resume` that are not parameters; those of them that take no value; those that go before the
# command.
run_options <- c(
  "max_workers", "max_num_splits", "max_log_size", "tag", "with", "run_id_file", "namespace", "on_loss",
  "origin_run_id", "reuse", "changed", "quiet", "branch", "production"
)
run_flags <- c("reuse", "changed", "quiet", "production")
top_options <- c("quiet", "branch", "production")

# What the command line gets: the options given to run() go right after the command, before what was typed.
command_arguments <- function(options, typed, always_run, call = parent.frame()) {
  check_options(options, call)
  resume <- options$resume
  command <- if (is.null(resume) || isFALSE(resume)) "run" else c("resume", if (is.character(resume)) resume)
  options <- options[names(options) != "resume"]
  is_top <- names(options) %in% top_options
  arguments <- \(options) unlist(Map(\(name, value) option_arguments(name, value, call), names(options), options),
    use.names = FALSE
  )
  top <- arguments(options[is_top])
  given <- arguments(options[!is_top])
  if (length(typed) == 0L) {
    return(c(top, if (always_run || length(given) > 0L || command[[1L]] == "resume") c(command, given)))
  }
  at <- which(typed %in% c("run", "resume"))
  if (length(at) == 0L) {
    return(c(top, typed))
  }
  c(top, append(typed, given, after = at[[1L]]))
}

check_options <- function(options, call = parent.frame()) {
  if (length(options) > 0L && (is.null(names(options)) || any(!nzchar(names(options))))) {
    abort("The options of {.fn run} must be named.", "argument", call = call)
  }
  if (any(names(options) %in% c("config", "config_value"))) {
    abort(
      c(
        "{.fn run} can't change a config, which was read when the flow was built.",
        i = "Use {.code --config NAME FILE} before the command, or {.envvar INSTEP_FLOW_CONFIG}."
      ),
      "argument",
      call = call
    )
  }
}

check_option <- function(name, value, call = parent.frame()) {
  if (!is.list(value) && !is.null(value) && (!is.atomic(value) || length(value) == 0L || anyNA(value))) {
    abort("{.arg {name}} must be a value, or several, not {.obj_type_friendly {value}}.", "argument", call = call)
  }
}

# One option as the command line writes it. Logicals are spelled so that every parser reads them.
option_arguments <- function(name, value, call = parent.frame()) {
  if (is.null(value)) {
    return(character())
  }
  check_option(name, value, call)
  flag <- paste0("--", if (name %in% run_options) gsub("_", "-", name, fixed = TRUE) else name)
  if (name %in% run_flags && is_flag(value)) {
    return(if (value) flag else character())
  }
  text <- if (is.list(value)) json_text(value) else if (is.logical(value)) tolower(value) else format_plain(value)
  if (name %in% c("tag", "with")) {
    return(as.vector(rbind(flag, text)))
  }
  c(flag, paste(text, collapse = ","))
}

# Numbers with as many digits as it takes to get them back.
format_plain <- function(value) {
  if (!is.numeric(value)) {
    return(as.character(value))
  }
  vapply(value, \(x) {
    short <- format(x, digits = 15L, scientific = FALSE)
    if (identical(as.numeric(short), as.numeric(x))) short else format(x, digits = 17L)
  }, "")
}

# Serves as the flow's host while the command line, a child of ours, runs the command. Answers with its status.
run_command <- function(flow, file, program, arguments, call = parent.frame()) {
  the$flow <- flow
  stop_servers()
  ends <- socket_pair_()
  started <- proc.time()[["elapsed"]]
  pid <- withCallingHandlers(
    spawn_python(
      "instep._cli",
      c(
        "--language", "r", "--file", file, "--flow", flow$name, "--host-fd", ends[[2L]], "--prog", program, "--",
        arguments
      ),
      keep = ends[[2L]],
      call = call
    ),
    instep_error_python = \(condition) end_script(condition, status = 1L)
  )
  fd_close_(ends[[2L]])
  host_open_(ends[[1L]])
  serve_host(host_loaded(file, flow, NULL, can_fork = !grpc_used_()))
  status <- spawn_wait_(pid)
  quick <- proc.time()[["elapsed"]] - started < 2
  if (status == 1L && quick && !is.null(trouble <- python_trouble(python_program()))) {
    withCallingHandlers(
      abort_python(python_program(), "{trouble}", call),
      instep_error_python = \(condition) end_script(condition, status)
    )
  }
  status
}
