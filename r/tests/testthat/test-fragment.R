test_that("a fragment says what the file says", {
  made <- flow("Pricing", include = "pricing.py", doc = "Prices.", isolation = "reuse", on_loss = "error") |>
    step("start", \(self) NULL, next_step = "fit", foreach = "cuts", start = TRUE) |>
    step("fit", py_function("prep.py", "prep"), next_step = c("a", "b"), isolation = "spawn", on_loss = "warn") |>
    step("a", \(self) NULL, next_step = "join") |>
    step("join", \(self, inputs) NULL)
  fragment <- flow_fragment(made, "/flows/pricing.R")
  expect_identical(fragment$includes[[1L]]$file, "/flows/pricing.py")
  expect_identical(fragment$isolation, "ISOLATION_REUSE")
  expect_identical(fragment$on_loss, "LOSS_POLICY_ERROR")
  steps <- fragment$steps
  expect_identical(
    vapply(steps, \(step) step$transition$kind, ""),
    paste0("TRANSITION_KIND_", c("FOREACH", "SPLIT", "LINEAR", "END"))
  )
  expect_identical(steps[[1L]]$entry_point, list(language = "r", file = "/flows/pricing.R", `function` = ""))
  expect_identical(steps[[2L]]$entry_point, list(language = "python", file = "/flows/prep.py", `function` = "prep"))
  expect_identical(steps[[2L]]$isolation, "ISOLATION_SPAWN")
  expect_null(steps[[1L]]$on_loss)
  expect_identical(steps[[2L]]$on_loss, "LOSS_POLICY_WARN")
  expect_true(steps[[1L]]$is_start)
  expect_true(steps[[4L]]$takes_inputs)
  expect_type(message_encode("FlowFragment", fragment), "raw")
})

test_that("a parameter's dashes are underscores in steps", {
  made <- flow("X") |> parameter("max-depth", default = \(context) stop("called"))
  spec <- flow_fragment(made, "/x.R")$parameters[[1L]]
  expect_identical(spec$name, "max-depth")
  expect_identical(spec$variable, "max_depth")
  expect_null(spec$default)
  expect_true(spec$has_function_default)
})
