item <- function(x, i, ...) {
  root <- withr::local_tempdir()
  encoded <- encode_value(x, "x", ...)
  for (blob in encoded$blobs) object_put(root, blob)
  decode_item(encoded$manifest, i - 1, fetch_from(root))
}

test_that("the items of vectors and lists are their elements", {
  for (x in list(
    c(1, NA, 3), c(a = "x", b = "y"), list(1, "a", NULL), list(a = 1, b = list(2)), factor(c("a", "b")),
    as.Date(c("2024-01-01", NA)), as.POSIXct("2024-01-01", tz = "Europe/Berlin"), as.raw(1:3), 1:5000
  )) {
    expect_equal(item_count(x), length(x))
    for (i in c(1, length(x))) expect_identical(item(x, i), x[[i]])
  }
  expect_identical(item("Ideal", 1), "Ideal")
})

test_that("an item of a list is read without the other parts", {
  root <- local_objects()
  encoded <- encode_value(list(stats::runif(2e5), 1:2000 + 0.5))
  hashes <- character()
  fetch <- \(hash, size) {
    hashes <<- c(hashes, hash)
    object_path(root, hash)
  }
  for (blob in encoded$blobs) object_put(root, blob)
  expect_identical(decode_item(encoded$manifest, 1, fetch), 1:2000 + 0.5)
  expect_length(hashes, 1)
})

test_that("a text scalar is taken by character", {
  expect_equal(item_count(scalar("a\u00fc\U0001f600")), 3)
  expect_equal(vapply(1:3, \(i) item(scalar("a\u00fc\U0001f600"), i), ""), c("a", "\u00fc", "\U0001f600"))
})

test_that("arrays of Python are taken along their first axis", {
  expect_identical(decode_item(python_manifest("array_c"), 1), aperm(array(as.double(12:23), c(4, 3))))
  expect_identical(decode_item(encode_value(matrix(1:4, 2, dimnames = list(NULL, c("a", "b"))))$manifest, 0), c(a = 1L, b = 3L))
})

test_that("other objects of R are taken by element", {
  x <- structure(list(1, "b"), class = "thing")
  expect_equal(item_count(x), 2)
  expect_identical(item(x, 2), "b")
})

test_that("what can't be split over is refused with its name", {
  for (x in list(
    NULL, data.frame(a = 1), mean, new.env(), matrix(1:4, 2), python_value("fraction"), quote(x),
    structure(list(keys = list(1), values = list(2)), class = "instep_pairs")
  )) {
    expect_error(item_count(x, "xs", "start"), "xs", class = "instep_error_foreach")
  }
  expect_error(item_count(list(), "xs"), "zero splits", class = "instep_error_foreach")
  expect_error(item(data.frame(a = 1), 1), class = "instep_error_foreach")
  expect_error(item(list(1), 5), class = "instep_error_value_decode")
})
