# What the C++ side asks about values that only R can open.

# Class, preview and packages of an object.
opaque_facts <- function(x) {
  list(
    runtime = as.character(getRversion()),
    requires = package_versions(packages_of(x)),
    classes = enc2utf8(class(x)),
    preview = preview(x)
  )
}

base_packages <- c(
  "base", "compiler", "datasets", "graphics", "grDevices", "grid", "methods", "parallel", "splines", "stats", "stats4",
  "tcltk", "tools", "utils"
)

# Packages that gave the object its class or its code, as far as can be seen from outside. S4 names `.GlobalEnv` for
# classes that a script defines.
packages_of <- function(x) {
  homes <- c(attr(class(x), "package"), if (is.function(x)) home_of(x))
  if (is.object(x) && !isS4(x)) {
    for (class in class(x)) {
      for (generic in c("print", "format", "summary", "predict")) {
        homes <- c(homes, home_of(utils::getS3method(generic, class, optional = TRUE)))
      }
    }
  }
  sort(Filter(has_package, setdiff(as.character(homes), base_packages)), method = "radix")
}

home_of <- function(f) {
  space <- if (is.function(f)) topenv(environment(f))
  if (is.environment(space) && isNamespace(space)) unname(getNamespaceName(space))
}

package_versions <- function(packages) {
  vapply(packages, \(package) as.character(utils::packageVersion(package)), "")
}

# At most 1 KiB of UTF-8. Without addresses, so that equal values have equal previews, and so equal digests.
preview <- function(x) {
  lines <- tryCatch(preview_lines(x), error = \(cnd) character())
  text <- gsub(" ?0x[0-9a-f]+", "", enc2utf8(paste(lines, collapse = "\n")))
  if (!validUTF8(text)) return("")
  while (nchar(text, "bytes") > 1024) {
    text <- substr(text, 1, nchar(text, "chars") - ceiling((nchar(text, "bytes") - 1024) / 4))
  }
  text
}

preview_lines <- function(x) {
  if (is.function(x)) return(utils::head(deparse(x, nlines = 20), 20))
  utils::capture.output(
    utils::str(x, max.level = 1, list.len = 12, vec.len = 3, nchar.max = 60, give.attr = FALSE)
  )
}

# Where in `x` an external pointer or a connection is, as text that continues the path of `x`. Empty when the place
# can't be told. Values of active bindings and promises are not looked at, so that no code runs.
find_handle <- function(x) {
  seen <- list()
  search <- function(x, path) {
    if (is_live_pointer(x) || inherits(x, "connection")) return(path)
    if (is.environment(x)) {
      if (is_foreign_space(x) || any(vapply(seen, identical, NA, x))) return(NULL)
      seen[[length(seen) + 1]] <<- x
    }
    for (child in handle_children(x)) {
      found <- search(child$value, paste0(path, child$step))
      if (!is.null(found)) return(found)
    }
  }
  found <- search(x, "")
  if (is.null(found)) "" else found
}

is_live_pointer <- function(x) {
  typeof(x) == "externalptr" && !identical(x, methods::new("externalptr"))
}

is_foreign_space <- function(env) {
  isNamespace(env) || identical(env, globalenv()) || identical(env, baseenv()) || identical(env, emptyenv()) ||
    startsWith(environmentName(env), "package:") || inherits(env, c("instep_self", "instep_inputs"))
}

handle_children <- function(x) {
  step <- function(value, step) list(value = value, step = step)
  children <- list()
  if (is.list(x)) {
    content <- unclass(x)
    x_names <- names(content)
    for (i in seq_along(content)) {
      name <- if (is.null(x_names)) "" else x_names[[i]]
      label <- if (name %in% c("", NA)) sprintf("[[%d]]", i) else paste0("$", name)
      children[[i]] <- step(content[[i]], label)
    }
  } else if (is.environment(x)) {
    names <- Filter(\(name) !bindingIsActive(name, x) && !rlang::env_binding_are_lazy(x, name), ls(x, all.names = TRUE))
    children <- lapply(names, \(name) step(get(name, x, inherits = FALSE), paste0("$", name)))
    children <- c(children, list(step(parent.env(x), "<parent>")))
  } else if (is.function(x) && !is.primitive(x)) {
    children <- list(step(environment(x), "<environment>"))
  }
  fields <- attributes(x)
  mark <- if (isS4(x)) "@" else "<attribute>$"
  fields <- fields[!names(fields) %in% c("names", "class", "dim", "dimnames", "row.names", ".internal.selfref")]
  c(children, unname(Map(\(value, name) step(value, paste0(mark, name)), fields, names(fields))))
}

# The largest variables in the environments that an object brings along, with their sizes, as text.
captured_variables <- function(x) {
  seen <- list()
  sizes <- numeric()
  visit <- function(x) {
    if (is.environment(x)) {
      if (is_foreign_space(x) || any(vapply(seen, identical, NA, x))) return()
      seen[[length(seen) + 1]] <<- x
    }
    for (child in handle_children(x)) {
      if (is.environment(x) && child$step != "<parent>") {
        sizes[[sub("$", "", child$step, fixed = TRUE)]] <<- as.numeric(utils::object.size(child$value))
      }
      visit(child$value)
    }
  }
  visit(x)
  sizes <- sort(sizes, decreasing = TRUE)
  shown <- utils::head(sizes, 5)
  rest <- length(sizes) - length(shown)
  texts <- sprintf("`%s` (%s)", names(shown), vapply(shown, size_text, ""))
  paste(c(texts, if (rest > 0) sprintf("and %d more", rest)), collapse = ", ")
}

size_text <- function(bytes) {
  format(structure(bytes, class = "object_size"), units = "auto", standard = "IEC", digits = 1L)
}

flatten_posixlt <- function(x) as.POSIXct(x)

# What a flow that was captured by a function reads as.
detached_self <- function() {
  structure(new.env(parent = emptyenv()), class = "instep_detached")
}

check_packages <- function(packages, versions) {
  is_missing <- !vapply(packages, \(package) requireNamespace(package, quietly = TRUE), NA)
  if (any(is_missing)) {
    lacking <- paste(packages, versions)[is_missing]
    cli::cli_warn(
      c("A stored object was made with {.pkg {lacking}}, which {?is/are} not installed here.",
        i = "Without, it may not work."),
      class = c("instep_warning_package", "instep_warning")
    )
  }
}
