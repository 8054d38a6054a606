# A manifest from a list, as message_decode() gives it.
changed <- function(x, change) {
  message_encode("Manifest", change(manifest_of(x)))
}

expect_refused <- function(bytes) {
  expect_error(decode_value(bytes), class = "instep_error_value_decode")
}

test_that("bytes that are no manifest are refused", {
  expect_refused(raw())
  expect_refused(charToRaw("hello"))
  good <- encode_value(list(1, "a"))$manifest
  # What ends before the last field, which names the producer.
  for (size in seq(1, length(good) - 40, by = 37)) expect_refused(good[seq_len(size)])
})

test_that("what is damaged is named with its place", {
  place <- function(x, change) {
    expect_error(decode_value(changed(x, change), name = "result"), class = "instep_error_value_decode")$path
  }
  set_part <- \(m) {
    m$nodes[[4]]$vector$logical <- "nonsense"
    m
  }
  expect_identical(place(list(a = 1, fits = list("a", 2)), set_part), "self$result$fits[[1]]")
  set_column <- \(m) {
    m$nodes[[2]]$table$columns[[2]]$logical <- "bool"
    m
  }
  expect_identical(place(list(data.frame(a = 1, b = 2)), set_column), "self$result[[1]]$b")
  set_inner <- \(m) {
    m$nodes[[1]]$table$columns[[1]]$columns[[1]]$logical <- "bool"
    m
  }
  frame <- structure(list(inner = data.frame(x = 1)), class = "data.frame", row.names = 1L)
  expect_identical(place(frame, set_inner), "self$result$inner$x")
})

test_that("an unknown format is refused by its number", {
  error <- expect_error(
    decode_value(changed(1, \(m) replace(m, "format", 2L))),
    "format 2", class = "instep_error_value_decode"
  )
  expect_equal(error$code, "FORMAT_UNKNOWN")
})

test_that("indices must name nodes that come later, and parts that are there", {
  set_child <- \(index) changed(list(1, 2), \(m) {
    m$nodes[[1]]$seq$values[[1]] <- index
    m
  })
  for (index in c(0L, -1L, 3L, 1000000L)) expect_refused(set_child(index))
  expect_identical(decode_value(set_child(2L)), list(2, 2))
  expect_refused(changed(1, \(m) {
    m$nodes[[1]]$vector$part <- 1L
    m
  }))
})

test_that("vectors must lie inside their part, and no row may belong to two", {
  set <- \(...) changed(list(c(1, 2), c(3, 4)), \(m) {
    m$nodes[[3]]$vector <- utils::modifyList(m$nodes[[3]]$vector, list(...))
    m
  })
  expect_refused(set(start = 3))
  expect_refused(set(start = 0, count = 3))
  expect_refused(set(count = 2^52))
  expect_refused(set(start = -1))
  expect_refused(set(shape = "SHAPE_SCALAR"))
  expect_refused(set(shape = "SHAPE_UNSPECIFIED"))
  expect_refused(set(logical = "int32"))
  expect_refused(set(logical = "nonsense"))
})

test_that("arrays, frames and factors must fit their parts", {
  expect_refused(changed(matrix(1:4, 2), \(m) {
    m$nodes[[1]]$array$dims <- c(3, 2)
    m
  }))
  expect_refused(changed(matrix(1:4, 2), \(m) {
    m$nodes[[1]]$array$dims <- c(2^40, 2^40)
    m
  }))
  expect_refused(changed(data.frame(a = 1:2), \(m) {
    m$nodes[[1]]$table$rows <- 3
    m
  }))
  expect_refused(changed(data.frame(a = 1:2), \(m) {
    m$nodes[[1]]$table$columns <- list()
    m
  }))
  expect_refused(changed(factor(c("a", "b")), \(m) {
    m$nodes[[2]]$vector$count <- 1
    m
  }))
})

# Lists that each name the next one twice.
doubled <- function(levels) {
  level <- \(i) list(seq = list(values = c(i, i)))
  nodes <- c(lapply(seq_len(levels), level), list(list(null = structure(list(), names = character()))))
  message_encode("Manifest", list(format = 1L, nodes = nodes))
}

test_that("sharing does not multiply, and counts", {
  expect_length(decode_value(doubled(18)), 2)
  # Whoever prints or stores 2^200 leaves never ends.
  expect_refused(doubled(200))
})

test_that("too deep a manifest is refused", {
  level <- \(i) list(seq = list(values = i))
  nodes <- c(lapply(1:256, level), list(list(null = structure(list(), names = character()))))
  expect_refused(message_encode("Manifest", list(format = 1L, nodes = nodes)))
})
