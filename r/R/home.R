# Where the store is: INSTEP_HOME, else the nearest directory `.instep` at or above the working directory that belongs
# to the current user.

store_home <- function(start = getwd(), call = parent.frame()) {
  named <- Sys.getenv("INSTEP_HOME")
  home <- if (nzchar(named)) path.expand(named) else nearest_home(normalizePath(start))
  if (is.null(home)) {
    abort(
      c(
        "There is no store: neither {.path {start}} nor a folder above it has a directory {.path .instep} of yours.",
        i = "Set {.envvar INSTEP_HOME} to the store's directory, or go to the folder of the flow."
      ),
      "store_missing",
      call = call
    )
  }
  if (!dir.exists(home)) {
    abort("{.envvar INSTEP_HOME} names {.path {home}}, which is not a directory.", "store_missing", call = call)
  }
  normalizePath(home)
}

nearest_home <- function(folder) {
  repeat {
    candidate <- file.path(folder, ".instep")
    if (dir.exists(candidate) && identical(file.info(candidate)$uid, effective_user_())) {
      return(candidate)
    }
    if (dirname(folder) == folder) {
      return(NULL)
    }
    folder <- dirname(folder)
  }
}
