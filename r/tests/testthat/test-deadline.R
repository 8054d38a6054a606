test_that("durations are written as in Python", {
  expect_identical(vapply(c(0.04, 12.34, 125, 7260), duration_text, ""), c("0.04 s", "12.3 s", "2 min 5 s", "2 h 1 min"))
})

test_that("an interrupt is what is made of it, with the user's calls", {
  users <- new.env(parent = globalenv())
  evalq(interrupt <- function() tools::pskill(Sys.getpid(), tools::SIGINT) && Sys.sleep(10), users)
  evalq(step <- function(self) interrupt(), users)
  trouble <- call_step(users$step, "fit", list(self = NULL), \(i) stop(errorCondition("too late", class = "late")))
  expect_s3_class(trouble$condition, "late")
  calls <- vapply(trouble$frames, \(frame) frame[["function"]], "")
  expect_identical(calls[1:2], c("fit(self)", "interrupt()"))
  expect_s3_class(call_step(users$step, "fit", list(self = NULL))$condition, "interrupt")
})

test_that("whatever a step does when its time is over, it has timed out", {
  task <- make_task(attempt_timeout_ms = 1000)
  expect_s3_class(late_trouble(task, NULL)$condition, "TimeoutException")
  interrupt <- structure(class = c("interrupt", "condition"), list())
  expect_null(late_trouble(task, list(condition = interrupt, frames = list()))$condition$parent)
  error <- simpleError("the command failed")
  late <- late_trouble(task, list(condition = error, frames = list()))
  expect_identical(condition_failure(late$condition)$cause$message, "the command failed")
  itself <- list(condition = timeout_condition(task), frames = list(1))
  expect_identical(late_trouble(task, itself), itself)
})
