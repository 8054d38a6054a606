# Makes this process a host for the length of a test. Answers with the launcher's end of the pipe.
local_host <- function(env = parent.frame()) {
  ends <- socket_pair_()
  host_open_(ends[[1L]])
  withr::defer({
    host_close_()
    fd_close_(ends[[2L]])
  }, envir = env)
  ends[[2L]]
}

# Forks a worker that evaluates an expression and ends. Answers with the files that took its output.
fork_to <- function(id, expression, directory) {
  files <- file.path(directory, paste0(id, c(".out", ".err")))
  pid <- host_fork_(id, files[[1L]], files[[2L]], directory)
  if (pid == 0L) {
    status <- tryCatch(expression, error = \(e) 1L, interrupt = \(i) 9L)
    process_exit_(as.integer(status))
  }
  files
}

test_that("a worker runs apart, and its end is told", {
  skip_on_os("windows")
  local_host()
  directory <- normalizePath(withr::local_tempdir())
  files <- fork_to("w1", {
    cat("out\n")
    cat(getwd(), "\n", sep = "", file = stderr())
    3L
  }, directory)
  ended <- host_wait_()
  expect_identical(ended[c("worker_id", "exit_code", "signal")], list(worker_id = "w1", exit_code = 3L, signal = 0L))
  expect_gt(ended$max_rss_bytes, 0)
  expect_identical(readLines(files[[1L]]), "out")
  expect_identical(readLines(files[[2L]]), directory)
})

test_that("a signal reaches the worker and its children", {
  skip_on_os("windows")
  local_host()
  directory <- withr::local_tempdir()
  fork_to("w1", {
    system("sleep 60 & echo $! > child; touch ready; wait")
    0L
  }, directory)
  while (!file.exists(file.path(directory, "ready"))) Sys.sleep(0.01)
  host_signal_("w1", 15L)
  expect_identical(host_wait_()$signal, 15L)
  child <- readLines(file.path(directory, "child"))
  expect_false(file.exists(file.path("/proc", child, "exe")))
})

test_that("an interrupt reaches R in the worker, and not the host", {
  skip_on_os("windows")
  local_host()
  directory <- withr::local_tempdir()
  fork_to("w1", {
    file.create("ready")
    repeat Sys.sleep(0.01)
  }, directory)
  while (!file.exists(file.path(directory, "ready"))) Sys.sleep(0.01)
  tools::pskill(Sys.getpid(), tools::SIGINT)
  host_signal_("w1", tools::SIGINT)
  expect_identical(host_wait_()$exit_code, 9L)
})

test_that("a worker has a temporary directory of its own", {
  skip_on_os("windows")
  local_host()
  directory <- withr::local_tempdir()
  files <- fork_to("w1", {
    made <- process_tempdir_(directory)
    cat(identical(tempdir(), made), startsWith(tempfile(), made))
    0L
  }, directory)
  host_wait_()
  expect_identical(readLines(files[[1L]], warn = FALSE), "TRUE TRUE")
})

test_that("the end of the pipe is told", {
  skip_on_os("windows")
  theirs <- local_host()
  fd_close_(theirs)
  expect_null(host_wait_())
})

test_that("a program that can't be started is an error, and one that ran has a status", {
  expect_error(spawn_("/nonexistent/program", character(), integer(), FALSE, integer()), "No such file")
  pid <- spawn_(c("sh", "-c", "exit ${CODE}"), "CODE=4", integer(), TRUE, integer())
  expect_identical(spawn_wait_(pid), 4L)
})
