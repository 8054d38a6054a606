.onLoad <- function(libname, pkgname) {
  use_utf8()
  root <- file.path(libname, pkgname, "proto")
  message_contract_(root, list.files(root, "[.]proto$", recursive = TRUE))
}

# In the locale "C", as cron and containers have it, R can neither name files beyond ASCII nor print such text. Python
# takes UTF-8 for characters there, so R does, too: both sides of a flow must read a name alike.
use_utf8 <- function() {
  if (Sys.getlocale("LC_CTYPE") %in% c("C", "POSIX")) {
    suppressWarnings(Sys.setlocale("LC_CTYPE", "C.UTF-8"))
  }
}

# Attaching the package hides stats::step(), on purpose: step() passes on what is no flow. With this name in the
# attached package library() does not say so each time.
.onAttach <- function(libname, pkgname) {
  assign(".conflicts.OK", TRUE, envir = as.environment(paste0("package:", pkgname)))
}

.onUnload <- function(libpath) {
  library.dynam.unload("instep", libpath)
}
