sent <- function(...) {
  made <- flow("X") |> step("a", ...)
  transition_message(made$steps$a, NULL)
}

keys <- function(message) lapply(message$cases, \(case) decode_value(case$key))

test_that("a named next_step is a switch", {
  message <- sent(next_step = c(yes = "b", no = "c", maybe = "b"), condition = "answer")
  expect_identical(message$kind, "TRANSITION_KIND_SWITCH")
  expect_identical(message$targets, c("b", "c"))
  expect_identical(message$condition, "answer")
  expect_identical(keys(message), list("yes", "no", "maybe"))
  expect_identical(vapply(message$cases, \(case) case$target, ""), c("b", "c", "b"))
  expect_identical(keys(sent(next_step = list(yes = "b", no = "c"), condition = "answer")), list("yes", "no"))
})

test_that("formulas give keys that are no text", {
  message <- sent(next_step = list(1.5 ~ "b", 2 ~ "c", TRUE ~ "d", NULL ~ "e"), condition = "answer")
  expect_identical(keys(message), list(1.5, 2L, TRUE, NULL))
  expect_error(sent(next_step = list(c(1, 2) ~ "b"), condition = "x"), class = "instep_error_argument")
  expect_error(sent(next_step = list(1 ~ 2), condition = "x"), class = "instep_error_argument")
  expect_error(sent(next_step = 3), class = "instep_error_argument")
})

test_that("keys match as equality has it", {
  expect_true(same_key(1L, 1))
  expect_true(same_key(TRUE, 1))
  expect_true(same_key("a", "a"))
  expect_true(same_key(NULL, NULL))
  expect_false(same_key("1", 1))
  expect_false(same_key("TRUE", TRUE))
  expect_false(same_key(NULL, "a"))
  expect_false(same_key(2, 1))
})

test_that("forms of which only one half is there are problems of the graph", {
  problems <- \(...) transition_problems((flow("X") |> step("a", ...))$steps$a, list(file = "/x.R", line = 3L))
  said <- \(...) vapply(problems(...), \(problem) problem$message, "")
  expect_match(said(next_step = c(yes = "b", no = "c"), condition = "x", foreach = "y"), "combined with foreach")
  expect_match(said(next_step = c("b", "c"), condition = "x"), "condition goes with steps")
  expect_match(said(next_step = list(TRUE ~ "b", 1L ~ "c"), condition = "x"), "key 1L is there twice")
  expect_length(said(next_step = c(yes = "b", no = "c"), condition = "x"), 0L)
  expect_identical(problems(next_step = "b", condition = "x")[[1L]]$locations[[1L]]$line, 3L)
  # A switch without condition is refused by the checks of the graph.
  expect_identical(sent(next_step = c(yes = "b", no = "c"))$kind, "TRANSITION_KIND_SWITCH")
})

# What a switch on `self$answer` chooses.
chosen <- function(..., targets = list("yes", 1L, FALSE)) {
  cases <- lapply(targets, \(key) list(key = encode_inline(key, "key"), target = "b"))
  transition <- list(kind = "TRANSITION_KIND_SWITCH", targets = "b", condition = "answer", cases = cases)
  self <- make_self(task = list(transition = transition))
  if (...length() > 0L) self$answer <- ..1
  switch_case(self_state(self))
}

test_that("the value of the condition chooses the case", {
  expect_identical(chosen("yes"), 0L)
  expect_identical(chosen(factor("yes")), 0L)
  expect_identical(chosen(1), 1L)
  expect_identical(chosen(FALSE), 2L)
  expect_null(switch_case(self_state(make_self())))
})

test_that("a value that chooses nothing fails the task, with the variable, the value and the keys", {
  error <- expect_error(chosen("perhaps"), class = "instep_error_switch")
  message <- conditionMessage(error)
  for (part in c("answer", "perhaps", "yes", "1L", "FALSE")) expect_match(message, part)
  expect_error(chosen("1"), class = "instep_error_switch")
  expect_error(chosen(c("yes", "no")), "can't be a key", class = "instep_error_switch")
  expect_error(chosen(NA), class = "instep_error_switch")
  expect_error(chosen(), "no step has set it", class = "instep_error_switch")
  expect_identical(failure_kind(error, "INTERNAL"), "FAILURE_KIND_USER_ERROR")
})
