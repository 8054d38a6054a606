local_globals <- function(..., env = parent.frame()) {
  values <- list(...)
  list2env(values, globalenv())
  withr::defer(rm(list = names(values), envir = globalenv()), envir = env)
}

global_function <- function(code) eval(parse(text = code, keep.source = FALSE), globalenv())

test_that("a flow takes along what its functions reach, and nothing else", {
  local_globals(
    test_rate = 0.5, test_unused = 1,
    test_half = global_function("function(x) x * test_rate"),
    print.test_money = global_function("function(x, ...) cat('$')")
  )
  begin <- flow("Reach") |> step("start", global_function("function(self) self$x <- test_half(1)"))
  reached <- reached_objects(unclass(begin))
  expect_setequal(intersect(names(reached$objects), c("test_rate", "test_half", "test_unused", "print.test_money")),
    c("test_rate", "test_half", "print.test_money")
  )
})

test_that("a saved flow is a script that gives flow and objects back", {
  local_globals(test_half = global_function("function(x) x / 2"))
  store <- withr::local_tempdir()
  begin <- flow("Saved", include = "other.py") |>
    step("start", global_function("function(self) self$x <- test_half(1)"), next_step = "end")
  script <- save_flow(begin, store)
  expect_identical(save_flow(begin, store), script)
  expect_identical(readLines(script)[[1L]], paste(
    "# Flow Saved as it was built in an R session. run() wrote this file, so that fresh processes can load it."
  ))
  rm("test_half", envir = globalenv())
  expect_null(load_file(script))
  withr::defer(the$including <- FALSE)
  expect_identical(the$flow$name, "Saved")
  expect_identical(the$flow$include, file.path(normalizePath("."), "other.py"))
  expect_identical(get("test_half", globalenv())(4), 2)
})

test_that("a flow's file is used when it says what the session has", {
  file <- withr::local_tempfile(fileext = ".R", lines = c(
    "library(instep)",
    "begin <- function(self) {",
    "  self$x <- 1 # a comment",
    "}",
    "made <- flow('Made') |> step('start', begin, next_step = 'end')"
  ))
  env <- new.env(parent = globalenv())
  source(file, local = env, keep.source = TRUE)
  made <- env$made
  expect_identical(flow_file(made), normalizePath(file))
  made$steps[[1L]]$reference$body <- function(self) self$x <- 2
  expect_message(expect_null(flow_file(made)), "differs")
  made$location <- NULL
  expect_null(flow_file(made))
})

test_that("a flow that only a function of the file would begin is not the file's", {
  expect_true(declares_flow(parse(text = "f <- flow('A') |> step('start')"), "A"))
  expect_false(declares_flow(parse(text = "f <- flow('B') |> step('start')"), "A"))
  expect_false(declares_flow(parse(text = "make <- function() flow('A')"), "A"))
})
