# Prints the library that packages of this user go to: the first of .libPaths() that can be written to, else the
# user's own, which is made if needed.
writable <- Filter(\(path) file.access(path, 2) == 0, .libPaths())
library_path <- if (length(writable)) {
  writable[[1]]
} else {
  own <- path.expand(strsplit(Sys.getenv("R_LIBS_USER"), .Platform$path.sep, fixed = TRUE)[[1]][[1]])
  dir.create(own, recursive = TRUE, showWarnings = FALSE)
  own
}
cat(library_path)
