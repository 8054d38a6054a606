# holds: 15.1
test_that("the function of a step comes by name, by position, or wrapped", {
  f <- function(self) NULL
  by_name <- flow("X") |> step("a", r_function = f)
  by_position <- flow("X") |> step("a", f)
  named_step <- flow("X") |> step(step = "a", r_function = f)
  wrapped <- flow("X") |> step("a", r_function(f))
  bodies <- lapply(list(by_name, by_position, named_step, wrapped), \(flow) flow$steps$a$reference$body)
  expect_identical(bodies, rep(list(f), 4L))
})

test_that("a join is seen from its function, or from what it was told", {
  is_join <- function(...) (flow("X") |> step("a", ...))$steps$a$join
  expect_false(is_join(\(self) NULL))
  expect_true(is_join(\(self, inputs) NULL))
  expect_false(is_join(\(self, verbose = FALSE) NULL))
  expect_true(is_join(\(self, inputs) NULL, join = TRUE))
  expect_true(is_join(r_function(\(self, inputs) NULL, join_step = TRUE)))
  expect_true(is_join(py_function("prep.py", "prep", join_step = TRUE)))
  expect_true(is_join(join = TRUE))
  expect_false(is_join())
})

test_that("a function that does not take what it gets is refused", {
  expect_error(flow("X") |> step("a", \() NULL), class = "instep_error_step_arguments")
  expect_error(flow("X") |> step("a", \(self) NULL, join = TRUE), class = "instep_error_step_arguments")
  expect_error(flow("X") |> step("a", \(self, inputs, more) NULL), class = "instep_error_step_arguments")
  expect_no_error(flow("X") |> step("a", \(...) NULL))
})

# holds: 15.8
test_that("invalid names of steps are refused at once, with the name", {
  for (name in c("Start", "my-step", "_hidden", "next", "input")) {
    expect_error(flow("X") |> step(name, \(self) NULL), name, class = "instep_error_step_name")
  }
})

test_that("two steps of one name are refused", {
  expect_error(flow("X") |> step("a") |> step("a"), class = "instep_error_step_doubled")
})

test_that("what is no argument of a step is refused", {
  expect_error(flow("X") |> step("a", 3), class = "instep_error_argument")
  expect_error(flow("X") |> step("a", nextstep = "b"), "nextstep", class = "instep_error_argument")
  expect_error(flow("X") |> step("a", next_step = 3), class = "instep_error_argument")
})

test_that("magrittr's pipe works as R's own", {
  skip_if_not_installed("magrittr")
  `%>%` <- magrittr::`%>%`
  expect_named((flow("X") %>% step("a") %>% step("b"))$steps, c("a", "b"))
})

test_that("what is no flow goes to stats::step, which finds its data where the caller has them", {
  choose <- function() {
    cars <- mtcars
    fit <- lm(mpg ~ wt + qsec + gear, data = cars)
    list(ours = step(fit, trace = 0), named = step(object = fit, trace = 0), theirs = stats::step(fit, trace = 0))
  }
  chosen <- choose()
  expect_equal(coef(chosen$ours), coef(chosen$theirs))
  expect_equal(coef(chosen$named), coef(chosen$theirs))
})
