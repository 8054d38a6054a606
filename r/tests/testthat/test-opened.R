# A handle of a Python object, closed when the test ends. The opener is a real Python process.
local_handle <- function(env = parent.frame()) {
  skip_if_not(is.null(python_trouble(python_program())), "Python has no package instep")
  handle <- python_value("fraction")
  withr::defer(close(handle), envir = env)
  handle
}

process_of <- function(handle) the$opened[[handle_key(handle)]]

is_gone <- function(pid) !file.exists(file.path("/proc", pid))

test_that("a method, an attribute and a function are called on an object of Python", {
  handle <- local_handle()
  expect_message(numerator <- handle_call(handle, "numerator"), class = "instep_message_opened")
  expect_identical(numerator, 1L)
  expect_identical(handle_call(handle, "__add__", 1), 1.5)
  expect_identical(handle_call(handle, "builtins.float"), 0.5)
  expect_identical(handle_call(handle, "builtins.round", ndigits = 0L), handle_call(handle, "__round__", ndigits = 0L))
})

test_that("the process is used again until it is closed, and leaves nothing behind", {
  handle <- local_handle()
  opened <- suppressMessages(with_foreign(handle, {
    handle_call(handle, "numerator")
    expect_no_message(handle_call(handle, "denominator"))
    expect_false(is_gone(process_of(handle)$pid))
    expect_length(list.files(process_of(handle)$directory, "^call"), 0)
    process_of(handle)
  }))
  expect_null(process_of(handle))
  expect_true(is_gone(opened$pid))
  expect_false(dir.exists(opened$directory))
  expect_message(handle_call(handle, "numerator"), class = "instep_message_opened")
  expect_null(close(handle))
  expect_null(close(handle))
})

test_that("the first start tells what runs", {
  handle <- local_handle()
  told <- capture_messages(handle_call(handle, "numerator"))
  expect_match(told, "Python 3.*package instep.*Fraction")
})

test_that("an error of Python is an error with what Python tells of it", {
  handle <- local_handle()
  error <- suppressMessages(expect_error(handle_call(handle, "__truediv__", 0L), class = "instep_error_remote"))
  expect_identical(error$language, "python")
  expect_identical(error$classes[[1]], "builtins.ZeroDivisionError")
  expect_match(error$remote_message, "Fraction\\(1, 0\\)")
  expect_match(error$traceback, "Traceback (most recent call last)", fixed = TRUE)
  expect_match(conditionMessage(error), "__truediv__() failed in Python", fixed = TRUE)
  expect_error(handle_call(handle, "no_such_thing"), "no_such_thing", class = "instep_error_remote")
  expect_identical(handle_call(handle, "numerator"), 1L)
})

test_that("what only Python can open is a handle again, which can be an argument", {
  handle <- local_handle()
  sum <- suppressMessages(handle_call(handle, "__add__", handle))
  expect_s3_class(sum, "instep_foreign")
  withr::defer(close(sum))
  close(handle)
  expect_identical(suppressMessages(handle_call(sum, "__eq__", 1L)), TRUE)
  expect_identical(suppressMessages(handle_call(handle, "operator.eq", handle)), TRUE)
})

test_that("large data go both ways", {
  handle <- local_handle()
  x <- as.numeric(1:2e5)
  expect_identical(suppressMessages(handle_call(handle, "numpy.where", x, -x)), x)
})

test_that("opening must be allowed", {
  handle <- local_handle()
  withr::with_envvar(c(INSTEP_ALLOW_OPAQUE = "false"), {
    expect_error(handle_call(handle, "numerator"), "not allowed", class = "instep_error_opaque_foreign")
  })
  manifest <- unclass(handle)$manifest
  closed <- decode_value(manifest, allow_opaque = FALSE)
  expect_error(handle_call(closed, "numerator"), "not allowed", class = "instep_error_opaque_foreign")
})

test_that("a process that does not start, or is gone, is told", {
  handle <- local_handle()
  withr::with_envvar(c(INSTEP_PYTHON = "/nowhere/python"), {
    expect_error(handle_call(handle, "numerator"), "INSTEP_PYTHON", class = "instep_error_opener")
  })
  withr::with_envvar(c(INSTEP_PYTHON = "false"), {
    expect_error(handle_call(handle, "numerator"), "did not start", class = "instep_error_opener")
  })
  suppressMessages(handle_call(handle, "numerator"))
  tools::pskill(process_of(handle)$pid, tools::SIGKILL)
  expect_error(handle_call(handle, "numerator"), "gone", class = "instep_error_opener")
  expect_null(process_of(handle))
})

test_that("only handles and names are taken", {
  expect_error(handle_call(1, "numerator"), class = "instep_error_argument")
  expect_error(handle_call(python_value("fraction"), 1), class = "instep_error_argument")
})

test_that("losses of arguments, and those that the process reports, are told as the task says", {
  handle <- local_handle()
  lossy <- list(a = as.Date("2024-02-29") + 0.5)
  suppressMessages(handle_call(handle, "numerator"))
  expect_warning(handle_call(handle, "operator.is_", lossy), "DATE_FRACTION at argument", class = "instep_warning_loss")
  expect_warning(handle_call(handle, "numpy.complex64"), "the result of .*COMPLEX64", class = "instep_warning_loss")
  local_on_loss("ERROR")
  error <- expect_error(handle_call(handle, "operator.is_", lossy), class = "instep_error_value_loss")
  expect_identical(c(error$code, error$path), c("DATE_FRACTION", "argument$a"))
  local_on_loss("IGNORE")
  expect_no_warning(handle_call(handle, "operator.is_", lossy))
})

test_that("what is done with a handle as if it were open is refused, with its class, its producer and what to do", {
  handle <- python_value("fraction")
  producer <- unclass(handle)$producer
  refused <- expression(
    handle + 1, 1 < handle, !handle, exp(handle), sum(handle), handle$numerator, handle[[1]], handle[1],
    handle$x <- 1, handle[["x"]] <- 1, handle[1] <- 1, as.numeric(handle), as.character(handle), as.data.frame(handle)
  )
  for (code in refused) {
    error <- expect_error(eval(code), "fractions.Fraction", class = "instep_error_opaque_foreign")
    said <- gsub("\\s+", " ", conditionMessage(error))
    for (word in c(producer, "handle_call(", "as_python()")) expect_match(said, word, fixed = TRUE)
  }
})
