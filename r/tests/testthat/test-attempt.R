test_that("a condition says what kind of failure it is", {
  kind <- \(class) failure_kind(structure(list(), class = c(class, "error", "condition")), "INTERNAL")
  expect_identical(kind("instep_error_value_encode"), "FAILURE_KIND_OUTPUT_ENCODE")
  expect_identical(kind("instep_error_value_decode"), "FAILURE_KIND_INPUT_DECODE")
  expect_identical(kind("instep_error_blob_missing"), "FAILURE_KIND_INPUT_MISSING")
  expect_identical(kind("other"), "FAILURE_KIND_INTERNAL")
})

test_that("an empty file has no steps to run", {
  the$flow <- NULL
  expect_error(step_function(make_task()), "declares no step", class = "instep_error_step_unknown")
})

test_that("a foreach counts its elements, and needs its artifact", {
  transition <- list(kind = "TRANSITION_KIND_FOREACH", targets = "work", foreach = "xs")
  self <- make_self(task = list(transition = transition))
  expect_error(foreach_count(self_state(self)), "no step has set it", class = "instep_error_foreach")
  self$xs <- c("a", "b")
  expect_identical(as.integer(foreach_count(self_state(self))), 2L)
  self$xs <- character()
  expect_error(foreach_count(self_state(self)), class = "instep_error_foreach")
  expect_null(foreach_count(self_state(make_self())))
})

test_that("want of memory and of time are kinds of their own", {
  condition <- tryCatch(numeric(1e15), error = identity)
  expect_identical(failure_kind(condition, "USER_ERROR"), "FAILURE_KIND_OUT_OF_MEMORY")
  condition <- timeout_condition(make_task(attempt_timeout_ms = 90000))
  expect_identical(failure_kind(condition, "USER_ERROR"), "FAILURE_KIND_ATTEMPT_TIMEOUT")
  expect_identical(class(condition)[[1L]], "TimeoutException")
  expect_identical(conditionMessage(condition), "Step 'fit' took longer than its timeout of 1 min 30 s.")
})

test_that("an error is handled by the last attempt of a step that catches", {
  catch <- list(var = "problem", print_exception = TRUE)
  expect_true(catches(make_task(catch = catch, attempt = 2L, max_attempts = 3L)))
  expect_false(catches(make_task(catch = catch, attempt = 1L, max_attempts = 3L)))
  expect_false(catches(make_task(attempt = 2L, max_attempts = 3L)))
})

test_that("when attempts have died, what is caught says how many, and how the last one did", {
  failure <- failure_to_handle(make_task(
    attempt = 3L, previous_failure = list(kind = "FAILURE_KIND_WORKER_LOST", message = "It was killed by SIGKILL.")
  ))
  error <- task_exception(failure)
  expect_match(error$type, "FailureHandledByCatch$")
  expect_match(error$exception, "'fit' failed in 3 attempts.* killed by SIGKILL")
  expect_identical(error$cause$type, "WORKER_LOST")
})

test_that("an error that is not to be retried is caught as it is", {
  raised <- list(kind = "FAILURE_KIND_USER_ERROR", classes = c("http_500", "error"), message = "No.")
  task <- make_task(attempt = 1L, previous_failure = raised)
  expect_identical(failure_to_handle(task), task$previous_failure)
  expect_identical(task_exception(failure_to_handle(task))$type, "http_500")
})
