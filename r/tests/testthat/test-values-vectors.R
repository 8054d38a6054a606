test_that("vectors of every type come back the same, at every length", {
  for (x in list(
    TRUE, NA, c(TRUE, NA, FALSE), logical(), 1L, NA_integer_, c(-.Machine$integer.max, NA, 0L), integer(), 1.5,
    numeric(), 1+2i, complex(), "a", character(), as.raw(0:255), raw(), as.raw(7)
  )) {
    expect_kept(x)
  }
  expect_kept(seq_len(5000))
  expect_kept(rep(c(TRUE, NA, FALSE), 1000))
  expect_kept(as.character(seq_len(3000)))
})

test_that("NA, NaN, infinities and the sign of zero are told apart", {
  expect_kept(c(NA, NaN, Inf, -Inf, 0, -0, .Machine$double.xmin, 4.9e-324))
  expect_kept(NA_real_)
  expect_kept(NaN)
  expect_true(is.nan(round_trip(0 / 0)))
  many <- as.double(seq_len(1e5))
  many[c(1, 40000, 1e5)] <- c(NA, NaN, -0)
  expect_kept(many)
})

test_that("each half of a complex number can be missing alone", {
  expect_kept(c(NA_complex_, complex(real = NA, imaginary = 1), complex(real = 1, imaginary = NaN), 0i))
})

test_that("NULL is a value, alone and inside lists", {
  expect_kept(NULL)
  expect_kept(list(NULL, a = NULL, list(NULL)))
})

test_that("names may be partial, missing, empty and doubled", {
  expect_kept(c(a = 1, b = 2))
  expect_kept(stats::setNames(1:4, c("a", "", NA, "a")))
  expect_kept(stats::setNames(character(), character()))
  expect_kept(c(x = TRUE))
})

test_that("integer64 keeps its values, its NA and its class", {
  skip_if_not_installed("bit64")
  x <- bit64::as.integer64(c("1", NA, "9223372036854775807", "-9223372036854775807"))
  expect_identical(as.character(round_trip(x)), as.character(x))
  expect_kept(bit64::as.integer64(5))
  expect_kept(bit64::as.integer64(seq_len(2000)))
})

test_that("numbers without a type in R keep their text and class", {
  expect_kept(structure(c("1000000000000000000000000000000", NA), class = "instep_bigint"))
  expect_kept(structure("1.10", class = "instep_decimal"))
  expect_kept(structure("{}", class = "json"))
})

test_that("classes and simple attributes of vectors stay portable", {
  x <- structure(1:3, class = c("special", "plain"), unit = "kg", history = list(1, "a"))
  expect_kept(x)
  expect_true(encode_value(x)$portable)
  expect_kept(stats::ts(1:12, start = c(2020, 1), frequency = 12))
  expect_kept(structure(c(a = 1.5), class = "price"))
  expect_kept(noquote("a"))
})

test_that("a raw vector with attributes is bytes with a note", {
  expect_kept(c(a = as.raw(1), b = as.raw(2)))
  expect_kept(matrix(as.raw(1:4), 2))
  expect_kept(structure(as.raw(1:3), class = "packet"))
})

test_that("shape says what is known of a length of one", {
  shape <- \(x) manifest_of(x)$nodes[[1]]$vector$shape
  expect_equal(shape(1), "SHAPE_UNIT")
  expect_equal(shape(scalar(1)), "SHAPE_SCALAR")
  expect_equal(shape(I(1)), "SHAPE_VECTOR")
  expect_equal(shape(c(a = 1)), "SHAPE_VECTOR")
  expect_equal(shape(c(1, 2)), "SHAPE_VECTOR")
  expect_equal(shape(numeric()), "SHAPE_VECTOR")
  expect_equal(shape(factor("a")), "SHAPE_VECTOR")
  expect_equal(shape(Sys.Date()), "SHAPE_UNIT")
  expect_equal(shape(as.raw(1:3)), "SHAPE_SCALAR")
})

test_that("scalar() marks a value that reads back plain", {
  expect_identical(round_trip(scalar("a")), "a")
  expect_identical(round_trip(scalar(as.Date("2024-02-29"))), as.Date("2024-02-29"))
  expect_kept(I(c(1, 2)))
  expect_error(scalar(1:2), class = "instep_error_argument")
  expect_error(scalar(list(1)), class = "instep_error_argument")
})

test_that("Python's number types have one type in R each", {
  expect_identical(python_value("widths"), list(
    int8 = c(-128L, 127L), int16 = c(-32768L, 32767L), int32 = c(-5L, 5L), int64 = c(-5L, 5L),
    uint8 = c(0L, 255L), uint16 = c(0L, 65535L), uint32 = c(0, 4294967295), uint64 = c(0, 2^53),
    float16 = c(0.5, -0.25, Inf, NaN, 2^-24), float32 = c(0.5, NaN), bool = c(TRUE, FALSE)
  ), ignore_attr = FALSE)
})

test_that("an int32 of -2^31 is a value and not NA", {
  expect_identical(python_value("int32_min"), c(-2147483648, 1))
})

test_that("int64 becomes the narrowest type of R that holds all values", {
  expect_identical(python_value("int64_integer"), c(-2147483647L, 2147483647L))
  expect_identical(python_value("int64_double"), c(-2147483648, 2^53))
  skip_if_not_installed("bit64")
  expect_identical(as.character(python_value("int64_wide")), c("9007199254740993", "-1"))
})

test_that("integers that R can't hold are an error", {
  expect_error(python_value("int64_min"), class = "instep_error_value_decode")
  expect_error(python_value("uint64_wide"), class = "instep_error_value_decode")
})
