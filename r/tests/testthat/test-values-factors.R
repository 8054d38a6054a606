test_that("factors keep their levels, used or not, and their order", {
  expect_kept(factor(c("a", "b", NA), levels = c("b", "a", "unused")))
  expect_kept(factor("x", ordered = TRUE))
  expect_kept(factor(character()))
  expect_kept(factor(c(x = "a")))
  expect_kept(factor(c("\u00e9", "e")))
  expect_kept(structure(1:2, levels = c("a", "b"), class = c("special", "factor")))
})

test_that("a level that is NA differs from a missing code", {
  expect_kept(addNA(factor(c("a", NA, "b"))))
  both <- factor(c("a", NA, "b"), levels = c(NA, "a", "b"), exclude = NULL)
  is.na(both) <- 1
  expect_kept(both)
})

test_that("factors that do not hold together stay what they are", {
  expect_kept(structure(1:2, levels = c(0.5, 1), class = "factor"))
})

test_that("categories of pandas that are not text become text", {
  expect_identical(python_value("categories"), factor(c("2", "1", NA), levels = c("1", "2")))
})
