test_that("outside a task nothing is known", {
  expect_false(current("is_running_flow"))
  expect_null(current("task_id"))
  expect_identical(current("task_id", default = "none"), "none")
})

test_that("in a task its facts are known", {
  the$task <- task_facts(make_task(attempt = 1L, tags = c("a", "b"), user = "ada"))
  withr::defer(the$task <- NULL)
  expect_true(current("is_running_flow"))
  expect_identical(current("pathspec"), "Pricing/1/fit/7")
  expect_identical(current("retry_count"), 1L)
  expect_identical(current("tags"), c("a", "b"))
  expect_null(current("origin_run_id"))
})

test_that("a fact that does not exist is an error", {
  expect_error(current("task"), class = "instep_error_argument")
})
