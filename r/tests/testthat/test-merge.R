# The example of the semantics: before a split `unit` and `n` are set; `left` sets n and a, `right` n.
local_join <- function() {
  make_joined(
    make_join("left", unit = "kg", n = 1, a = 5),
    make_join("right", unit = "kg", n = 2, position = 1L),
    constants = list(make_input("folds", 5L, "PARAMETER"))
  )
}

# holds: 15.4
test_that("inputs that differ conflict, and nothing is set", {
  joined <- local_join()
  error <- expect_error(
    merge_artifacts(joined$self, joined$inputs),
    "MergeArtifactsException",
    class = "instep_error_merge_conflict"
  )
  expect_identical(error$artifact_names, "n")
  expect_identical(names(joined$self), "folds")
})

test_that("a name that the join has set does not conflict", {
  joined <- local_join()
  joined$self$n <- joined$inputs$left$n + joined$inputs$right$n
  merge_artifacts(joined$self, joined$inputs)
  expect_identical(list(joined$self$n, joined$self$a, joined$self$unit), list(3, 5, "kg"))
  expect_setequal(self_state(joined$self)$forwarded, c("a", "unit"))
})

# holds: 15.4
test_that("an excluded name stays unset", {
  joined <- local_join()
  merge_artifacts(joined$self, joined$inputs, exclude = "n")
  expect_identical(names(joined$self), c("a", "folds", "unit"))
})

# holds: 15.4
test_that("only included names are set", {
  joined <- local_join()
  merge_artifacts(joined$self, joined$inputs, include = "unit")
  expect_identical(names(joined$self), c("folds", "unit"))
})

test_that("an included name that no input has is an error, and nothing is set", {
  joined <- local_join()
  error <- expect_error(
    merge_artifacts(joined$self, joined$inputs, include = c("unit", "zz")),
    class = "instep_error_merge_missing"
  )
  expect_identical(error$artifact_names, "zz")
  expect_identical(names(joined$self), "folds")
})

test_that("names that begin with an underscore take no part", {
  joined <- make_joined(make_join("left", `_x` = 1), make_join("right", `_x` = 2))
  merge_artifacts(joined$self, joined$inputs)
  expect_identical(names(joined$self), character())
})

test_that("merging needs a join, and one way to choose", {
  joined <- local_join()
  expect_error(merge_artifacts(make_self(), joined$inputs), class = "instep_error_merge_outside_join")
  expect_error(
    merge_artifacts(joined$self, joined$inputs, include = "a", exclude = "n"),
    class = "instep_error_argument"
  )
})
