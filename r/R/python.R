# Programs of ours that are written in Python, and the interpreter that runs them.

# The interpreter: as the environment says, else as the option says, else as the set-up has noted, else the first on
# the path.
python_program <- function() {
  named <- Sys.getenv("INSTEP_PYTHON", getOption("instep.python", ""))
  if (nzchar(named)) {
    return(path.expand(named))
  }
  note <- file.path(tools::R_user_dir("instep", "config"), "python")
  if (file.exists(note)) {
    return(readLines(note, n = 1L, warn = FALSE))
  }
  "python3"
}

# Environment of programs that may start R: they get this R, with these libraries.
r_environment <- function() {
  c(
    if (!nzchar(Sys.getenv("INSTEP_RSCRIPT"))) paste0("INSTEP_RSCRIPT=", file.path(R.home("bin"), "Rscript")),
    paste0("R_LIBS=", paste(.libPaths(), collapse = .Platform$path.sep))
  )
}

# Starts a Python module with arguments. It inherits the file descriptors `keep`; `streams` are those for its stdout
# and stderr, where these are not ours.
spawn_python <- function(module, arguments, keep, environment = character(), detach = FALSE, streams = integer(),
                         call = parent.frame()) {
  python <- python_program()
  tryCatch(
    spawn_(
      c(python, "-P", "-m", module, arguments), c(r_environment(), environment), as.integer(keep), detach,
      as.integer(streams)
    ),
    error = \(e) abort_python(python, "{conditionMessage(e)}", call, environment())
  )
}

# The interpreter can't be used. `why` is interpolated in the caller's frame.
abort_python <- function(python, why, call = parent.frame(), envir = parent.frame()) {
  reason <- cli::format_inline(why, .envir = envir)
  abort(
    c(
      "Instep's orchestrator can't be started with {.file {python}}.",
      x = "{reason}",
      i = "Set {.envvar INSTEP_PYTHON} to the Python that has the package {.pkg instep}."
    ),
    "python",
    call = call
  )
}

# Why the interpreter can't load our package. NULL when it can. Takes a while: for explaining a failure.
python_trouble <- function(python) {
  load <- shQuote("import instep_server, instep._cli; from instep import FlowSpec, Parameter")
  said <- suppressWarnings(system2(python, c("-P", "-c", load), stdout = TRUE, stderr = TRUE))
  if (is.null(attr(said, "status"))) {
    return(NULL)
  }
  last <- utils::tail(said, 1L)
  if (length(last) == 0L || grepl("No module named 'instep", last, fixed = TRUE)) {
    return(cli::format_inline("It has no package {.pkg instep}."))
  }
  cli::format_inline("It can't load its package {.pkg instep}: {last}")
}
