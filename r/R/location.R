# Where calls stand in the user's files. R records the place of a top-level expression and of the calls inside braces,
# and Rscript not even these. So a call notes what is known when it runs (call_location()), and the exact line is looked
# up later, among all calls of flow(), step() and the like in the file (call_sites()).

# The innermost place known for the caller's caller, as list(file, line); NULL when there is none.
call_location <- function() {
  for (call in rev(sys.calls())) {
    place <- srcref_location(attr(call, "srcref"))
    if (!is.null(place)) {
      return(place)
    }
  }
  NULL
}

srcref_location <- function(srcref) {
  if (is.null(srcref)) {
    return(NULL)
  }
  source <- attr(srcref, "srcfile")
  name <- source$filename
  if (is.null(name) || !nzchar(name) || inherits(source, "srcfilealias")) {
    return(NULL)
  }
  file <- if (startsWith(name, "/")) name else file.path(source$wd, name)
  if (!file.exists(file)) {
    return(NULL)
  }
  list(file = normalizePath(file), line = as.integer(srcref[[1L]]))
}

# Functions whose calls are told by the first text that they are given, and those of decorators, told by what they are in.
named_calls <- c("flow", "step", "parameter", "include_file", "constant", "config", "decorator")
decorator_calls <- c("retry", "catch", "timeout", "environment_variables", "resources", "project")

# All calls of these functions in a file, each with its name, if it has one, and its first and last line.
call_sites <- function(file) {
  none <- call_sites_none()
  parsed <- tryCatch(parse_file(file, TRUE), error = \(e) NULL)
  data <- utils::getParseData(parsed)
  if (is.null(data)) {
    return(none)
  }
  calls <- data[data$token == "SYMBOL_FUNCTION_CALL" & data$text %in% c(named_calls, decorator_calls), ]
  sites <- lapply(seq_len(nrow(calls)), \(i) call_site(data, calls[i, ]))
  rbind(none, do.call(rbind, sites))
}

call_sites_none <- function() {
  data.frame(kind = character(), name = character(), line = integer(), last = integer())
}

call_site <- function(data, call) {
  call_id <- data$parent[data$id == call$parent]
  name <- if (call$text %in% decorator_calls) "" else first_text(data, call_id)
  if (!is.null(name)) {
    data.frame(kind = call$text, name = name, line = call$line1, last = data$line2[data$id == call_id])
  }
}

# The first argument of a call that is a text, if it has no other name than that of the thing's name.
first_text <- function(data, call_id) {
  siblings <- data[data$parent == call_id, ]
  siblings <- siblings[order(siblings$line1, siblings$col1), ]
  for (i in which(siblings$token == "expr")) {
    content <- data[data$parent == siblings$id[i], ]
    label <- if (i > 2L && siblings$token[i - 1L] == "EQ_SUB") siblings$text[i - 2L] else "name"
    if (nrow(content) == 1L && content$token == "STR_CONST" && label %in% c("name", "step")) {
      return(eval(str2lang(content$text)))
    }
  }
  NULL
}

# The place of a decorator of what is declared at `place`: inside that call, or where it was made.
decorator_location <- function(decorator, place, sites) {
  here <- sites[sites$kind == decorator$made_by & sites$name %in% c("", decorator$name), ]
  within <- sites$last[sites$line == place$line & sites$kind %in% c("step", "flow")]
  inside <- here$line[here$line >= place$line & here$line <= max(place$line, within)]
  noted <- decorator$location
  if (length(inside) > 0L) {
    return(list(file = place$file, line = inside[[1L]]))
  }
  noted %||% place
}

# The exact place of a call, from what was noted when it ran. Without a file the code came from a prompt.
exact_location <- function(noted, kind, name, file, sites) {
  if (!is.null(noted) && !identical(noted$file, file)) {
    return(list(file = noted$file, line = noted$line))
  }
  lines <- sites$line[sites$kind == kind & sites$name == name]
  from <- if (is.null(noted)) 0L else noted$line
  later <- lines[lines >= from]
  line <- if (length(later) > 0L) later[[1L]] else from
  list(file = file, line = line)
}

# Rscript keeps no sources. This gives the functions of a file the places that they would have had, so that a traceback
# can name lines: it parses the file again and takes over each function whose code is the same.
relink_sources <- function(flow, file) {
  plain <- function_nodes(parse_file(file, FALSE))
  placed <- function_nodes(parse_file(file, TRUE))
  relink_globals(plain, placed)
  flow$steps <- lapply(flow$steps, \(step) {
    if (!is.null(step$reference$body)) {
      step$reference$body <- relink(step$reference$body, plain, placed)
    }
    step
  })
  flow
}

relink_globals <- function(plain, placed) {
  for (name in ls(globalenv(), all.names = TRUE)) {
    if (bindingIsActive(name, globalenv()) || bindingIsLocked(name, globalenv())) {
      next
    }
    value <- get(name, globalenv())
    if (typeof(value) == "closure") {
      assign(name, relink(value, plain, placed), globalenv())
    }
  }
}

# A function with its place in the file, when its code is there.
relink <- function(fun, plain, placed) {
  if (typeof(fun) != "closure" || !is.null(attr(fun, "srcref"))) {
    return(fun)
  }
  found <- function_node(fun, plain)
  if (is.null(found)) {
    return(fun)
  }
  linked <- eval(placed[[found]], environment(fun))
  attributes(linked) <- c(attributes(fun), list(srcref = attr(linked, "srcref")))
  linked
}

# The position, among `function` expressions that were parsed without sources, of the one that made a function.
function_node <- function(fun, nodes) {
  fun <- utils::removeSource(fun)
  found <- Position(\(node) identical(body(fun), node[[3L]]) && identical(formals(fun), node[[2L]]), nodes)
  if (!is.na(found)) found
}

# All `function` expressions in parsed code, in the order in which they are written.
function_nodes <- function(code) {
  found <- list()
  visit <- function(node) {
    if (is.call(node) && identical(node[[1L]], quote(`function`))) {
      found[[length(found) + 1L]] <<- node
      visit_all(as.list(node[[2L]]))
      visit(node[[3L]])
    } else if (is.call(node) || is.expression(node)) {
      visit_all(as.list(node))
    }
  }
  visit_all <- function(nodes) {
    for (i in seq_along(nodes)) {
      if (!identical(nodes[[i]], quote(expr = ))) visit(nodes[[i]])
    }
  }
  visit(code)
  found
}
