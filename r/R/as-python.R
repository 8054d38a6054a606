# Python's objects in this session: reticulate runs Python here, and an opener there holds the object (see
# instep/_embedded.py). The commands are those of opener.proto, in files: reticulate converts no value.

#' Use a Python object as an object of R
#'
#' A value that only Python can open, such as a scikit-learn model, is a handle in R. `handle$as_python()` opens it in
#' the Python that reticulate runs inside of this R session. Its methods and attributes are then read with `$`, as in
#' `model$predict(frame)` and `model$coef_`. An artifact of a finished task has the same method:
#' `task[["model"]]$as_python()`.
#'
#' Arguments and results pass as values do between steps: factors, missing values and time zones arrive as they would in
#' a Python step, and no converter of reticulate's is used, which makes it work with every version of NumPy. A result
#' that only Python can open, such as another model or a method, is again such an object. It is the very object and no
#' copy: what a method changes stays changed. In a list it is a handle of a copy, which has `$as_python()` itself.
#'
#' @section Which Python:
#' The one that reticulate was told to use, by [reticulate::use_python()] or environment variable `RETICULATE_PYTHON`,
#' before Python started in this session. It needs the package instep in the version of this R package, and the packages
#' of the object. The first use tells which it is. Where there is none, [handle_call()] does the same in a process of
#' its own, without reticulate.
#'
#' @section Methods:
#' * `x$name` gives an attribute or a method, `x[["name"]]` does with a computed name. `x$name <- value` sets an attribute.
#' * `x(...)` calls an object that can be called.
#' * `print(x)` tells class, producer, and the Python used.
#' * `close(x)` lets go of it: what only it refers to is freed. `with_foreign(x, code)` does so when `code` has run.
#' * It can be an argument of another object's methods, and be stored as an artifact, which Python steps read as the
#'   object. Artifacts are stored when their step has ended, so leave it open then.
#' * `handle_call(x, "sklearn.base.clone")` calls a function of a module on it.
#' * Operators are methods, such as `x$"__add__"(1)` or `x$"__getitem__"(0L)`, which counts from 0.
#'
#' @name as_python
#' @returns `as_python()` gives an object of class `instep_python`. Opening it can run code, and is refused as
#'   [handle_call()] refuses it. Where reticulate, or instep in its Python, is missing, that is an error of class
#'   `instep_error_reticulate`. An error in Python is one of class `instep_error_remote`.
#' @examples
#' \dontrun{
#' reticulate::use_python("~/project/.venv/bin/python")
#' model <- flow_client("Train")$latest_run$data$model$as_python()
#' model$predict(data.frame(x = c(1, 2, NA)))
#' model$coef_
#' close(model)
#' }
NULL

as_python <- function(handle, call = NULL) {
  if (unclass(handle)$language != "python") {
    abort_foreign(handle, call, "Can't open an object of {language} as one of Python.")
  }
  check_trust(handle, call)
  session <- python_session(call)
  opened <- new_embedded(session$module$EmbeddedOpener(), session, unclass(handle)$producer)
  send_object(opened, handle, call)
  announce_opener(opened, handle, "this process, through reticulate")
  as_function(opened)
}

# The artifact's value as an object of Python.
artifact_as_python <- function(x) {
  name <- x$ids$artifact
  value <- read_artifact(x, name)
  if (!inherits(value, "instep_foreign")) {
    abort(
      c(
        "Artifact {.field {name}} is {.obj_type_friendly {value}} in R, and no object that only Python can open.",
        i = "Read it with {.code $data}. Handles in it have {.code $as_python()} themselves."
      ),
      "argument",
      call = NULL
    )
  }
  as_python(value)
}

# An object that is in Python, as one of R. It is a function, so that methods can be called.
as_function <- function(opened) {
  structure(
    \(...) call_opened(opened, "operator.call", list(...), opened$label, parent.frame()),
    class = "instep_python"
  )
}

opened_of <- function(x) get("opened", environment(x))

# What is held of an object that is in Python, as opener-process.R holds a process.
new_embedded <- function(python, session, producer, label = "The call") {
  opened <- list2env(session[c("language", "runtime", "interpreter", "version")], parent = emptyenv())
  opened$python <- python
  opened$is_embedded <- TRUE
  opened$producer <- producer
  opened$label <- label
  opened$directory <- tempdir()
  opened
}

is_embedded <- function(opened) isTRUE(opened$is_embedded)

# A result that stayed in Python.
new_python <- function(python, from) {
  session <- as.list(from)
  as_function(new_embedded(python, session, sprintf("instep %s (python %s)", from$version, from$runtime)))
}

# Hands a command over, and `given`, objects of Python that are arguments. Gives the event; its `kept` is a result that
# stays in Python.
embedded_request <- function(opened, command, given, call) {
  if (is.null(opened$python)) {
    abort(
      c("This object of Python is closed.", i = "Open it again with {.code $as_python()}."),
      "opener",
      call = call
    )
  }
  directory <- command[[1L]]$object_directory
  writeBin(message_encode("OpenerCommand", command), file.path(directory, "command"))
  given <- lapply(given, \(x) opened_of(x)$python)
  kept <- do.call(opened$python$exchange, c(list(directory), unname(given)))
  event <- read_event(directory)
  if (!inherits(kept, "python.builtin.NoneType")) event$kept <- kept
  event
}

read_event <- function(directory) {
  file <- file.path(directory, "event")
  message_decode("OpenerEvent", readBin(file, "raw", file.size(file)))
}

# The Python of this session: `module`, our side there, and what Python it is.
python_session <- function(call) {
  if (is.null(the$python)) {
    the$python <- start_python(call)
  }
  the$python
}

