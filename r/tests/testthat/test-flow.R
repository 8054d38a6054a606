test_that("a flow keeps what it was given", {
  made <- flow("Pricing", include = "pricing.py", doc = "Prices.", isolation = "spawn")
  expect_s3_class(made, "instep_flow")
  expect_identical(made[c("name", "include", "doc", "isolation")], list(
    name = "Pricing", include = "pricing.py", doc = "Prices.", isolation = "spawn"
  ))
})

test_that("a flow without isolation leaves the choice open", {
  expect_null(flow("Pricing")$isolation)
})

test_that("a flow and its steps say what to do about losses, or leave it open", {
  expect_null(flow("Pricing")$on_loss)
  made <- flow("Pricing", on_loss = "error") |> step("a") |> step("b", on_loss = "ignore")
  expect_identical(made$on_loss, "error")
  expect_null(made$steps$a$on_loss)
  expect_identical(made$steps$b$on_loss, "ignore")
  expect_error(flow("Pricing", on_loss = "raise"), class = "instep_error_argument")
  expect_error(step(made, "c", on_loss = TRUE), class = "instep_error_argument")
})

test_that("names that no language can use are refused", {
  expect_error(flow("1st"), class = "instep_error_flow_name")
  expect_error(flow("my flow"), class = "instep_error_flow_name")
  expect_error(flow(3), class = "instep_error_argument")
  expect_error(flow("Pricing", isolation = "thread"), class = "instep_error_argument")
})

test_that("printing a flow shows how its steps follow each other", {
  expect_snapshot(
    flow("Pricing") |>
      parameter("folds", default = 5L) |>
      parameter("file", required = TRUE) |>
      step("start", \(self) NULL, next_step = "fit", foreach = "cuts") |>
      step("fit", \(self) NULL, next_step = "join") |>
      step("join", \(self, inputs) NULL, next_step = c("a", "b")) |>
      print()
  )
})
