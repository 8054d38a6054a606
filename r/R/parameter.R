parameter_types <- c(
  string = "PARAMETER_TYPE_STRING", str = "PARAMETER_TYPE_STRING", character = "PARAMETER_TYPE_STRING",
  int = "PARAMETER_TYPE_INT", integer = "PARAMETER_TYPE_INT",
  float = "PARAMETER_TYPE_FLOAT", double = "PARAMETER_TYPE_FLOAT", numeric = "PARAMETER_TYPE_FLOAT",
  bool = "PARAMETER_TYPE_BOOL", logical = "PARAMETER_TYPE_BOOL",
  json = "PARAMETER_TYPE_JSON"
)

#' Declare a parameter of a flow
#'
#' A parameter becomes an option of the command `run` and an artifact of every task, which steps read as `self$name` and
#' can't change.
#'
#' @param flow A flow, from [flow()].
#' @param name Name of the parameter, a string. Dashes are read as underscores in steps.
#' @param default Value when none is given: `TRUE` or `FALSE`, a number, a string, or `NULL` for none. A function of one
#'   argument is called once for a run that gives no value, before its first task; its argument is a list with
#'   `flow_name`, `parameter_name`, `user_name` and `configs`, a list of the flow's configs by name. [current()] knows
#'   the names of the project by then.
#' @param type Type of the value: `"string"`, `"int"`, `"float"`, `"bool"` or `"json"`. By default that of `default`
#'   (`5L` is an int, `5` is a float), else `"string"`. The default of a JSON parameter may be JSON text.
#' @param help Help text, a string.
#' @param required Whether a run can't start without a value.
#' @param separator When set, the text is split here into a character vector. Only for strings.
#' @param show_default Whether help shows the default.
#' @returns The flow, with the parameter.
#' @seealso The class `Parameter` is its twin in Python.
#' @export
#' @examples
#' flow("Pricing") |>
#'   parameter("folds", default = 5L, help = "Cross-validation folds.") |>
#'   parameter("cuts", separator = ",")
parameter <- function(flow, name, default = NULL, type = NULL, help = "", required = FALSE, separator = NULL,
                      show_default = TRUE) {
  check_flow(flow)
  check_string(name)
  check_string(help)
  check_flag(required)
  check_flag(show_default)
  check_name("A parameter", name, "parameter_name")
  type <- parameter_type(name, type, default)
  if (!is.null(separator)) {
    check_string(separator)
    if (type != "PARAMETER_TYPE_STRING") {
      abort("Parameter {.val {name}} can't have a separator: only strings are split.", "argument")
    }
  }
  add_parameter(flow, list(
    name = name, default = default, type = type, help = help, required = required, separator = separator,
    show_default = show_default, location = call_location()
  ))
}

#' Declare a file whose content is a parameter
#'
#' The option `--name` of the command `run` takes a path. The file is read when the run starts; each task reads its
#' content as `self$name`, whatever becomes of the file, and can't change it.
#'
#' @param flow A flow, from [flow()].
#' @param name Name of the parameter, a string. Dashes are read as underscores in steps.
#' @param default Path of the file when none is given, relative to the working directory. `NULL`: the content is `NULL`.
#' @param required Whether a run can't start without a file.
#' @param is_text Whether the content is a string. Else it is a raw vector.
#' @param encoding Encoding of the text, such as `"latin1"`. By default UTF-8.
#' @param help Help text, a string.
#' @returns The flow, with the parameter.
#' @seealso The class `IncludeFile` is its twin in Python.
#' @export
#' @examples
#' flow("Words") |>
#'   include_file("text", default = "words.txt") |>
#'   step("start", \(self) print(nchar(self$text)))
include_file <- function(flow, name, default = NULL, required = FALSE, is_text = TRUE, encoding = "UTF-8", help = "") {
  check_flow(flow)
  check_string(name)
  check_string(help)
  check_string(encoding)
  check_flag(required)
  check_flag(is_text)
  check_name("A parameter", name, "parameter_name")
  file <- check_optional_string(default, "default")
  add_parameter(flow, list(
    name = name, type = "PARAMETER_TYPE_STRING", help = help, required = required, show_default = TRUE,
    include_file = list(
      is_text = is_text, encoding = encoding, default_file = if (!is.null(file)) resolve_path(file, getwd())
    ),
    location = call_location()
  ))
}

add_parameter <- function(flow, parameter) {
  flow$parameters[[length(flow$parameters) + 1L]] <- parameter
  flow
}