start_python <- function(call) {
  if (!requireNamespace("reticulate", quietly = TRUE)) {
    abort_reticulate(
      c(x = "The R package {.pkg reticulate} is not installed.", i = "{.code install.packages(\"reticulate\")} does it."),
      call
    )
  }
  python <- tryCatch(reticulate::py_config()$python, error = \(condition) {
    abort_reticulate(c(x = "reticulate can't start Python.", x = "{conditionMessage(condition)}"), call, environment())
  })
  ours <- as.character(getNamespaceVersion("instep"))
  choose <- sprintf("reticulate::use_python(\"%s\")", Sys.which(python_program()))
  advice <- c(
    i = "Install package instep {ours} there; or choose a Python that has it, in a new R session before Python starts,
         such as the one that runs Instep: {.code {choose}}."
  )
  module <- tryCatch(reticulate::import("instep._embedded", convert = FALSE), error = \(condition) {
    problem <- conditionMessage(condition)
    abort_reticulate(
      c(x = "The Python of reticulate, {.file {python}}, can't load package instep {ours}.", x = "{problem}", advice),
      call, environment()
    )
  })
  directory <- tempfile("ready-")
  dir.create(directory)
  on.exit(unlink(directory, recursive = TRUE))
  module$write_ready(directory)
  ready <- read_event(directory)$ready
  if (ready$version != ours) {
    abort_reticulate(
      c(
        x = "The Python of reticulate, {.file {python}}, has package instep {ready$version}; this is instep {ours} of R.",
        advice
      ),
      call, environment()
    )
  }
  ready$interpreter <- python
  c(ready, list(module = module))
}

abort_reticulate <- function(problem, call, envir = parent.frame()) {
  abort(
    c(
      "Can't open an object of Python in this R session.",
      problem,
      i = "{.fn handle_call} uses it in a Python process of its own, without reticulate."
    ),
    "reticulate",
    call = call,
    envir = envir
  )
}

# A value that can be stored: objects of Python in it, and in its lists, are handles.
with_handles <- function(x) {
  if (inherits(x, "instep_python")) {
    return(as_handle(x))
  }
  if (is.list(x) && !is.object(x)) {
    for (i in which(vapply(x, \(value) is.list(value) || inherits(value, "instep_python"), NA))) {
      x[[i]] <- with_handles(x[[i]])
    }
  }
  x
}

# A handle of the object as it is now.
as_handle <- function(x) {
  if (is.null(opened_of(x)$python)) {
    abort(
      c(
        "Can't store an object of Python that is closed.",
        i = "Artifacts are stored when their step has ended: leave what goes into them open."
      ),
      "opener",
      call = NULL
    )
  }
  decode_value(call_opened(opened_of(x), "instep._embedded.pickled", list(), "Storing it", NULL))
}

#' @export
`$.instep_python` <- function(x, name) {
  found <- call_opened(opened_of(x), "builtins.getattr", list(name), paste0("$", name), parent.frame())
  if (inherits(found, "instep_python")) assign("label", paste0("$", name, "()"), envir = opened_of(found))
  found
}

#' @export
`$<-.instep_python` <- function(x, name, value) {
  call_opened(opened_of(x), "builtins.setattr", list(name, value), paste0("$", name, " <- "), parent.frame())
  x
}

#' @export
`[[.instep_python` <- function(x, i) {
  if (!is_string(i)) abort_operator(x, "[[", parent.frame())
  `$.instep_python`(x, i)
}

#' @export
`[.instep_python` <- function(x, ...) abort_operator(x, "[", parent.frame())

#' @export
Ops.instep_python <- function(e1, e2) {
  abort_operator(if (inherits(e1, "instep_python")) e1 else e2, .Generic, parent.frame())
}

#' @export
Math.instep_python <- function(x, ...) abort_operator(x, .Generic, parent.frame())

#' @export
Summary.instep_python <- function(..., na.rm = FALSE) abort_operator(..1, .Generic, parent.frame())

abort_operator <- function(x, operator, call) {
  kind <- describe_python(x)$class
  abort(
    c(
      "Can't use {.code {operator}} on an object of Python of class {.cls {kind}}.",
      i = "Call a method of it: {.code x$predict(...)}, or what Python makes of operators, {.code x$\"__add__\"(1)} and
           {.code x$\"__getitem__\"(0L)}."
    ),
    "argument",
    call = call
  )
}

describe_python <- function(x) call_opened(opened_of(x), "instep._embedded.describe", list(), "print()", NULL)

#' @export
print.instep_python <- function(x, ...) {
  opened <- opened_of(x)
  cat(sprintf("<Python object, %s Python %s at %s>\n",
    if (is.null(opened$python)) "closed, of" else "open in", opened$runtime, opened$interpreter))
  if (!is.null(opened$python)) {
    facts <- describe_python(x)
    cat("class:    ", facts$class, "\n", "producer: ", opened$producer, "\n", facts$repr, "\n", sep = "")
  }
  invisible(x)
}

#' @export
format.instep_python <- function(x, ...) {
  if (is.null(opened_of(x)$python)) "<Python object, closed>" else sprintf("<Python %s>", describe_python(x)$class)
}

#' @export
str.instep_python <- function(object, ...) cat(" ", format(object), "\n", sep = "")

#' @importFrom utils .DollarNames
#' @export
.DollarNames.instep_python <- function(x, pattern = "") {
  grep(pattern, unlist(call_opened(opened_of(x), "builtins.dir", list(), "dir()")), value = TRUE)
}

#' @rdname handle_call
#' @export
close.instep_python <- function(con, ...) {
  assign("python", NULL, envir = opened_of(con))
  invisible()
}
