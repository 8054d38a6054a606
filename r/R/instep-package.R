#' @section Environment:
#' * `INSTEP_PYTHON`: the Python that has the package `instep`, which brings the command line and the orchestrator.
#'   Without it option `instep.python` is used, then what the set-up has noted in the user's configuration directory of
#'   R (file `python`), then `python3` on the path.
#' * `INSTEP_HOME`: the store's directory. Without it the nearest directory `.instep` at or above the flow's folder (for
#'   the client: the working directory), else a new one beside the flow.
#' * `INSTEP_RSCRIPT`: the `Rscript` that runs R steps of Python flows. Without it the one of this session, or the first
#'   on the path.
#' * `INSTEP_USER`: who starts runs. Without it the login name.
#' * `INSTEP_ALLOW_OPAQUE`: when `false`, objects that only R can open are not opened, because opening them can run
#'   code.
#' @keywords internal
"_PACKAGE"

#' @useDynLib instep, .registration = TRUE
NULL

# All state of the package:
#   including: TRUE while a file is loaded by a host, so that run() only takes note of its flow.
#   flow: the flow that run() was last given.
#   types: the types that register_type() was given, by name.
#   handles: by the hash of a handle's manifest, how its blobs are fetched and whether it may be opened.
#   opened: by the same, the process that holds the object.
#   questions: by the id of a process that calls defaults, the id of the question and the file that takes its answer.
#   namespace: list(tag), the namespace that set_namespace() was given; NULL while nobody has chosen one.
#   task: what current() tells about the task that this process runs, a list; NULL outside a task.
the <- new.env(parent = emptyenv())
the$including <- FALSE
the$flow <- NULL
the$types <- list(instep.exception = exception_type)
the$handles <- new.env(parent = emptyenv())
the$opened <- new.env(parent = emptyenv())
the$questions <- list()
the$namespace <- NULL
the$task <- NULL
