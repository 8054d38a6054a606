test_that("data frames of every column type come back the same", {
  expect_kept(mtcars)
  expect_kept(iris)
  expect_kept(airquality)
  expect_kept(data.frame(
    i = c(1L, NA), d = c(NaN, NA), s = c("a", NA), b = c(TRUE, NA), z = c(1i, NA), day = as.Date(c("2024-01-01", NA)),
    at = as.POSIXct(c("2024-01-01", NA), tz = ""), span = as.difftime(c(1, NA), units = "hours"), raw = as.raw(1:2),
    f = factor(c("x", NA), levels = c("y", "x")), o = factor(c("x", NA), ordered = TRUE)
  ))
})

test_that("frames without columns or rows keep what they have", {
  expect_kept(data.frame())
  expect_kept(data.frame(x = 1:3)[, FALSE])
  expect_kept(iris[0, ])
})

test_that("row names are kept, automatic ones cost nothing", {
  expect_kept(iris[c(5, 3), ])
  expect_kept(data.frame(x = 1:2, row.names = c("a", "b")))
  expect_length(manifest_of(data.frame(x = 1:2))$nodes[[1]]$table$columns, 1)
})

test_that("labels may be doubled and empty", {
  expect_kept(data.frame(a = 1, a = "x", check.names = FALSE))
  expect_kept(stats::setNames(data.frame(1, 2), c("", NA)))
})

test_that("columns keep names and attributes of their own", {
  expect_kept(data.frame(x = I(c(a = 1, b = 2))))
  x <- data.frame(y = 1:2)
  attr(x$y, "label") <- "weight"
  expect_kept(x)
  expect_kept(stats::na.omit(airquality))
  f <- data.frame(f = factor(c("a", "b")))
  stats::contrasts(f$f) <- stats::contr.sum(2)
  expect_kept(f)
  expect_kept(data.frame(x = I(array(1:2, 2, list(c("a", "b"))))))
})

# holds: 15.6
test_that("tibbles and data tables come back as such", {
  skip_if_not_installed("tibble")
  expect_kept(tibble::tibble(a = 1:2, b = c("x", NA)))
  skip_if_not_installed("data.table")
  x <- data.table::data.table(a = 3:1, b = letters[1:3], key = "b")
  y <- round_trip(x)
  expect_identical(data.table::key(y), "b")
  expect_equal(y, x)
  data.table::set(y, j = "c", value = 1L)
  expect_named(y, c("a", "b", "c"))
})

test_that("columns of lists and matrices of one type are portable", {
  skip_if_not_installed("tibble")
  for (x in list(
    tibble::tibble(l = list(1:2, NULL, integer())), tibble::tibble(l = list("a", c("b", NA))),
    tibble::tibble(r = list(as.raw(1), NULL)), tibble::tibble(n = list(NULL, NULL)),
    tibble::tibble(m = matrix(c(1.5, NA, 3, 4), 2, dimnames = list(NULL, c("a", "b")))),
    tibble::tibble(m = matrix(letters[1:6], 2)), tibble::tibble(m = stats::poly(1:5, 2))
  )) {
    expect_kept(x)
    expect_true(encode_value(x)$portable)
  }
})

test_that("other columns make the frame one that only R reads", {
  skip_if_not_installed("tibble")
  x <- tibble::tibble(id = 1:2, fit = list(stats::lm(mpg ~ wt, mtcars), "a"))
  expect_false(encode_value(x, on_loss = "ignore")$portable)
  expect_warning(encode_value(x, "x"), "COLUMN_TYPE in artifact 'x' at self\\$x\\$fit", class = "instep_warning_loss")
  expect_kept(x[1])
  expect_equal(stats::coef(round_trip(x, on_loss = "ignore")$fit[[1]]), stats::coef(x$fit[[1]]))
  expect_equal(loss_codes(structure(data.frame(a = 1), made_by = sum)), "COLUMN_TYPE")
})

test_that("frames inside of frames are kept and portable, with all that their columns can be", {
  skip_if_not_installed("tibble")
  x <- data.frame(id = 1:3)
  x$inner <- data.frame(
    f = factor(c("u", NA, "v"), c("v", "u", "w")), d = as.Date("2024-02-29") + 0:2, x = c(1, NA, NaN), z = c(1i, NA, 2i),
    row.names = c("p", "q", "r")
  )
  x$inner$more <- tibble::tibble(m = matrix(1:6, 3), l = list(1L, NULL, 2:3))
  nested <- tibble::tibble(inner = tibble::tibble(a = c("x", NA)))
  for (frame in list(x, x[c(3, 1), ], x[0, ], nested)) {
    expect_kept(frame)
    expect_true(encode_value(frame)$portable)
  }
})

test_that("a frame with a frame that has no portable form, or too many levels, is one that only R reads", {
  x <- data.frame(id = 1:2, start = as.Date("2024-02-29"))
  x$inner <- data.frame(a = 1:2)
  x$inner$deeper <- data.frame(fit = I(list(sum, "a")))
  loss <- encode_value(x, "x", on_loss = "ignore")$losses[[1]]
  expect_identical(c(loss$code, loss$path), c("COLUMN_TYPE", "self$x$inner$deeper$fit"))
  around <- function(x) structure(list(a = 1, x = x), class = "data.frame", row.names = 1L)
  deep <- Reduce(\(x, i) around(x), 1:29, data.frame(a = 1))
  expect_true(encode_value(deep)$portable)
  expect_kept(deep)
  expect_equal(loss_codes(around(deep)), "COLUMN_TYPE")
  expect_kept(around(deep), on_loss = "ignore")
})

test_that("subclasses of data frames keep their class and stay portable", {
  x <- structure(data.frame(a = 1:2), class = c("survey", "data.frame"), wave = 3L)
  expect_kept(x)
  expect_true(encode_value(x)$portable)
})

test_that("the marks of readr are left out", {
  x <- tibble::tibble(a = 1)
  marked <- structure(x, class = c("spec_tbl_df", class(x)), spec = list(1), problems = methods::new("externalptr"))
  expect_identical(round_trip(marked), x)
})

test_that("frames of pandas and polars are data frames", {
  expect_identical(python_value("pandas"), data.frame(a = 1:2, b = c("x", NA)))
  expect_identical(python_value("pandas_index"), data.frame(a = 1:2, row.names = c("x", "y")))
  expect_warning(
    multi <- python_value("pandas_multi"),
    "INDEX_COLUMNS in artifact 'value' at self\\$value: it has an index", class = "instep_warning_loss"
  )
  expect_identical(multi, data.frame(k = c("x", "x"), l = 1:2, a = c(0.5, 1.5)))
  expect_identical(python_value("polars"), data.frame(a = 1:2, l = I(list(1:2, 3L))), ignore_attr = TRUE)
})
