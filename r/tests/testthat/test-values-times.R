test_that("dates keep their storage", {
  expect_kept(as.Date(c("2024-02-29", NA, "0001-01-01")))
  expect_kept(structure(c(1L, NA), class = "Date"))
  expect_kept(structure(numeric(), class = "Date"))
  expect_kept(c(a = as.Date("2024-02-29")))
  expect_kept(structure(1L, class = c("IDate", "Date")))
})

test_that("a date with a time of day is floored, which is a loss", {
  x <- structure(c(1.5, -1.5), class = "Date")
  expect_warning(y <- round_trip(x), class = "instep_warning_loss")
  expect_identical(y, structure(c(1, -2), class = "Date"))
  expect_error(encode_value(x, on_loss = "error"), class = "instep_error_value_loss")
})

test_that("dates out of range are an error", {
  error <- expect_error(encode_value(structure(c(0, Inf), class = "Date")), class = "instep_error_value_encode")
  expect_equal(error$code, "DATE_RANGE")
  expect_equal(error$path, "self$value[2]")
})

test_that("naive times and instants can stand side by side", {
  instant <- structure(0, class = c("POSIXct", "POSIXt"), tzone = "UTC")
  expect_kept(list(instant, structure(instant, instep_naive = TRUE)))
  expect_kept(list(structure(instant, instep_naive = TRUE), instant))
})

test_that("instants keep their zone, however it is written", {
  expect_kept(as.POSIXct("2024-02-29 12:30:15.25", tz = "Europe/Berlin"))
  expect_kept(as.POSIXct(c("2024-07-01", NA), tz = "UTC"))
  expect_kept(structure(1.7e9, class = c("POSIXct", "POSIXt")))
  expect_kept(structure(1.7e9, class = c("POSIXct", "POSIXt"), tzone = ""))
  expect_kept(structure(1.7e9, class = c("POSIXct", "POSIXt"), tzone = c("", "CET", "CEST")))
  expect_kept(structure(5L, class = c("POSIXct", "POSIXt"), tzone = "UTC"))
  expect_kept(structure(c(-1e9, 253402300799, -62135596800), class = c("POSIXct", "POSIXt"), tzone = "UTC"))
})

test_that("the host's time zone does not show in what is stored", {
  x <- structure(1.7e9, class = c("POSIXct", "POSIXt"), tzone = "")
  here <- withr::with_timezone("Asia/Tokyo", encode_value(x)$digest)
  there <- withr::with_timezone("America/New_York", encode_value(x)$digest)
  expect_identical(here, there)
})

test_that("instants are stored to the microsecond", {
  x <- structure(1.7e9 + 0.1234567, class = c("POSIXct", "POSIXt"), tzone = "UTC")
  expect_equal(unclass(round_trip(x))[1], 1700000000.123457, tolerance = 0)
})

test_that("naive times keep their mark, and offsets their text", {
  expect_kept(structure(1.7e9, class = c("POSIXct", "POSIXt"), tzone = "UTC", instep_naive = TRUE))
  x <- python_value("offset")
  expect_equal(attr(x, "instep_tz"), "+05:30")
  expect_equal(attr(x, "tzone"), "UTC")
  expect_equal(manifest_of(x)$nodes[[1]]$vector$params[[1]]$value, "+05:30")
})

test_that("nanoseconds are rounded, which is a loss", {
  expect_warning(x <- python_value("nanoseconds"), class = "instep_warning_loss")
  expect_equal(unclass(x), c(1.000002, NA), ignore_attr = TRUE, tolerance = 0)
})

test_that("POSIXlt is stored as POSIXct, which is a loss", {
  expect_warning(x <- round_trip(as.POSIXlt("2024-02-29", tz = "UTC")), class = "instep_warning_loss")
  expect_identical(x, as.POSIXct("2024-02-29", tz = "UTC"))
})

test_that("differences of times keep their unit", {
  for (units in c("secs", "mins", "hours", "days", "weeks")) {
    expect_kept(as.difftime(c(1.5, NA, -2), units = units))
  }
  expect_kept(as.difftime(1 / 3, units = "days"))
  expect_kept(as.difftime(3L, units = "mins"))
  expect_kept(structure(5, class = "difftime", units = "fortnights"))
})

test_that("differences of times finer than a microsecond are rounded, which is a loss", {
  expect_equal(loss_codes(as.difftime(1e-7, units = "secs")), "DURATION_ROUNDED")
  expect_equal(loss_codes(as.difftime(0.25, units = "secs")), character())
})

test_that("times of day stay times of day", {
  noon <- structure(43200, class = "difftime", units = "secs", instep_time = TRUE)
  expect_kept(noon)
  expect_equal(manifest_of(noon)$nodes[[1]]$vector$logical, "time")
  late <- structure(90000, class = c("hms", "difftime"), units = "secs")
  expect_kept(late)
  expect_equal(manifest_of(late)$nodes[[1]]$vector$logical, "duration")
})

test_that("NaN for a time becomes NA, which is a loss", {
  expect_equal(loss_codes(structure(NaN, class = "Date")), "TIME_NAN")
})
