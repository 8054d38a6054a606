test_that("sizes and durations are written as the command line writes them", {
  expect_identical(
    vapply(c(512, 1200, 3.4e6, 999960, 5e9, 2e12), format_size, ""),
    c("512 B", "1.2 kB", "3.4 MB", "1.0 MB", "5.0 GB", "2000.0 GB")
  )
  expect_identical(
    vapply(c(-1, 0.04, 12.34, 125, 7260), format_duration, ""),
    c("0.00 s", "0.04 s", "12.3 s", "2 min 5 s", "2 h 1 min")
  )
})
