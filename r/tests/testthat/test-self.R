# holds: 15.2
test_that("artifacts are read and assigned with both forms of access", {
  self <- make_self(x = 1:3)
  expect_identical(self$x, 1:3)
  expect_identical(self[["x"]], 1:3)
  self$y <- "a"
  self[["z"]] <- list(1, NULL)
  self$x <- 4
  expect_identical(self$y, "a")
  expect_identical(self$z, list(1, NULL))
  expect_identical(self$x, 4)
})

test_that("a part of an artifact can be assigned", {
  self <- make_self(x = 1:3)
  self$x[[2L]] <- 9L
  expect_identical(self$x, c(1L, 9L, 3L))
})

test_that("NULL is a value", {
  self <- make_self()
  self$nothing <- NULL
  expect_null(self$nothing)
  expect_identical(names(self), "nothing")
})

test_that("names are those of all artifacts, sorted", {
  self <- make_self(b = 1, a = 2)
  self$`_hidden` <- 3
  expect_identical(names(self), c("_hidden", "a", "b"))
})

# holds: 15.2 1.4
test_that("a name that nobody has set is an error, also where a longer one is known", {
  self <- make_self(model = 1)
  expect_error(self$mod, "has no attribute", class = "instep_error_attribute")
})

test_that("parameters and constants can't be assigned", {
  inputs <- list(make_input("folds", 5L, "PARAMETER"), make_input("unit", "kg", "CONSTANT"))
  self <- new_self(make_task(inputs), no_fetch)
  expect_identical(self$folds, 5L)
  expect_error(self$folds <- 3L, "AttributeError", class = "instep_error_attribute")
  expect_error(self$unit <- "g", "AttributeError", class = "instep_error_attribute")
  expect_identical(self$folds, 5L)
})

# holds: 1.7
test_that("a flow can't be an artifact", {
  self <- make_self()
  expect_error(self$me <- self, "can't be stored", class = "instep_error_value_encode")
})

# holds: 4.3
test_that("outside a foreach there is no item", {
  self <- make_self()
  expect_null(self$input)
  expect_null(self$index)
  expect_identical(self$foreach_stack(), list())
  expect_error(self$input <- 1, "reserved", class = "instep_error_attribute")
})

# holds: 4.5 15.5
test_that("in a foreach the innermost item is the input, and all levels are on the stack", {
  frames <- list(
    list(variable = "a", items = make_input("a", c("x", "y")), index = 1, count = 2),
    list(variable = "b", items = make_input("b", list(10, 20, 30)), index = 1, count = 3)
  )
  self <- make_self(a = c("x", "y"), b = list(10, 20, 30), task = list(foreach = frames))
  expect_identical(self$input, 20)
  expect_identical(self$index, 1L)
  expect_identical(self$foreach_stack(), list(list(1L, 2L, "y"), list(1L, 3L, 20)))
})

# holds: 4.6
test_that("a level whose list was not carried on has no item", {
  frame <- list(variable = "a", items = make_input("a", c("x", "y")), index = 1, count = 2)
  self <- make_self(task = list(foreach = list(frame)))
  expect_null(self$input)
  expect_identical(self$index, 1L)
  self$a <- c("x", "y")
  expect_identical(self$input, "y")
})

test_that("only values that can change without being assigned are looked at again", {
  self <- make_self(plain = 1:3, nested = list(1, "a"))
  self$plain
  self$nested
  expect_identical(mutable_loaded(self_state(self)), character())
  expect_true(is_mutable(new.env()))
  expect_true(is_mutable(list(1, list(new.env()))))
  expect_false(is_mutable(mtcars))
})

test_that("what a step looks at in its inputs is noted, and what it looks for", {
  read <- \(self) names_read(list(self = self))
  self <- make_self(a = 1, b = 2, c = 3)
  expect_identical(read(self), character())
  self$a
  try(self$nothing, silent = TRUE)
  self$b <- 5
  self$b
  self$index
  expect_identical(read(self), c("a", "nothing"))
  names(self)
  expect_identical(read(self), c("*", "a", "nothing"))
})

test_that("what a join looks at on its inputs is noted, also by merging", {
  joined <- make_joined(make_join("l", x = 1, y = 1, z = 1), make_join("r", x = 2, y = 1, position = 1L))
  read <- \() names_read(list(self = joined$self, inputs = joined$inputs))
  joined$inputs$l$z
  expect_identical(read(), "z")
  merge_artifacts(joined$self, joined$inputs, include = "y")
  expect_identical(read(), c("y", "z"))
  try(merge_artifacts(joined$self, joined$inputs), silent = TRUE)
  expect_identical(read(), c("*", "y", "z"))
})
