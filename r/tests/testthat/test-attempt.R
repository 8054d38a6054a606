test_that("a condition says what kind of failure it is", {
  kind <- \(class) failure_kind(structure(list(), class = c(class, "error", "condition")), "INTERNAL")
  expect_identical(kind("instep_error_value_encode"), "FAILURE_KIND_OUTPUT_ENCODE")
  expect_identical(kind("instep_error_value_decode"), "FAILURE_KIND_INPUT_DECODE")
  expect_identical(kind("instep_error_blob_missing"), "FAILURE_KIND_INPUT_MISSING")
  expect_identical(kind("other"), "FAILURE_KIND_INTERNAL")
})

test_that("an empty file has no steps to run", {
  the$flow <- NULL
  expect_error(step_function(make_task()), "declares no step", class = "instep_error_step_unknown")
})

test_that("a foreach counts its elements, and needs its artifact", {
  transition <- list(kind = "TRANSITION_KIND_FOREACH", targets = "work", foreach = "xs")
  self <- make_self(task = list(transition = transition))
  expect_error(foreach_count(self_state(self)), "no artifact", class = "instep_error_foreach")
  self$xs <- c("a", "b")
  expect_identical(as.integer(foreach_count(self_state(self))), 2L)
  self$xs <- character()
  expect_error(foreach_count(self_state(self)), class = "instep_error_foreach")
  expect_null(foreach_count(self_state(make_self())))
})
