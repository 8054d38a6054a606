test_that("text comes back as UTF-8, whatever its encoding was", {
  expect_kept(c("a", "", NA, "NA", "gr\u00fc\u00dfe", "\U0001f600", "e\u0301"))
  latin <- "caf\xe9"
  Encoding(latin) <- "latin1"
  expect_identical(round_trip(c(latin, "x")), c("caf\u00e9", "x"))
  expect_identical(names(round_trip(stats::setNames(1, latin))), "caf\u00e9")
  expect_identical(Encoding(round_trip(latin)), "UTF-8")
})

test_that("text that is not valid is an error that says where", {
  bad <- "caf\xe9"
  Encoding(bad) <- "UTF-8"
  error <- expect_error(encode_value(list(a = c("x", bad)), "result"), class = "instep_error_value_encode")
  expect_equal(error$path, "self$result$a[2]")
  expect_equal(error$code, "STRING_ENCODING")
  bytes <- "\xff"
  Encoding(bytes) <- "bytes"
  expect_error(encode_value(bytes), class = "instep_error_value_encode")
  expect_error(encode_value(stats::setNames(list(1), bad)), class = "instep_error_value_encode")
  expect_error(encode_value("\xed\xa0\x80"), class = "instep_error_value_encode")
})

test_that("text with U+0000 can't be read in R", {
  error <- expect_error(python_value("zero_character"), class = "instep_error_value_decode")
  expect_equal(error$code, "STRING_NUL")
})
