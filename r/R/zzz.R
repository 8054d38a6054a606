.onLoad <- function(libname, pkgname) {
  root <- file.path(libname, pkgname, "proto")
  message_contract_(root, list.files(root, "[.]proto$", recursive = TRUE))
}

# Attaching the package hides stats::step(), on purpose: step() passes on what is no flow. With this name in the
# attached package library() does not say so each time.
.onAttach <- function(libname, pkgname) {
  assign(".conflicts.OK", TRUE, envir = as.environment(paste0("package:", pkgname)))
}

.onUnload <- function(libpath) {
  library.dynam.unload("instep", libpath)
}
