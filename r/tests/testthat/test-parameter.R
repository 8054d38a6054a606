declared <- function(...) (flow("X") |> parameter("p", ...))$parameters[[1L]]

# A value as the default of a parameter.
given <- function(value, ...) parameter_default(declared(default = value, ...), value)

# holds: 15.8 6.2
test_that("the type of a parameter is that of its default", {
  expect_identical(declared()$type, "PARAMETER_TYPE_STRING")
  expect_identical(declared(default = TRUE)$type, "PARAMETER_TYPE_BOOL")
  expect_identical(declared(default = 5L)$type, "PARAMETER_TYPE_INT")
  expect_identical(declared(default = 5)$type, "PARAMETER_TYPE_FLOAT")
  expect_identical(declared(default = 5, type = "int")$type, "PARAMETER_TYPE_INT")
  expect_identical(declared(default = \(context) "x")$type, "PARAMETER_TYPE_STRING")
})

test_that("defaults get the type of their parameter", {
  expect_identical(given(5, type = "int"), 5L)
  expect_identical(given(5L, type = "float"), 5)
  expect_identical(given("a,b", separator = ","), as_array(c("a", "b")))
  expect_null(given(NULL))
})

test_that("a default that is a function is told what is known", {
  settings <- config("settings", default_value = list(depth = 3L))
  made <- flow("X", settings) |> parameter("p", default = \(context) paste(
    context$flow_name, context$parameter_name, context$user_name, context$configs$settings$depth
  ))
  context <- default_context(made$parameters[[1L]], made, "ada")
  expect_identical(made$parameters[[1L]]$default(context), "X p ada 3")
})

test_that("an include file takes a path, relative to the working directory", {
  folder <- withr::local_tempdir()
  withr::local_dir(folder)
  made <- flow("X") |> include_file("text", default = "a.txt", is_text = FALSE) |> include_file("other")
  specs <- flow_fragment(made, "/x.R")$parameters
  expect_identical(specs[[1L]]$include_file$default_file, file.path(normalizePath(folder), "a.txt"))
  expect_false(specs[[1L]]$include_file$is_text)
  expect_null(specs[[2L]]$include_file$default_file)
  expect_type(message_encode("ParameterSpec", specs[[1L]]), "raw")
})

test_that("a default that does not fit is refused", {
  expect_error(given(1.5, type = "int"), class = "instep_error_parameter_default")
  expect_error(given(c(1, 2)), class = "instep_error_parameter_default")
  expect_error(declared(default = list()), class = "instep_error_argument")
})

test_that("what can't be a parameter is refused", {
  expect_error(flow("X") |> parameter("2fold"), class = "instep_error_parameter_name")
  expect_error(declared(type = "date"), class = "instep_error_argument")
  expect_error(declared(default = 1L, separator = ","), class = "instep_error_argument")
})

# holds: 6.6
test_that("the default of a JSON parameter is JSON text, or a value", {
  skip_if_not_installed("jsonlite")
  default <- \(value) given(value, type = "json")
  array <- \(x) structure(x, class = "instep_list")
  expect_identical(default("{\"a\": [1, 2], \"b\": null, \"c\": [[1], \"x\"], \"d\": [1, null]}"), list(
    a = array(1:2), b = NULL, c = list(array(1L), "x"), d = array(c(1L, NA))
  ))
  expect_identical(default(list(a = 1, b = c(x = 1.5, y = NA), c = I("x"), d = list(1L, 2L), e = list())), list(
    a = 1, b = list(x = 1.5, y = NULL), c = array("x"), d = array(1:2), e = list()
  ))
  expect_error(default("{a"), class = "instep_error_parameter_default")
})

test_that("the default of a JSON parameter that JSON can't say is refused", {
  default <- \(value) given(value, type = "json")
  for (value in list(Sys.Date(), list(a = 1, 2), list(a = 1, a = 2), matrix(1:4, 2), list(sum), factor("a"), 1i)) {
    expect_error(default(value), "can't be written as JSON", class = "instep_error_parameter_default")
  }
})
