# Answers a question in this process. What the functions may change here is put back.
answer <- function(flow, parameters, ...) {
  old <- list(the$flow, the$task)
  on.exit({
    the$flow <- old[[1L]]
    the$task <- old[[2L]]
  })
  the$flow <- flow
  said <- answer_defaults(list(id = "1", parameters = as.list(parameters), user = "ada", ...))
  message_decode("DefaultsEvaluated", message_encode("DefaultsEvaluated", said))
}

values <- function(answer) lapply(answer$values, \(value) decode_value(value$manifest))

test_that("functions give the defaults of the parameters that are asked for, as their type wants them", {
  made <- flow("X") |>
    parameter("a", default = \(context) paste(context$flow_name, context$user_name)) |>
    parameter("b", default = \(context) stop("not asked for")) |>
    parameter("c", default = \(context) 3, type = "int")
  said <- answer(made, c("a", "c"))
  expect_identical(values(said), list("X ada", 3L))
  expect_null(said$failure)
})

test_that("the names of the project are ready", {
  made <- flow("X") |> parameter("p", default = \(context) current("branch_name"))
  project <- list(name = "diamonds", branch = "user.ada", is_production = FALSE)
  expect_identical(values(answer(made, "p", project = project)), list("user.ada"))
})

test_that("a function that fails, or gives what does not fit, is told with its parameter", {
  fail <- \(default, ...) answer(flow("X") |> parameter("p", default = default, ...), "p")$failure
  failure <- fail(\(context) stop("no network"))
  expect_match(failure$message, "^no network$")
  expect_identical(failure$classes[[1L]], "simpleError")
  expect_match(fail(\(context) 3)$message, "\"p\" must be a string, not a number")
  expect_match(fail(\(context) 1.5, type = "int")$message, "must be a whole number")
})

test_that("a process that dies with a default is a failure", {
  question <- list(id = "1", answer = tempfile())
  said <- defaults_evaluated(question, list(exit_code = -1L, signal = 9L))
  expect_match(said$failure$message, "signal 9")
})
