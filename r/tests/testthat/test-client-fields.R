attempts <- list(
  list(
    number = 0L, state = "ATTEMPT_STATE_FAILED", leased_unix_ms = 1000, finished_unix_ms = 3000, pid = 7, host = "here",
    max_rss_bytes = 0, timings = list(list(phase = "run", duration_ms = 12)), caught = FALSE
  ),
  list(
    number = 1L, state = "ATTEMPT_STATE_SUCCEEDED", leased_unix_ms = 4000, pid = 100000, host = "", max_rss_bytes = 0,
    timings = list(), caught = FALSE
  )
)

test_that("the attempt that is meant is the latest, or the one asked for", {
  expect_identical(chosen_attempt(attempts, NULL)$number, 1L)
  expect_identical(chosen_attempt(attempts, 0)$number, 0L)
  expect_null(chosen_attempt(attempts, 2))
  expect_null(chosen_attempt(list(), NULL))
})

# holds: 7.13
test_that("an error that was caught is no longer one", {
  failure <- list(kind = "FAILURE_KIND_USER_ERROR", classes = c("a", "error"), message = "no", traceback = "", language = "r")
  expect_identical(attempt_exception(list(caught = FALSE, failure = failure))$type, "a")
  expect_null(attempt_exception(list(caught = TRUE, failure = failure)))
})

test_that("what is known of an attempt is a table", {
  table <- do.call(rbind, attempt_metadata(attempts[[1L]]))
  expect_identical(table$name, c("attempt", "pid", "host", "attempt-ok", "run-ms"))
  expect_identical(table$value, c("0", "7", "here", "False", "12"))
  expect_identical(table$created_at, c(1000, 1000, 1000, 3000, 3000))
  running <- do.call(rbind, attempt_metadata(attempts[[2L]]))
  expect_identical(running$value, c("1", "100000"))
  expect_identical(running$attempt, c(1L, 1L))
})