# Names of parameters and configs are options of the command line.
check_name <- function(what, name, class, call = parent.frame()) {
  if (!grepl("^[A-Za-z][A-Za-z0-9_-]*$", name)) {
    abort(
      c(
        "{what} can't be named {.val {name}}.",
        i = "A name begins with a letter and has letters, digits, underscores and dashes."
      ),
      class,
      call = call
    )
  }
}

# Name under which steps read what has `name` on the command line.
variable_name <- function(name) gsub("-", "_", name, fixed = TRUE)

parameter_type <- function(name, type, default, call = parent.frame()) {
  if (!is.null(type)) {
    check_string(type, call = call)
    if (!type %in% names(parameter_types)) {
      abort(
        c(
          "Parameter {.val {name}} can't have type {.val {type}}.",
          i = "Its types are {.val {c('string', 'int', 'float', 'bool', 'json')}}."
        ),
        "argument",
        call = call
      )
    }
    return(parameter_types[[type]])
  }
  if (is.null(default) || is.function(default)) {
    return("PARAMETER_TYPE_STRING")
  }
  known <- parameter_types[typeof(default)]
  if (is.na(known)) {
    abort(
      c(
        "The default of parameter {.val {name}} must be a logical, a number or a string.",
        x = "It is {.obj_type_friendly {default}}."
      ),
      "argument",
      call = call
    )
  }
  known[[1L]]
}

# A value as the default of a parameter, as its type wants it.
parameter_default <- function(parameter, value) {
  if (is.null(value)) {
    return(NULL)
  }
  expected <- switch(parameter$type,
    PARAMETER_TYPE_STRING = "a string",
    PARAMETER_TYPE_BOOL = "TRUE or FALSE",
    PARAMETER_TYPE_INT = "a whole number",
    PARAMETER_TYPE_FLOAT = "a number"
  )
  problem <- function() {
    abort(
      "The default of parameter {.val {parameter$name}} must be {expected}, not {.obj_type_friendly {value}}.",
      "parameter_default",
      call = NULL
    )
  }
  if (parameter$type == "PARAMETER_TYPE_JSON") {
    value <- if (is_string(value)) json_default(value, parameter$name) else value
    return(plain_json(value, \(part) refuse_json(part, parameter$name)))
  }
  if (!is.null(parameter$separator) && is.character(value)) {
    words <- if (length(value) == 1L) strsplit(value, parameter$separator, fixed = TRUE)[[1L]] else value
    return(as_array(words))
  }
  if (length(value) != 1L || is.na(value)) {
    problem()
  }
  switch(parameter$type,
    PARAMETER_TYPE_STRING = if (is.character(value)) value else problem(),
    PARAMETER_TYPE_BOOL = if (is.logical(value)) value else problem(),
    PARAMETER_TYPE_INT = if (is.numeric(value) && value == trunc(value)) as_whole(value) else problem(),
    PARAMETER_TYPE_FLOAT = if (is.numeric(value)) as.double(value) else problem()
  )
}

json_default <- function(text, name) {
  tryCatch(json_value(text), error = \(e) {
    abort("The default of parameter {.val {name}} is no JSON.", "parameter_default", parent = e, call = NULL)
  })
}

refuse_json <- function(value, name) {
  abort(
    c(
      "The default of parameter {.val {name}} can't be written as JSON.",
      x = "It has {.obj_type_friendly {value}}.",
      i = "JSON has numbers, text, logicals, lists of them, and lists with a name for each element."
    ),
    "parameter_default",
    call = NULL
  )
}

# What a default that is a function is told.
default_context <- function(parameter, flow, user) {
  configs <- stats::setNames(
    lapply(flow$configs, declared_view),
    vapply(flow$configs, \(config) unclass(config)$name, "")
  )
  list(flow_name = flow$name, parameter_name = parameter$name, user_name = user, configs = configs)
}

# An integer when it fits, else a double.
as_whole <- function(value) {
  if (abs(value) <= .Machine$integer.max) as.integer(value) else value
}

# Who runs the flow, by the rule that Python has: the login name, else, as in containers, the number of the user.
user_name <- function() {
  named <- Sys.getenv(c("INSTEP_USER", "LOGNAME", "USER", "LNAME", "USERNAME"))
  known <- Sys.info()[["effective_user"]]
  c(named[nzchar(named)], if (known != "unknown") known, as.character(effective_user_()))[[1L]]
}
