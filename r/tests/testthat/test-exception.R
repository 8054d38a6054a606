test_that("an error is an object with what is known of it and of its cause", {
  low <- list(classes = c("builtins.KeyError", "builtins.Exception"), message = "'a'", traceback = "t", language = "python")
  failure <- message_decode("Failure", message_encode("Failure", list(
    classes = c("fit_error", "error", "condition"), message = "boom", traceback = "Error: boom", language = "r",
    cause = low
  )))
  error <- task_exception(failure)
  expect_s3_class(error, "instep_exception")
  expect_identical(error$exception, "boom")
  expect_identical(error$type, "fit_error")
  expect_identical(error$cause$type, "builtins.KeyError")
  expect_output(print(error), "^Error: boom$")
  expect_null(task_exception(NULL))
})

test_that("a failure without classes has its kind as type", {
  error <- task_exception(list(kind = "FAILURE_KIND_WORKER_LOST", message = "gone"))
  expect_identical(error$type, "WORKER_LOST")
  expect_output(print(error), "^WORKER_LOST: gone$")
})

test_that("an error that is stored comes back under the name that all languages know", {
  error <- task_exception(list(
    classes = "fit_error", message = "boom", cause = list(classes = "low", message = "deep")
  ))
  encoded <- encode_value(error, inline = TRUE)
  expect_true(encoded$portable)
  expect_identical(decode_value(encoded$manifest), error)
  the$types <- list()
  withr::defer(the$types <- list(instep.exception = exception_type))
  expect_identical(decode_value(encoded$manifest)$exception, "boom")
})
