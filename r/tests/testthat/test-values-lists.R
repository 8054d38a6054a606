test_that("lists keep order, names and nesting", {
  expect_kept(list())
  expect_kept(stats::setNames(list(), character()))
  expect_kept(list(1L, "a", NULL, list(TRUE, 2.5)))
  expect_kept(list(a = 1, b = list(c = "x", d = list(list(e = NULL)))))
  expect_kept(stats::setNames(list(1, 2, 3, 4), c("a", "", NA, "a")))
  expect_kept(lapply(1:3000, \(i) list(id = i, name = paste0("n", i), value = i / 3)))
})

test_that("attributes of lists stay portable when they are simple", {
  expect_kept(structure(list(1, 2), dim = c(1L, 2L)))
  expect_kept(structure(list(a = 1), note = "x"))
  expect_kept(I(list(1, "a")))
  expect_true(encode_value(structure(list(1), note = 1:3))$portable)
  expect_false(encode_value(structure(list(1), note = quote(x)))$portable)
  expect_kept(structure(list(1), note = quote(x)))
})

test_that("an attribute with the name of a note does not get lost", {
  expect_kept(structure(1:3, r.squared = 0.5))
})

test_that("mappings with keys that are not text keep both sides", {
  expect_kept(structure(list(keys = list(1L, "b"), values = list("a", NULL)), class = "instep_pairs"))
})

test_that("scalars of one type share one part, and small values need no blob", {
  manifest <- manifest_of(lapply(1:100, \(i) list(id = i, name = "n", value = i / 3, flag = TRUE)))
  expect_length(manifest$parts, 4)
  expect_length(encode_value(list(1, 2:3, "a"))$blobs, 0)
})

test_that("a value that is too deep or has too many parts is stored for R alone", {
  deep <- list(1)
  for (i in 1:300) deep <- list(deep)
  expect_equal(loss_codes(deep), "NOT_PORTABLE")
  expect_kept(deep, on_loss = "ignore")
  long <- rep(list(1L, "a"), 500000)
  expect_warning(
    encoded <- encode_value(long, "x"),
    "self\\$x: it has more than 1,000,000 elements .* self\\$x\\[\\[[0-9]+\\]\\] is one too many", class = "instep_warning_loss"
  )
  expect_false(encoded$portable)
  expect_error(encode_value(long, "x", on_loss = "error"), "NOT_PORTABLE", class = "instep_error_value_loss")
  nested <- list(1)
  for (i in 1:250) nested <- list(nested)
  expect_kept(nested)
  expect_true(encode_value(nested)$portable)
})

test_that("with `inline` all bytes are in the manifest", {
  x <- list(stats::runif(1e5), mtcars)
  encoded <- encode_value(x, inline = TRUE)
  expect_length(encoded$blobs, 0)
  expect_identical(decode_value(encoded$manifest), x)
})

test_that("equal values have equal digests", {
  x <- list(a = c(1, NA), b = "x", c = iris)
  y <- unserialize(serialize(x, NULL))
  expect_identical(encode_value(x)$digest, encode_value(y)$digest)
  expect_identical(encode_value(1:5)$digest, encode_value(c(1L, 2L, 3L, 4L, 5L))$digest)
  expect_identical(encode_value(0 / 0)$digest, encode_value(NaN)$digest)
  expect_false(identical(encode_value(NA_real_)$digest, encode_value(NaN)$digest))
})
