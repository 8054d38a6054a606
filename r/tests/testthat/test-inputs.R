# holds: 15.3
test_that("branches of a static split are found by the name of their last step", {
  joined <- make_joined(make_join("left", n = 1), make_join("right", n = 2, position = 1L))
  expect_named(joined$inputs, c("left", "right"))
  expect_identical(joined$inputs$right$n, 2)
  expect_identical(joined$inputs[[1L]]$n, 1)
  expect_length(joined$inputs, 2L)
  expect_error(joined$inputs$rig, "has no attribute", class = "instep_error_attribute")
})

# holds: 15.3
test_that("items of a foreach have no names", {
  joined <- make_joined(make_join("work", n = 1), make_join("work", n = 2, position = 1L))
  expect_null(names(joined$inputs))
  expect_identical(gather_inputs(joined$inputs, "n"), list(1, 2))
})

# holds: 15.3
test_that("one artifact is gathered from all branches, by their names", {
  joined <- make_joined(make_join("left", n = 1), make_join("right", n = 2, position = 1L))
  expect_identical(gather_inputs(joined$inputs, "n"), list(left = 1, right = 2))
})

test_that("inputs read parameters, and assigning to them stores nothing", {
  constants <- list(make_input("folds", 5L, "PARAMETER"))
  joined <- make_joined(make_join("left", n = 1), make_join("right", n = 2), constants = constants)
  expect_identical(joined$inputs$left$folds, 5L)
  joined$inputs$left$n <- 7
  expect_identical(names(joined$self), "folds")
})

test_that("a join starts without the artifacts of its branches", {
  joined <- make_joined(make_join("left", n = 1), make_join("right", n = 2))
  expect_error(joined$self$n, "has no attribute")
})
