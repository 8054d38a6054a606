make_replay <- function(fun, label = "fit", ..., envir = parent.frame()) {
  task <- make_task(list(make_input("rows", 1:3)), ...)
  withr::defer(suppressWarnings(rm(list = c("self", "inputs"), envir = globalenv())), envir = envir)
  list(task = task, step = list(fun = fun, label = label), fetch = no_fetch)
}

test_that("a step runs on what its task saw, each time anew", {
  replay <- make_replay(\(self) self$rows <- c(self$rows, 4L))
  run_step(replay)
  run_step(replay)
  self <- get("self", globalenv())
  expect_identical(self$rows, 1:4)
  fresh_task(replay)
  expect_identical(get("self", globalenv())$rows, 1:3)
})

test_that("another function runs in the place of the step's", {
  replay <- make_replay(\(self) stop("No."))
  expect_error(run_step(replay), "No.")
  run_step(replay, \(self) self$sum <- sum(self$rows))
  expect_identical(get("self", globalenv())$sum, 6L)
})

test_that("a join gets its inputs", {
  joins <- list(make_join("a", x = 1), make_join("b", x = 2, position = 1L))
  replay <- make_replay(\(self, inputs) self$sum <- inputs$a$x + inputs$b$x, is_join = TRUE, joins = joins)
  run_step(replay)
  expect_identical(get("self", globalenv())$sum, 3)
  expect_match(debug_banner(replay), "the 2 tasks that it joins", all = FALSE)
})

test_that("a function of the user's is not replaced", {
  withr::defer(rm("offered", envir = globalenv()))
  assign("offered", "theirs", globalenv())
  offer("offered", "ours")
  expect_identical(get("offered", globalenv()), "theirs")
})
