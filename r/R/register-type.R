#' Register a type of your own
#'
#' Objects of a registered class are stored as values that every language can read. Whoever has registered a type under
#' the same name, in R or in Python, reads an object of that type; whoever has not reads what `to_portable()` gave.
#' Reading runs only functions that were registered in the same session.
#'
#' Register where every task and reader does it: at the top level of the flow's file, or of a file that it sources.
#'
#' @param name Name of the type in all languages, a string such as `"geo.point"`: up to 100 letters, digits, `.`, `_` and
#'   `-`, a letter first. Names that begin with `instep.` are reserved.
#' @param class Class attribute of the objects, a character vector. It must be the whole of it: objects with a class more
#'   or less are not of this type.
#' @param to_portable Function of an object that gives what every language can read, such as a named list of numbers,
#'   text, lists and data frames. What is in it may be of registered types. By default the object without its class.
#' @param from_portable Function of such a value that gives an object. It may get what another language wrote. By default
#'   the value with the class.
#' @returns `name`, invisibly. Registering a name again replaces the functions, if the class is the same.
#' @seealso In Python `instep.register_type(name, cls)`.
#' @export
#' @examples
#' new_point <- function(x, y) structure(list(x = x, y = y), class = "point")
#' register_type("geo.point", class = "point")
#'
#' # With functions, when there is more to it than the class:
#' register_type("geo.circle", class = c("circle", "shape"),
#'   to_portable = \(circle) list(center = circle$center, radius = sqrt(circle$area / pi)),
#'   from_portable = \(form) {
#'     structure(list(center = form$center, area = pi * form$radius^2), class = c("circle", "shape"))
#'   }
#' )
register_type <- function(name, class, to_portable = unclass, from_portable = NULL) {
  check_type_name(name)
  check_type_class(name, class)
  from_portable <- from_portable %||% \(form) structure(form, class = class)
  check_function(to_portable)
  check_function(from_portable)
  force(to_portable)
  # C++ finds name and class by their positions.
  the$types[[name]] <- list(name = name, class = class, to_portable = to_portable, from_portable = from_portable)
  invisible(name)
}

check_type_name <- function(name, call = parent.frame()) {
  check_string(name, "name", call)
  if (!grepl("^[A-Za-z][A-Za-z0-9._-]{0,99}$", name)) {
    abort(
      c("{.arg name} must be the name of a type, not {.val {name}}.",
        i = "It has up to 100 letters, digits, {.val .}, {.val _} and {.val -}, a letter first."),
      "argument", call = call
    )
  }
  if (startsWith(name, "instep.")) {
    abort("{.arg name} must not begin with {.val instep.}, which is reserved.", "argument", call = call)
  }
}

# Class attributes that the codec knows.
own_classes <- list(
  "factor", c("ordered", "factor"), "Date", c("POSIXct", "POSIXt"), c("POSIXlt", "POSIXt"), "difftime",
  c("hms", "difftime"), "integer64", "AsIs", "data.frame", c("tbl_df", "tbl", "data.frame"),
  c("data.table", "data.frame")
)

check_type_class <- function(name, class, call = parent.frame()) {
  if (!is.character(class) || length(class) == 0 || anyNA(class)) {
    abort("{.arg class} must be a character vector, not {.obj_type_friendly {class}}.", "argument", call = call)
  }
  if (any(vapply(own_classes, identical, NA, class)) || any(startsWith(class, "instep_"))) {
    abort("{.arg class} can't be {.cls {class}}: Instep stores such values itself.", "argument", call = call)
  }
  for (type in the$types) {
    if (identical(type$name, name) != identical(type$class, class)) {
      abort("Class {.cls {type$class}} is registered as {.val {type$name}} already.", "argument", call = call)
    }
  }
}

check_function <- function(x, arg = deparse(substitute(x)), call = parent.frame()) {
  if (!is.function(x)) {
    abort("{.arg {arg}} must be a function, not {.obj_type_friendly {x}}.", "argument", call = call)
  }
}

# What C++ asks for while it encodes and decodes. `path` is where the value is.

portable_form <- function(type, x, path) {
  tryCatch(
    type$to_portable(x),
    error = \(cnd) fail_type(type, path, "whose to_portable() failed.", cnd)
  )
}

restored_value <- function(type, form, path) {
  value <- tryCatch(
    type$from_portable(form),
    error = \(cnd) fail_type(type, path, "whose from_portable() failed.", cnd)
  )
  if (!identical(as.character(class(value)), type$class)) {
    fail_type(type, path, sprintf("whose from_portable() gives an object of class '%s'.", class(value)[[1]]))
  }
  value
}

# Raises what encode_value() and decode_value() make the error of, which know the artifact.
fail_type <- function(type, path, problem, parent = NULL) {
  stop(structure(
    class = c("instep_type_failure", "error", "condition"),
    list(
      message = sprintf("is of the registered type '%s', %s", type$name, problem), call = NULL, code = "TYPE_FAILED",
      path = path, parent = parent
    )
  ))
}
