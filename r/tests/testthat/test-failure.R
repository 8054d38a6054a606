code <- c(
  "inner <- function(x) {",
  "  log(\"a\")",
  "}",
  "fit <- function(self) {",
  "  lapply(1:2, function(i) {",
  "    inner(i)",
  "  })",
  "}"
)

# The functions of some code, as a host has them after loading a file.
local_code <- function(lines = code, env = parent.frame()) {
  file <- withr::local_tempfile(fileext = ".R", lines = lines, .local_envir = env)
  place <- new.env(parent = globalenv())
  for (expression in parse(file, keep.source = TRUE)) eval(expression, place)
  place
}

run_code <- function(fun, label = "fit") {
  call_step(fun, label, list(self = NULL))
}

test_that("a step that ends well leaves nothing to tell", {
  expect_null(run_code(\(self) 3))
})

test_that("the traceback has the user's calls with the line that each is at", {
  trouble <- run_code(local_code()$fit)
  failure <- condition_failure(trouble$condition, trouble$frames)
  users <- Filter(\(frame) frame$user_code, failure$frames)
  expect_identical(vapply(users, \(frame) frame[["function"]], ""), c("fit(self)", "FUN(X[[i]], ...)", "inner(i)"))
  expect_identical(vapply(users, \(frame) frame$line, 0L), c(5L, 6L, 2L))
  expect_identical(users[[3L]]$source_line, "log(\"a\")")
  expect_match(failure$traceback, "^Error in log\\(\"a\"\\): non-numeric argument")
  expect_type(message_encode("Failure", failure), "raw")
})

test_that("a failure keeps the classes and the message of its condition", {
  condition <- structure(list(message = "no fit", call = NULL), class = c("fit_error", "error", "condition"))
  trouble <- run_code(\(self) stop(condition))
  failure <- condition_failure(trouble$condition, trouble$frames)
  expect_identical(failure$classes, c("fit_error", "error", "condition"))
  expect_identical(failure$message, "no fit")
})

test_that("causes are kept", {
  trouble <- run_code(\(self) tryCatch(stop("low"), error = \(e) rlang::abort("high", parent = e)))
  failure <- condition_failure(trouble$condition, trouble$frames)
  expect_identical(failure$cause$message, "low")
  expect_identical(failure$message, "high")
  expect_match(failure$traceback, "high.*low")
})

test_that("an error that the step handles itself is none", {
  expect_null(run_code(\(self) try(stop("handled"), silent = TRUE)))
})

test_that("an interrupt is told apart from an error", {
  trouble <- run_code(\(self) rlang::interrupt())
  expect_s3_class(trouble$condition, "interrupt")
})

test_that("long texts keep head and tail", {
  text <- clip(strrep("\u00e4", 20000L), 1024L)
  expect_lte(nchar(text, "bytes"), 1024L)
  expect_true(validUTF8(text))
  expect_match(text, "[...]", fixed = TRUE)
})

test_that("the first line of a long message is not cut where a terminal would wrap it", {
  long <- paste(rep("word", 40L), collapse = " ")
  trouble <- run_code(\(self) cli::cli_abort(c(long, i = "A hint.")))
  failure <- condition_failure(trouble$condition, trouble$frames)
  expect_identical(strsplit(failure$message, "\n")[[1L]][[1L]], long)
})

test_that("a long line of code is shown by its head", {
  code <- local_code(c("fit <- function(self) {", paste0("  stop(\"", strrep("x", 300L), "\")"), "}"))
  trouble <- run_code(code$fit)
  line <- condition_failure(trouble$condition, trouble$frames)$frames[[1L]]$source_line
  expect_identical(nchar(line), 200L)
  expect_match(line, "^stop.*[.]{3}$")
})
