load_lines <- function(lines, env = parent.frame()) {
  file <- withr::local_tempfile(fileext = ".R", lines = lines, .local_envir = env)
  withr::defer({
    the$including <- FALSE
    the$flow <- NULL
    rm(list = intersect(c("instep_test_flow", "instep_test_other"), ls(globalenv())), envir = globalenv())
  }, envir = env)
  list(file = file, problem = load_file(file))
}

test_that("a file is loaded without running its flow", {
  loaded <- load_lines("instep::run(instep::step(instep::flow('X'), 'start'))")
  expect_null(loaded$problem)
  expect_identical(the$flow$name, "X")
})

test_that("a file that does not call run() may declare one flow", {
  load_lines("instep_test_flow <- instep::flow('X')\n1")
  expect_identical(the$flow$name, "X")
})

test_that("with several flows none is meant", {
  load_lines("instep_test_flow <- instep::flow('X')\ninstep_test_other <- instep::flow('Y')\n1")
  expect_null(the$flow)
})

test_that("an error while loading is a problem at its line", {
  loaded <- load_lines(c("x <- 1", "", "stop('no data')"))
  expect_identical(loaded$problem$locations[[1L]]$line, 3L)
  expect_match(loaded$problem$message, "no data")
})

test_that("a file that can't be parsed is a problem at its line", {
  loaded <- load_lines(c("x <- 1", "y <- ("))
  expect_gte(loaded$problem$locations[[1L]]$line, 2L)
  expect_identical(loaded$problem$code, "file-load")
})

test_that("a file says what it holds", {
  loaded <- load_lines("instep_test_flow <- instep::step(instep::flow('X'), 'start', \\(self) 1)")
  said <- host_loaded(loaded$file, the$flow, loaded$problem, can_fork = TRUE)
  back <- message_decode("HostEvent", message_encode("HostEvent", said))$loaded
  expect_identical(back$language, "r")
  expect_identical(back$fragment$flow, "X")
  expect_identical(back$fragment$steps[[1L]]$location$line, 1L)
  expect_true(back$can_fork)
})
