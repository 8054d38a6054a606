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
#'   argument is called when a run is started; its argument is a list with `flow_name`, `parameter_name` and
#'   `user_name`.
#' @param type Type of the value: `"string"`, `"int"`, `"float"`, `"bool"` or `"json"`. By default that of `default`
#'   (`5L` is an int, `5` is a float), else `"string"`. The default of a JSON parameter may be JSON text.
#' @param help Help text, a string.
#' @param required Whether a run can't start without a value.
#' @param separator When set, the text is split here into a character vector. Only for strings.
#' @returns The flow, with the parameter.
#' @seealso The class `Parameter` is its twin in Python.
#' @export
#' @examples
#' flow("Pricing") |>
#'   parameter("folds", default = 5L, help = "Cross-validation folds.") |>
#'   parameter("cuts", separator = ",")
parameter <- function(flow, name, default = NULL, type = NULL, help = "", required = FALSE, separator = NULL) {
  check_flow(flow)
  check_string(name)
  check_string(help)
  check_flag(required)
  if (!grepl("^[A-Za-z][A-Za-z0-9_-]*$", name)) {
    abort(
      c(
        "A parameter can't be named {.val {name}}.",
        i = "A name begins with a letter and has letters, digits, underscores and dashes."
      ),
      "parameter_name"
    )
  }
  type <- parameter_type(name, type, default)
  if (!is.null(separator)) {
    check_string(separator)
    if (type != "PARAMETER_TYPE_STRING") {
      abort("Parameter {.val {name}} can't have a separator: only strings are split.", "argument")
    }
  }
  flow$parameters[[length(flow$parameters) + 1L]] <- list(
    name = name, default = default, type = type, help = help, required = required, separator = separator,
    location = call_location()
  )
  flow
}

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

# The value to use when none is given, as the parameter's type wants it.
parameter_default <- function(parameter, flow_name) {
  value <- parameter$default
  if (is.function(value)) {
    value <- value(list(
      flow_name = flow_name,
      parameter_name = parameter$name,
      user_name = user_name()
    ))
  }
  if (is.null(value)) {
    return(NULL)
  }
  problem <- function() {
    abort(
      "The default of parameter {.val {parameter$name}} is {.obj_type_friendly {value}}, which does not fit its type.",
      "parameter_default",
      call = NULL
    )
  }
  if (parameter$type == "PARAMETER_TYPE_JSON") {
    return(if (is_string(value)) parse_json(value, parameter$name) else value)
  }
  if (!is.null(parameter$separator) && is.character(value)) {
    return(if (length(value) == 1L) strsplit(value, parameter$separator, fixed = TRUE)[[1L]] else value)
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

# The value of a JSON text: objects are named lists, arrays of one kind of scalar are vectors, others are lists.
parse_json <- function(text, name) {
  rlang::check_installed("jsonlite", "to read the default of a JSON parameter.")
  parsed <- tryCatch(jsonlite::parse_json(text), error = function(e) {
    abort("The default of parameter {.val {name}} is no JSON.", "parameter_default", parent = e, call = NULL)
  })
  simplify_json(parsed)
}

simplify_json <- function(value) {
  if (!is.list(value)) {
    return(value)
  }
  elements <- lapply(value, simplify_json)
  kinds <- unique(vapply(elements, typeof, ""))
  plain <- is.null(names(value)) && length(kinds) == 1L && kinds %in% c("logical", "integer", "double", "character")
  if (!plain || any(lengths(elements) != 1L)) {
    return(elements)
  }
  # In Python one element is an array, too: I() tells it from a scalar.
  if (length(elements) == 1L) I(elements[[1L]]) else unlist(elements)
}

# An integer when it fits, else a double.
as_whole <- function(value) {
  if (abs(value) <= .Machine$integer.max) as.integer(value) else value
}

user_name <- function() {
  named <- Sys.getenv("INSTEP_USER")
  if (nzchar(named)) named else Sys.info()[["effective_user"]]
}
