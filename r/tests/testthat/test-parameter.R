declared <- function(...) (flow("X") |> parameter("p", ...))$parameters[[1L]]

test_that("the type of a parameter is that of its default", {
  expect_identical(declared()$type, "PARAMETER_TYPE_STRING")
  expect_identical(declared(default = TRUE)$type, "PARAMETER_TYPE_BOOL")
  expect_identical(declared(default = 5L)$type, "PARAMETER_TYPE_INT")
  expect_identical(declared(default = 5)$type, "PARAMETER_TYPE_FLOAT")
  expect_identical(declared(default = 5, type = "int")$type, "PARAMETER_TYPE_INT")
  expect_identical(declared(default = \(context) "x")$type, "PARAMETER_TYPE_STRING")
})

test_that("defaults get the type of their parameter", {
  expect_identical(parameter_default(declared(default = 5, type = "int"), "X"), 5L)
  expect_identical(parameter_default(declared(default = 5L, type = "float"), "X"), 5)
  expect_identical(parameter_default(declared(default = "a,b", separator = ","), "X"), c("a", "b"))
  expect_null(parameter_default(declared(), "X"))
})

test_that("a default that is a function is called with what is known", {
  withr::local_envvar(INSTEP_USER = "ada")
  made <- declared(default = \(context) paste(context$flow_name, context$parameter_name, context$user_name))
  expect_identical(parameter_default(made, "X"), "X p ada")
})

test_that("a default that does not fit is refused", {
  expect_error(parameter_default(declared(default = 1.5, type = "int"), "X"), class = "instep_error_parameter_default")
  expect_error(parameter_default(declared(default = c(1, 2)), "X"), class = "instep_error_parameter_default")
  expect_error(declared(default = list()), class = "instep_error_argument")
})

test_that("what can't be a parameter is refused", {
  expect_error(flow("X") |> parameter("2fold"), class = "instep_error_parameter_name")
  expect_error(declared(type = "date"), class = "instep_error_argument")
  expect_error(declared(default = 1L, separator = ","), class = "instep_error_argument")
})

test_that("the default of a JSON parameter is JSON text, or a value", {
  skip_if_not_installed("jsonlite")
  default <- \(value) parameter_default(declared(default = value, type = "json"), "X")
  expect_identical(default("{\"a\": [1, 2], \"b\": null, \"c\": [[1], \"x\"]}"), list(
    a = 1:2, b = NULL, c = list(I(1L), "x")
  ))
  expect_identical(default(list(a = 1)), list(a = 1))
  expect_error(default("{a"), class = "instep_error_parameter_default")
})
