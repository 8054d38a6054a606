# holds: 10.3
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
  expect_error(current("nonsense"), class = "instep_error_argument")
  expect_identical(current("nonsense", default = 3), 3)
})

test_that("the names of the project are known in flows that have one", {
  project <- list(name = "diamonds", branch = "prod.blue", is_production = TRUE)
  the$task <- task_facts(make_task(project = project))
  withr::defer(the$task <- NULL)
  expect_identical(current("project_name"), "diamonds")
  expect_identical(current("branch_name"), "prod.blue")
  expect_true(current("is_production"))
  expect_false(current("is_user_branch"))
  expect_identical(current("project_flow_name"), "diamonds.prod.blue.Pricing")
  the$task <- task_facts(make_task())
  expect_null(current("project_name"))
})
