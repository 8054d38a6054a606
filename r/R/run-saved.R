# Flows that were built in the session: which file they stand in, or how they become one.
#
# A flow that is no file's is saved as two files in the store: what it reaches, and a script that gives it back. They are
# named by their content, so that the flow of an older run is still there to be looked at and resumed.

# The file that says the same about a flow as the session does. NULL: there is none, so the session's flow is saved.
flow_file <- function(flow) {
  file <- flow$location$file
  if (is.null(file) || !file.exists(file)) {
    return(NULL)
  }
  code <- tryCatch(parse_file(file, FALSE), error = \(e) NULL)
  if (!declares_flow(code, flow$name)) {
    return(NULL)
  }
  bodies <- Filter(Negate(is.null), lapply(flow$steps, \(step) step$reference$body))
  helpers <- Filter(\(object) is_typed_or_of(object, file), reached_objects(unclass(flow))$objects)
  nodes <- function_nodes(code)
  same <- vapply(c(bodies, helpers), \(fun) !is.null(function_node(fun, nodes)), NA)
  if (all(same)) {
    return(file)
  }
  cli::cli_inform(c(i = "{.file {basename(file)}} differs from the session: the flow runs as the session has it."))
  NULL
}

# Whether an object is a function that does not come from another file.
is_typed_or_of <- function(object, file) {
  typeof(object) == "closure" && identical(srcref_location(attr(object, "srcref"))$file %||% file, file)
}

# Whether the code of a file begins a flow of this name when it is run, and not only inside of some function.
declares_flow <- function(code, name) {
  if (is.call(code) && identical(code[[1L]], quote(`function`))) {
    return(FALSE)
  }
  if (is.call(code) && identical(code[[1L]], quote(flow)) && name %in% as.list(code)) {
    return(TRUE)
  }
  (is.call(code) || is.expression(code)) &&
    any(vapply(as.list(code), \(part) !identical(part, quote(expr = )) && declares_flow(part, name), NA))
}

# Runs a flow as the session has it.
run_saved <- function(flow, options, call = parent.frame()) {
  store <- flow_store()
  run_file(save_flow(flow, store, call), options, store, call)
}

max_silent_bytes <- 1024^2

# Writes a flow as the session has it. Answers with the path of the script.
save_flow <- function(flow, store, call = parent.frame()) {
  flow <- with_absolute_paths(flow, getwd())
  types <- the$types[setdiff(names(the$types), exception_type$name)]
  reached <- reached_objects(list(unclass(flow), types), call)
  saved <- list(flow = flow, types = types, objects = reached$objects)
  packages <- attached_packages()
  folder <- file.path(store, "session", paste0(flow$name, "-", substr(object_hash(list(reached$texts, packages)), 4L, 15L)))
  script <- file.path(folder, "flow.R")
  if (!file.exists(script)) {
    dir.create(folder, recursive = TRUE, mode = "0700", showWarnings = FALSE)
    data <- file.path(normalizePath(folder), "objects.rds")
    write_whole(data, \(file) saveRDS(saved, file))
    write_whole(script, \(file) writeLines(saved_script(flow$name, packages, data), file, useBytes = TRUE))
    tell_size(data, reached$objects)
  }
  script
}

# A file appears under its name only when all of it is there.
write_whole <- function(file, write) {
  partial <- paste0(file, ".", Sys.getpid())
  write(partial)
  file.rename(partial, file)
}

saved_script <- function(name, packages, data) {
  c(
    paste0("# Flow ", name, " as it was built in an R session. run() wrote this file, so that fresh processes can load it."),
    sprintf("library(%s)", packages),
    sprintf("instep:::run_saved_flow(%s)", encodeString(data, quote = "\""))
  )
}

tell_size <- function(data, objects) {
  size <- file.size(data)
  if (size <= max_silent_bytes) {
    return(invisible())
  }
  bytes <- vapply(objects, \(object) as.numeric(utils::object.size(object)), 0)
  largest <- names(utils::head(sort(bytes[bytes > max_silent_bytes / 10], decreasing = TRUE), 3L))
  cli::cli_inform(c(
    i = "The flow takes along {format_size(size)} of the session{if (length(largest) > 0L) ', above all '}{.val {largest}}.",
    " " = "They are in {.file {data}}."
  ))
}

# What a script does that save_flow() has written: gives the session's objects back, then runs the flow.
run_saved_flow <- function(data) {
  saved <- readRDS(data)
  list2env(saved$objects, globalenv())
  if (any(startsWith(names(saved$objects), ".__"))) methods::cacheMetaData(globalenv(), TRUE)
  the$types[names(saved$types)] <- saved$types
  run(saved$flow)
}

# Relative paths are those from the folder in which the flow was built.
with_absolute_paths <- function(flow, folder) {
  flow$include <- resolve_path(flow$include, folder)
  flow$steps <- lapply(flow$steps, \(step) {
    if (!is.null(step$reference$file)) step$reference$file <- resolve_path(step$reference$file, folder)
    step
  })
  flow
}

# The objects of the global environment that functions in `value` may reach, by name or as methods of a class.
reached_objects <- function(value, call = parent.frame()) {
  globals <- ls(globalenv(), all.names = TRUE)
  methods <- Filter(\(name) startsWith(name, ".__") || is_method(name), globals)
  walk <- tryCatch(
    walk_code(list(value, mget(methods, envir = globalenv()))),
    error = \(e) abort(
      c("The flow can't be taken out of the session.", x = "{condition_text(e)}"), "session", call = call
    )
  )
  list(objects = mget(union(walk$globals, methods), envir = globalenv()), texts = walk$texts)
}

# Whether a name of the global environment is that of an S3 method.
is_method <- function(name) {
  is.function(get(name, globalenv())) && grepl(".", name, fixed = TRUE) && utils::isS3method(name, envir = globalenv())
}

# Packages on the search path that R does not attach by itself, the first attached first.
attached_packages <- function() {
  attached <- rev(sub("^package:", "", grep("^package:", search(), value = TRUE)))
  setdiff(attached, c("base", "methods", "datasets", "utils", "grDevices", "graphics", "stats"))
}
