#' @keywords internal
"_PACKAGE"

#' @useDynLib instep, .registration = TRUE
NULL

# All state of the package:
#   including: TRUE while a file is loaded by a host, so that run() only takes note of its flow.
#   flow: the flow that run() was last given.
#   task: what current() tells about the task that this process runs, a list; NULL outside a task.
the <- new.env(parent = emptyenv())
the$including <- FALSE
the$flow <- NULL
the$task <- NULL
