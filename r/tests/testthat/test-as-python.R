# Python runs inside of this process, through reticulate, and stays: the interpreter that runs Instep.
skip_without_reticulate <- function() {
  skip_if_not_installed("reticulate")
  skip_if_not(is.null(python_trouble(python_program())), "Python has no package instep")
  if (!reticulate::py_available()) {
    reticulate::use_python(Sys.which(python_program()), required = TRUE)
  }
}

# The fraction 1/2, open in Python.
open_fraction <- function() {
  skip_without_reticulate()
  suppressMessages(python_value("fraction")$as_python())
}

test_that("attributes and methods are read with $ and [[", {
  half <- open_fraction()
  expect_identical(half$numerator, 1L)
  expect_identical(half[["denominator"]], 2L)
  expect_identical(half$"__add__"(1), 1.5)
  expect_identical(handle_call(half, "builtins.float"), 0.5)
  expect_s3_class(half$limit_denominator, "instep_python")
  expect_identical(utils::.DollarNames(half, "^num"), "numerator")
})

test_that("values pass as between steps, whatever their types and size", {
  half <- open_fraction()
  frame <- data.frame(
    g = factor(c("a", NA, "b"), levels = c("b", "a", "unused")), x = c(NA, NaN, 1), n = c(1L, NA, 3L),
    t = as.POSIXct(c(0, NA, 1), origin = "1970-01-01", tz = "Europe/Rome")
  )
  echo <- \(x) handle_call(half, "builtins.getattr", "no such name", x)
  expect_identical(echo(frame), frame)
  expect_identical(echo(letters), letters)
  x <- as.numeric(1:2e5)
  expect_identical(handle_call(half, "numpy.where", x, -x), x)
  expect_length(list.files(tempdir(), "^call-"), 0)
})

test_that("a result that only Python can open is the object itself, and can be an argument", {
  half <- open_fraction()
  sum <- half$"__add__"(half)
  expect_s3_class(sum, "instep_python")
  expect_true(handle_call(sum, "operator.eq", 1L))
  expect_true(handle_call(half, "operator.is_", half))
  generator <- handle_call(half, "itertools.repeat")
  expect_true(handle_call(generator$"__next__"(), "operator.is_", half))
})

test_that("what a method or an assignment changes stays changed", {
  half <- open_fraction()
  kind <- handle_call(half, "builtins.type")
  kind$remark <- c(1.5, NA)
  expect_identical(kind$remark, c(1.5, NA))
  expect_identical(half$remark, c(1.5, NA))
  handle_call(kind, "builtins.delattr", "remark")
  expect_error(half$remark, "remark", class = "instep_error_remote")
})

test_that("an object can be stored, alone and in a list, and be sent to another process", {
  half <- open_fraction()
  kept <- round_trip(half)
  expect_s3_class(kept, "instep_foreign")
  expect_identical(unclass(kept)$classes[[1]], "fractions.Fraction")
  inside <- round_trip(list(n = 1L, f = list(half)))
  expect_s3_class(inside$f[[1]], "instep_foreign")
  handle <- python_value("fraction")
  withr::defer(close(handle))
  expect_true(suppressMessages(handle_call(handle, "operator.eq", half)))
})

test_that("it tells its class, its producer and the Python that holds it", {
  half <- open_fraction()
  shown <- capture.output(print(half))
  expect_match(shown[[1]], "open in Python 3.* at /")
  producer <- unclass(python_value("fraction"))$producer
  expect_identical(shown[2:4], c("class:    fractions.Fraction", paste("producer:", producer), "Fraction(1, 2)"))
  expect_identical(format(half), "<Python fractions.Fraction>")
  expect_identical(capture.output(str(half)), " <Python fractions.Fraction>")
  expect_message(python_value("fraction")$as_python(), "in this process, through reticulate")
})

test_that("a closed object is told from an open one", {
  half <- open_fraction()
  expect_identical(with_foreign(half, half$numerator), 1L)
  expect_error(half$numerator, "closed", class = "instep_error_opener")
  expect_match(capture.output(print(half)), "closed")
  expect_error(encode_value(list(half)), "leave what goes into them open", class = "instep_error_opener")
  expect_null(close(half))
})

test_that("errors of Python are errors with what Python tells of them", {
  half <- open_fraction()
  error <- expect_error(half$"__truediv__"(0L), class = "instep_error_remote")
  expect_identical(error$classes[[1]], "builtins.ZeroDivisionError")
  expect_match(conditionMessage(error), "$__truediv__() failed in Python", fixed = TRUE)
  expect_error(half$no_such_thing, "no_such_thing", class = "instep_error_remote")
  expect_error(half(1), "not callable", class = "instep_error_remote")
})

test_that("operators are refused in words that say what to call", {
  half <- open_fraction()
  for (refused in expression(half + 1, 1 < half, -half, exp(half), sum(half), half[1], half[[1]])) {
    expect_error(eval(refused), "fractions.Fraction.*__add__", class = "instep_error_argument")
  }
})

test_that("losses are told with argument, path and rule, as the task says", {
  half <- open_fraction()
  lossy <- list(a = as.Date("2024-02-29") + 0.5)
  expect_warning(
    try(handle_call(half, "builtins.print", sep = lossy), silent = TRUE),
    "argument 'sep' of builtins.print\\(\\).*DATE_FRACTION at sep\\$a", class = "instep_warning_loss"
  )
  local_on_loss("IGNORE")
  expect_no_warning(handle_call(half, "operator.is_", lossy))
  local_on_loss("ERROR")
  expect_error(handle_call(half, "operator.is_", lossy), "without loss", class = "instep_error_value_loss")
})

test_that("opening must be allowed, and be of an object of Python", {
  skip_without_reticulate()
  withr::with_envvar(c(INSTEP_ALLOW_OPAQUE = "false"), {
    expect_error(python_value("fraction")$as_python(), "not allowed", class = "instep_error_opaque_foreign")
  })
})

test_that("a missing reticulate, and a Python without instep, are told with what to do", {
  skip_without_reticulate()
  code <- function(first) {
    sprintf("%s; instep:::as_python(instep:::decode_value(readRDS('%s')))", first, manifest)
  }
  manifest <- withr::local_tempfile()
  saveRDS(python_manifest("fraction"), manifest)
  run_r <- function(first, environment) {
    withr::with_envvar(environment, suppressWarnings(system2(
      file.path(R.home("bin"), "Rscript"), c("-e", shQuote(code(first))), stdout = TRUE, stderr = TRUE
    )))
  }
  said <- paste(run_r("TRUE", c(RETICULATE_PYTHON = "/nowhere/python")), collapse = "\n")
  expect_match(said, "can't start Python")
  expect_match(said, "handle_call")
  hidden <- "assignInNamespace('requireNamespace', function(...) FALSE, 'base')"
  expect_match(paste(run_r(hidden, character()), collapse = "\n"), "reticulate is not installed")
})
