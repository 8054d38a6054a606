#' Declare a config of a flow
#'
#' A config is settings that are read when the flow is built: its values can stand in decorators and in defaults of
#' parameters, and each task reads them as `self$name`. Give it to [flow()].
#'
#' Its text is what `--config-value NAME TEXT` or `--config NAME FILE` says before the command, else what the environment
#' variable `INSTEP_FLOW_CONFIG_VALUE` or `INSTEP_FLOW_CONFIG` says (a JSON object of texts or files by name), else
#' `default`, else `default_value`.
#'
#' A config is read with `$` and `[[`, at every depth, and can't be changed; a key that it does not have is an error.
#' `as.list()` gives a plain list, which can be changed.
#'
#' @param name Name of the config, a string. Dashes are read as underscores in steps.
#' @param default Path of a file with the text, relative to the working directory.
#' @param default_value The value, a named list, or its text, a string; or a function that gives one of these, called
#'   with a list of `parameter_name` and `user_name`. Not together with `default`.
#' @param required Whether a flow can't be built without a value. Without one the config is `NULL`.
#' @param parser Function of the text that gives a named list, or its name, a string such as `"yaml::yaml.load"`. By
#'   default the text is a JSON object.
#' @param plain Whether the value may be anything: the text, or whatever `parser` gives.
#' @param help Help text, a string.
#' @returns An object of class `instep_config_declaration`. An unreadable file or an invalid text is an error of class
#'   `instep_error_config`; a script ends with status 2.
#' @seealso The class `Config` is its twin in Python.
#' @export
#' @examples
#' settings <- config("settings", default_value = list(folds = 5L, retry = list(times = 2L)))
#' settings$retry$times
#'
#' flow("Pricing", settings) |>
#'   parameter("folds", default = settings$folds) |>
#'   step("start", \(self) print(self$settings$folds), retry(times = settings$retry$times), next_step = "end") |>
#'   step("end")
config <- function(name, default = NULL, default_value = NULL, required = FALSE, parser = NULL, plain = FALSE,
                   help = "") {
  check_string(name)
  check_name("A config", name, "config_name")
  check_optional_string(default)
  check_flag(required)
  check_flag(plain)
  check_string(help)
  if (!is.null(default) && !is.null(default_value)) {
    abort("Config {.val {name}} takes {.arg default} or {.arg default_value}, not both.", "argument")
  }
  if (is_string(parser)) {
    parser <- eval(str2lang(parser), globalenv())
  }
  if (!is.null(parser)) check_function(parser)
  resolved <- withCallingHandlers(
    config_resolved(name, default, default_value, required, parser, plain),
    instep_error_config = \(condition) end_script(condition, status = 2L) # as for other wrong options
  )
  structure(
    list(name = name, help = help, value = resolved$value, text = resolved$text, location = call_location()),
    class = "instep_config_declaration"
  )
}

is_config <- function(x) inherits(x, "instep_config_declaration")

# The value of a config, with the text that it came from.
config_resolved <- function(name, default, default_value, required, parser, plain, call = parent.frame()) {
  given <- config_given(name)
  if (is.function(default_value) && is.null(given)) {
    default_value <- default_value(list(parameter_name = name, user_name = user_name()))
  }
  text <- given$text
  file <- given$file %||% if (is.null(text)) default
  if (is.null(text) && !is.null(file)) {
    text <- config_file(name, file, call)
  }
  if (is.null(text) && !is.null(default_value)) {
    if (!is_string(default_value)) {
      value <- config_checked(name, default_value, plain, call)
      return(list(value = value, text = if (is.null(parser)) tryCatch(json_text(value), error = \(e) NULL)))
    }
    text <- default_value
  }
  if (is.null(text)) {
    if (required) {
      abort_config(name, "has no value. Give it one with {.code --config {name} FILE} before the command.", call)
    }
    return(list(value = NULL, text = NULL))
  }
  list(value = config_checked(name, config_parsed(name, text, parser, plain, call), plain, call), text = text)
}

# What the command line or the environment says about a config: list(text) or list(file), or NULL.
config_given <- function(name) {
  typed <- if (!the$including) config_typed(name, script_arguments(script_file()))
  if (!is.null(typed)) {
    return(typed)
  }
  text <- config_environment("INSTEP_FLOW_CONFIG_VALUE")[[name]]
  if (!is.null(text)) {
    return(list(text = if (is_string(text)) text else json_text(text)))
  }
  file <- config_environment("INSTEP_FLOW_CONFIG")[[name]]
  if (!is.null(file)) list(file = file)
}

# What the arguments of a script say about a config, the last of it. Options come before the command.
config_typed <- function(name, arguments) {
  kinds <- c("--config-value" = "text", "--config" = "file")
  found <- list()
  at <- 1L
  while (at <= length(arguments) && startsWith(arguments[[at]], "-")) {
    option <- arguments[[at]]
    if (option %in% names(kinds)) {
      if (at + 2L > length(arguments)) {
        abort("Option '{option}' requires 2 arguments.", "config", call = NULL)
      }
      if (identical(arguments[at + 1L], name)) {
        found[[kinds[[option]]]] <- arguments[at + 2L]
      }
      at <- at + 3L
    } else {
      at <- at + if (option %in% c("--metadata", "--datastore", "--datastore-root", "--branch")) 2L else 1L
    }
  }
  if (length(found) > 0L) found[intersect(c("text", "file"), names(found))[[1L]]]
}

config_environment <- function(variable, call = parent.frame()) {
  said <- Sys.getenv(variable)
  if (!nzchar(said)) {
    return(NULL)
  }
  parsed <- tryCatch(jsonlite::parse_json(said), error = \(e) NULL)
  if (is.null(names(parsed))) {
    abort("{.envvar {variable}} must be a JSON object.", "config", call = call)
  }
  parsed
}

config_file <- function(name, file, call) {
  tryCatch(
    read_text(file),
    error = \(e) abort_config(name, "can't be read: {conditionMessage(e)}", call, environment())
  )
}

# The text of a file in UTF-8, as it is.
read_text <- function(file) {
  size <- file.size(file)
  if (is.na(size) || dir.exists(file)) {
    stop(sprintf("there is no file '%s'.", file), call. = FALSE)
  }
  text <- readChar(file, size, useBytes = TRUE)
  if (size == 0) "" else `Encoding<-`(text, "UTF-8")
}

config_parsed <- function(name, text, parser, plain, call) {
  parser <- parser %||% if (plain) identity else json_value
  tryCatch(
    parser(text),
    error = \(e) {
      what <- if (identical(parser, json_value)) "is no JSON" else "can't be parsed"
      why <- strsplit(conditionMessage(e), "\n", fixed = TRUE)[[1L]][[1L]] # the others repeat the text
      abort_config(name, "{what}: {why}", call, environment())
    }
  )
}

config_checked <- function(name, value, plain, call) {
  if (!plain && (!is.list(value) || (length(value) > 0L && is.null(names(value))))) {
    what <- if (is.null(names(value))) "a value without keys" else "no list"
    abort_config(name, "must be a JSON object, or a named list; it is {what}.", call, environment())
  }
  value
}

# `problem` is interpolated in the caller's frame.
abort_config <- function(name, problem, call, envir = parent.frame()) {
  reason <- cli::format_inline(problem, .envir = envir)
  abort("Config {.val {name}} {reason}", "config", call = call)
}

config_message <- function(declaration, location) {
  config <- unclass(declaration)
  list(
    name = config$name,
    variable = variable_name(config$name),
    manifest = encode_inline(plain_json(config$value, identity), config$name),
    text = config$text,
    help = config$help,
    location = location
  )
}
