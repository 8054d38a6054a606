#' Run a flow
#'
#' Hands the flow to Instep's command line. In a script that `Rscript` runs, the command and its options are those of
#' the script: `Rscript flow.R run --folds 3`. What is given in `...` goes before them, so that the command line wins.
#' Without a command, `run(flow)` in a script checks the graph and tells what can be done; with something in `...`, and
#' always at the prompt, it runs the flow.
#'
#' While this file is being loaded for another one, such as a Python flow that includes it, `run()` does nothing.
#'
#' @param flow A flow, from [flow()].
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
#' @returns The exit status, invisibly: 0 for success. In a script a failure ends R with that status. In a file that is
#'   being loaded, the flow, invisibly.
#' @export
#' @examples
#' \dontrun{
#' flow("Hello") |>
#'   step("start", \(self) self$greeting <- "hello", next_step = "end") |>
#'   step("end", \(self) print(self$greeting)) |>
#'   run()
#' }
run <- function(flow, ...) {
  check_flow(flow)
  if (the$including) {
    the$flow <- flow
    return(invisible(flow))
  }
  check_session()
  script <- script_file()
  file <- if (is.null(script)) prompt_file(flow) else normalizePath(script)
  arguments <- command_arguments(list(...), script_arguments(script), interactive() || is.null(script))
  if (!is.null(script) && is.null(flow$location)) {
    flow <- relink_sources(flow, file)
  }
  program <- if (is.null(script)) "" else paste("Rscript", quoted_path(script))
  status <- run_command(flow, file, program, arguments, if (is.null(script)) prompt_home())
  if (status != 0L && !interactive()) {
    quit(save = "no", status = status, runLast = FALSE)
  }
  invisible(status)
}

# A path as a person types it in a shell.
quoted_path <- function(path) if (grepl("[^[:alnum:]_./~-]", path)) shQuote(path) else path

check_session <- function(call = parent.frame()) {
  if (.Platform$GUI == "RStudio") {
    abort(
      c(
        "A flow can't be run from the RStudio console.",
        i = "Run {.code Rscript flow.R run} in its terminal."
      ),
      "session",
      call = call
    )
  }
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

# A flow that was typed at the prompt has no file. Its name stands on an empty one: the session itself is the host.
prompt_file <- function(flow) {
  file <- file.path(normalizePath(tempdir()), paste0(flow$name, ".R"))
  writeLines("# This flow was declared at R's prompt.", file)
  file
}

# The store of a flow that has no file of its own is that of the working directory.
prompt_home <- function() {
  named <- Sys.getenv("INSTEP_HOME")
  folder <- normalizePath(getwd())
  if (nzchar(named)) path.expand(named) else nearest_home(folder) %||% file.path(folder, ".instep")
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
  resume <- options$resume
  command <- if (is.null(resume) || isFALSE(resume)) "run" else c("resume", if (is.character(resume)) resume)
  options <- options[names(options) != "resume"]
  is_top <- names(options) %in% top_options
  arguments <- \(options) unlist(Map(option_arguments, names(options), options), use.names = FALSE)
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

# One option as the command line writes it. Logicals are spelled so that every parser reads them.
option_arguments <- function(name, value) {
  if (is.null(value)) {
    return(character())
  }
  flag <- paste0("--", if (name %in% run_options) gsub("_", "-", name, fixed = TRUE) else name)
  if (name %in% run_flags && is_flag(value)) {
    return(if (value) flag else character())
  }
  text <- if (is.logical(value)) ifelse(value, "true", "false") else format_plain(value)
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
run_command <- function(flow, file, program, arguments, home, call = parent.frame()) {
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
      environment = if (!is.null(home)) paste0("INSTEP_HOME=", home),
      call = call
    ),
    instep_error_python = \(condition) end_script(condition, status = 1L)
  )
  fd_close_(ends[[2L]])
  host_open_(ends[[1L]])
  serve_host(host_loaded(file, flow, NULL, can_fork = !grpc_used_()))
  status <- spawn_wait_(pid)
  quick <- proc.time()[["elapsed"]] - started < 2
  if (status == 1L && quick && !has_python_package(python_program())) {
    withCallingHandlers(
      abort_python(python_program(), "It has no package {.pkg instep}.", call),
      instep_error_python = \(condition) end_script(condition, status)
    )
  }
  status
}
