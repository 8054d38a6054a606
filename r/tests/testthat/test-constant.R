test_that("a constant is in the fragment, as it is stored", {
  made <- flow("X") |> constant("unit", "kg") |> constant("scale", c(a = 1, b = 2))
  constants <- flow_fragment(made, "/x.R")$constants
  expect_identical(vapply(constants, \(constant) constant$name, ""), c("unit", "scale"))
  expect_identical(decode_value(constants[[2L]]$manifest), c(a = 1, b = 2))
  expect_type(message_encode("ConstantSpec", constants[[1L]]), "raw")
})

test_that("what can't be a constant is refused", {
  expect_error(flow("X") |> constant("my unit", 1), class = "instep_error_constant_name")
  expect_error(flow("X") |> constant("big", numeric(2e5)), class = "instep_error_constant_size")
  expect_error(flow("X") |> constant("self", make_self()), class = "instep_error_value_encode")
})
