# What the code of a step is: its function, and all that this function reaches by name in the user's own files. Its digest
# tells whether a step would do the same again. Layout and comments are no part of it.
#
# Theory of operation. Loading a file leaves its functions and objects in the global environment, those of the files that
# it sources as well. All names and texts in a function count as names that it may reach: a local variable that happens
# to have the name of a global function makes the digest change more often than needed, never too seldom. A name is
# looked up from the function's own environment to the global one, so what a function factory has captured is found;
# packages are not the user's own. What follows `$` and `@` is an element of what precedes it, and no such name. With a
# generic function its methods are reached, also when the generic is a package's.

# Digest, as text, of the code of a step. Empty: it is not known.
step_code <- function(reference, folder) {
  if (!is.null(reference$body)) {
    return(code_digest(reference$body))
  }
  file <- resolve_path(reference$file, folder)
  if (reference$language == "r" && file.exists(file)) code_file_digest(file, reference$name) else ""
}

code_digest <- function(fun) {
  tryCatch(
    object_hash(walk_code(fun)$texts),
    error = \(e) "" # such as a promise that fails: then nobody knows what the step would do
  )
}

# Not by rlang::hash(): rlang loads cli, which starts a thread, and a host must have one alone when it forks.
object_hash <- function(value) blake3_(serialize(value, NULL, xdr = FALSE))

# Walks through a function, or anything that has functions in it. Answers with what was found: `texts`, which stand for
# its code, and `globals`, the names of the objects in the global environment that it may reach.
walk_code <- function(value) {
  walk <- new.env(parent = emptyenv())
  walk$seen <- list()
  walk$texts <- character()
  walk$globals <- character()
  walk_value(walk, "step", value)
  walk
}

walk_value <- function(walk, name, value) {
  if (is_flow(value)) {
    return(invisible()) # where its steps stand in the file is no matter
  }
  if (is_config(value)) {
    value <- as.list(value)
  }
  if (is.function(value) || is.environment(value)) {
    known <- Position(\(seen) identical(seen, value), walk$seen)
    if (!is.na(known)) {
      return(note_code(walk, name, paste("as", known)))
    }
    walk$seen <- c(walk$seen, list(value))
  }
  if (is.function(value)) {
    walk_function(walk, name, value)
  } else if (is.environment(value)) {
    walk_environment(walk, name, value)
  } else if (is.list(value)) {
    plain <- unclass(value)
    note_code(walk, name, object_hash(list(class(value), names(plain), length(plain))))
    for (i in seq_along(plain)) walk_value(walk, paste0(name, "[", i, "]"), plain[[i]])
  } else {
    note_code(walk, name, object_hash(value))
  }
}

walk_function <- function(walk, name, fun) {
  if (is.primitive(fun) || isNamespace(topenv(environment(fun)))) {
    return(note_code(walk, name, paste(function_module(fun), deparse(args(fun))[[1L]])))
  }
  code <- as.call(c(list(as.name("{")), Filter(\(default) !identical(default, quote(expr = )), formals(fun)), body(fun)))
  note_code(walk, name, deparse(fun, control = c("keepNA", "keepInteger", "digits17")))
  words <- sort(unique(code_words(code)), method = "radix")
  for (reached in c(words, own_methods(words))) {
    owner <- own_environment(reached, environment(fun))
    if (is.null(owner)) next
    if (identical(owner, globalenv())) walk$globals <- union(walk$globals, reached)
    walk_value(walk, reached, get(reached, owner, inherits = FALSE))
  }
}

# Names of the user's own methods of generic functions: `generic.class` for S3, and the tables of methods for S4.
own_methods <- function(generics) {
  begins <- c(paste0(generics, "."), paste0(".__T__", generics, ":"))
  Filter(\(name) any(startsWith(name, begins)), ls(globalenv(), all.names = TRUE))
}

# What is in an environment of the user's, such as an R6 class. Others are told by what they are.
walk_environment <- function(walk, name, environment) {
  if (is_shared_environment(environment)) {
    return(note_code(walk, name, environmentName(environment)))
  }
  for (element in ls(environment, all.names = TRUE, sorted = TRUE)) {
    walk_value(walk, paste0(name, "$", element), get(element, environment, inherits = FALSE))
  }
}

note_code <- function(walk, name, text) walk$texts <- c(walk$texts, name, text)

# The environment in which a name is the user's own, seen from a function's. NULL: it is a package's, or nobody's.
own_environment <- function(name, environment) {
  repeat {
    if (nzchar(name) && exists(name, environment, inherits = FALSE)) {
      return(if (!is_package_environment(environment)) environment)
    }
    if (is_shared_environment(environment)) {
      return(NULL)
    }
    environment <- parent.env(environment)
  }
}

is_package_environment <- function(x) isNamespace(x) || identical(x, baseenv()) || identical(x, emptyenv())

is_shared_environment <- function(x) is_package_environment(x) || identical(x, globalenv())

# All names in code, and all texts: functions and objects can be reached by these as well, as in do.call("fit", ...).
code_words <- function(code, names = TRUE) {
  if (is.character(code)) {
    return(code)
  }
  if (is.symbol(code)) {
    return(if (names) as.character(code))
  }
  if (!is.call(code) && !is.pairlist(code) && !is.expression(code)) {
    return(character())
  }
  is_element <- is.call(code) && (identical(code[[1L]], quote(`$`)) || identical(code[[1L]], quote(`@`)))
  parts <- if (is_element) as.list(code)[1:2] else Filter(\(part) !identical(part, quote(expr = )), as.list(code))
  unlist(lapply(parts, code_words, names))
}

# The code of an R file. It is UTF-8, whatever a profile has made of the option `encoding`.
parse_file <- function(file, keep_source) {
  old <- options(encoding = "native.enc")
  on.exit(options(old))
  parse(file, keep.source = keep_source, encoding = "UTF-8")
}

# Digest of a function of another R file: of all its code, and that of the R files that it names.
code_file_digest <- function(file, name) {
  seen <- character()
  texts <- character()
  visit <- function(file) {
    seen <<- c(seen, file)
    code <- parse_file(file, FALSE)
    texts <<- c(texts, vapply(code, \(call) paste(deparse(call), collapse = "\n"), ""))
    named <- grep("[.][Rr]$", code_words(code, names = FALSE), value = TRUE)
    for (other in setdiff(resolve_path(named, dirname(file)), seen)) {
      if (file.exists(other)) visit(other)
    }
  }
  tryCatch(
    {
      visit(file)
      object_hash(c(name, texts))
    },
    error = \(e) ""
  )
}
