# What a task may change of its session, and the next task of a worker that is used again must not find changed:
# environment variables, options, the working directory, the kinds of random numbers, sinks, and the files in
# tempdir(). What code assigns to the global environment, or loads, stays: isolation by a process of its own is for that.

process_state <- function() {
  list(environment = Sys.getenv(names = TRUE), options = options(), directory = getwd(), random = RNGkind())
}

restore_process <- function(state) {
  leave_sinks()
  now <- Sys.getenv(names = TRUE)
  if (!identical(now, state$environment)) {
    Sys.unsetenv(setdiff(names(now), names(state$environment)))
    do.call(Sys.setenv, as.list(state$environment))
  }
  added <- setdiff(names(options()), names(state$options))
  options(c(state$options, structure(vector("list", length(added)), names = added)))
  setwd(state$directory)
  do.call(RNGkind, as.list(state$random))
  unlink(list.files(tempdir(), all.files = TRUE, full.names = TRUE, no.. = TRUE), recursive = TRUE)
}

# Ends what user code, or the host's file, has diverted.
leave_sinks <- function() {
  while (sink.number() > 0L) sink()
  if (sink.number("message") != 2L) sink(type = "message")
}
