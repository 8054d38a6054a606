# Random values of all kinds that the table of types covers.

random_text <- function(n) {
  pool <- c("", "a", "NA", "gr\u00fc\u00df", "\U0001f600", "tab\there", "line\nbreak", NA)
  sample(pool, n, replace = TRUE)
}

random_atomic <- function(n) {
  switch(sample(12, 1),
    sample(c(TRUE, FALSE, NA), n, TRUE),
    sample(c(NA, -.Machine$integer.max, 0L, 7L), n, TRUE),
    sample(c(NA, NaN, Inf, -Inf, 0, -0, pi, 1e300), n, TRUE),
    random_text(n),
    complex(real = sample(c(NA, 1, NaN), n, TRUE), imaginary = sample(c(0, NA, -0), n, TRUE)),
    as.raw(sample(0:255, n, TRUE)),
    factor(sample(c("x", "y", NA), n, TRUE), levels = c("y", "x", "z"), ordered = sample(c(TRUE, FALSE), 1)),
    structure(sample(c(NA, -1, 0, 19782), n, TRUE), class = "Date"),
    structure(sample(c(NA, 0, 1.7e9 + 0.25), n, TRUE), class = c("POSIXct", "POSIXt"), tzone = "Europe/Berlin"),
    as.difftime(sample(c(NA, 1.5, -2), n, TRUE), units = sample(c("secs", "days"), 1)),
    structure(sample(c(NA, 1L), n, TRUE), class = "special", note = random_text(2)),
    addNA(factor(sample(c("x", NA), n, TRUE)))
  )
}

random_vector <- function() {
  x <- random_atomic(sample(c(0, 1, 2, 7, 1500), 1))
  if (!is.raw(x) && stats::runif(1) < 0.3) names(x) <- random_text(length(x))
  x
}

random_array <- function() {
  dims <- sample(0:4, sample(3, 1), replace = TRUE)
  x <- random_atomic(prod(dims))
  dim(x) <- dims
  if (stats::runif(1) < 0.3) dimnames(x) <- lapply(dims, \(n) if (n > 0) paste0("n", seq_len(n)))
  x
}

random_frame <- function() {
  rows <- sample(c(0, 1, 5, 2000), 1)
  columns <- replicate(sample(0:5, 1), random_atomic(rows), simplify = FALSE)
  labels <- random_text(length(columns))
  structure(columns, names = labels, row.names = .set_row_names(rows), class = "data.frame")
}

random_list <- function(depth) {
  x <- replicate(sample(0:4, 1), random_value(depth - 1), simplify = FALSE)
  if (stats::runif(1) < 0.5) names(x) <- random_text(length(x))
  x
}

random_value <- function(depth = 4) {
  if (depth > 0 && stats::runif(1) < 0.5) return(random_list(depth))
  switch(sample(5, 1), NULL, random_vector(), random_vector(), random_array(), random_frame())
}

# holds: 1.6 15.6
test_that("any value comes back the same, and is portable", {
  root <- local_objects()
  for (seed in 1:300) {
    x <- withr::with_seed(seed, random_value())
    encoded <- encode_value(x, "x")
    for (blob in encoded$blobs) object_put(root, blob)
    y <- decode_value(encoded$manifest, fetch_from(root))
    expect_true(identical(y, x, num.eq = FALSE), label = paste("value of seed", seed, "comes back the same"))
    expect_true(encoded$portable, label = paste("value of seed", seed, "is portable"))
    expect_identical(encode_value(y, "x")$digest, encoded$digest)
  }
})

# Makes objects of a registered class of some of the lists.
with_records <- function(x) {
  if (!is.list(x) || is.object(x)) return(x)
  x[] <- lapply(x, with_records)
  if (stats::runif(1) < 0.5) structure(x, class = "record") else x
}

test_that("objects of registered classes come back the same from anywhere in a value, and are portable", {
  local_types()
  register_type("my.record", "record")
  register_type("my.special", "special", \(x) list(unclass(x)), \(form) structure(form[[1]], class = "special"))
  root <- local_objects()
  for (seed in 1:150) {
    x <- withr::with_seed(seed, with_records(random_list(5)))
    encoded <- encode_value(x, "x")
    for (blob in encoded$blobs) object_put(root, blob)
    y <- decode_value(encoded$manifest, fetch_from(root))
    expect_true(identical(y, x, num.eq = FALSE), label = paste("value of seed", seed, "comes back the same"))
    expect_true(encoded$portable, label = paste("value of seed", seed, "is portable"))
    expect_identical(encode_value(y, "x")$digest, encoded$digest)
  }
})
