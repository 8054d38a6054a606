run <- list(
  flow = "X", run_id = "3", state = "RUN_STATE_FAILED", created_unix_ms = 1e12, finished_unix_ms = 1e12 + 2500,
  user = "ada", user_tags = c("a", "b")
)

test_that("runs are a data frame, also when there is none", {
  table <- runs_table(list(run, utils::modifyList(run, list(finished_unix_ms = NULL))), with_flow = FALSE)
  expect_identical(names(table), c("id", "status", "started", "duration", "user", "tags"))
  expect_identical(table$status, c("failed", "failed"))
  expect_identical(table$duration, as.difftime(c(2.5, NA), units = "secs"))
  expect_identical(table$tags[[1L]], c("a", "b"))
  expect_identical(names(runs_table(list(), with_flow = TRUE))[[1L]], "flow")
  expect_identical(nrow(runs_table(list(), with_flow = TRUE)), 0L)
})

test_that("tasks are a data frame, also those that have not started", {
  waiting <- list(step = "a", task_id = "2", state = "TASK_STATE_WAITING", attempts = list())
  over <- list(
    step = "a", task_id = "1", state = "TASK_STATE_SUCCEEDED", index = 4,
    attempts = list(list(leased_unix_ms = 1e12, finished_unix_ms = 1e12 + 40))
  )
  table <- tasks_table(list(waiting, over))
  expect_identical(table$index, c(NA, 4L))
  expect_identical(table$attempts, c(0L, 1L))
  expect_identical(as.numeric(table$duration), c(NA, 0.04))
})

test_that("times are instants, or how long ago", {
  withr::local_timezone("Europe/Paris")
  expect_null(unix_ms(NULL, "since"))
  expect_identical(unix_ms("2026-11-01", "since"), 1793487600000)
  expect_identical(unix_ms("2026-11-01 09:30", "since"), 1793487600000 + 9.5 * 3600000)
  expect_identical(unix_ms("2026-11-01T09:30:01", "since"), 1793487600000 + 9.5 * 3600000 + 1000)
  expect_identical(unix_ms(as.Date("2026-11-01"), "since"), 1793487600000)
  expect_identical(unix_ms(as.POSIXct(12, origin = "1970-01-01", tz = "UTC"), "since"), 12000)
  expect_identical(format(parsed_time("90 minutes"), units = "mins"), "90 mins")
  expect_identical(parsed_time("1 week"), as.difftime(1, units = "weeks"))
  expect_identical(parsed_time("2 Days"), as.difftime(2, units = "days"))
  for (wrong in list("yesterday", "2026-13-01", 5, NA, "1 fortnight", "1.2.3 days")) {
    expect_error(unix_ms(wrong, "since"), "since", class = "instep_error_argument")
  }
})

test_that("statuses are those that there are", {
  expect_identical(state_names(c("failed", "cancelled"), run_states, "status"), c("RUN_STATE_FAILED", "RUN_STATE_CANCELLED"))
  expect_identical(state_names("retry_wait", task_states, "status"), "TASK_STATE_RETRY_WAIT")
  expect_null(state_names(NULL, run_states, "status"))
  expect_error(state_names("ready", run_states, "status"), "succeeded", class = "instep_error_argument")
  expect_error(state_names(3, run_states, "status"), class = "instep_error_argument")
})

test_that("tags are texts, one or several", {
  expect_identical(check_tags(list("a", c("b", "c"))), c("a", "b", "c"))
  expect_identical(check_tags(NULL), character())
  expect_error(check_tags(3), class = "instep_error_tag_invalid")
  expect_error(check_tags(NA_character_), class = "instep_error_tag_invalid")
})

test_that("only runs and steps have tasks", {
  expect_error(tasks(3), class = "instep_error_argument")
})
