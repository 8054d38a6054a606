test_that("what is wrong with a run is said on lines that fit", {
  withr::local_options(width = 60L)
  lines <- detail_lines("failed", paste(c("step a:", strrep("word ", 30), "\nand more"), collapse = " "))
  expect_lte(max(nchar(lines)), 60L)
  expect_match(lines[[1L]], "^  failed    step a:")
  expect_no_match(lines, "more")
})

test_that("an error is one line, with the last part of its class", {
  failure <- list(classes = c("builtins.ValueError", "builtins.Exception"), message = "no\nmore")
  expect_identical(failure_line(failure), "ValueError: no")
  expect_identical(failure_line(list(message = "lost")), "lost")
})

test_that("steps and tasks say how they fared", {
  expect_identical(
    step_facts(list(language = "r", tasks = 3L, succeeded = 2L, failed = 1L)), "R, 3 tasks, 2 succeeded, 1 failed"
  )
  expect_identical(step_facts(list(language = "python", tasks = 1L, succeeded = 0L, failed = 0L)), "Python, 1 task")
  attempts <- list(list(number = 0L, state = "ATTEMPT_STATE_FAILED"), list(
    number = 1L, state = "ATTEMPT_STATE_SUCCEEDED", caught = TRUE
  ))
  task <- list(state = "TASK_STATE_SUCCEEDED", attempts = attempts, index = 2)
  expect_identical(task_facts_text(task, NULL), "succeeded, with an error that was caught, index 2, attempt 1")
  expect_identical(task_facts_text(task, 0L), "failed, index 2, attempt 0")
})
