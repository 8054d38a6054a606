test_that("a handle says what it is and refuses to be looked into", {
  x <- python_value("fraction")
  expect_s3_class(x, "instep_foreign")
  expect_output(print(x), "Fraction")
  expect_match(format(x), "Python")
  expect_output(str(list(x)), "Fraction")
  expect_length(x, 1)
  for (look in list(\() x$numerator, \() x[["numerator"]], \() x[1], \() x$a <- 1, \() x[["a"]] <- 1)) {
    expect_error(look(), "Python", class = "instep_error_opaque_foreign")
  }
})

test_that("a handle is stored again as it was", {
  bytes <- python_manifest("fraction")
  expect_identical(encode_value(decode_value(bytes))$manifest, bytes)
})

test_that("a handle inside another value keeps its node, parts and blobs", {
  original <- message_decode("Manifest", python_manifest("fraction"))
  moved <- manifest_of(list(n = 1, f = python_value("fraction")))
  opaque <- moved$nodes[[3]]$opaque
  expect_identical(moved$parts[[opaque$body + 1]], original$parts[[original$nodes[[1]]$opaque$body + 1]])
  expect_false(moved$portable)
  again <- round_trip(list(n = 1, f = python_value("fraction")))
  expect_identical(unclass(again$f)$classes, unclass(python_value("fraction"))$classes)
})

test_that("blobs of a handle are named as stored already", {
  root <- local_objects()
  encoded <- encode_value(structure(list(x = stats::runif(1e4)), class = "thing"))
  for (blob in encoded$blobs) object_put(root, blob)
  closed <- decode_value(encoded$manifest, fetch_from(root), allow_opaque = FALSE)
  again <- encode_value(list(closed))
  expect_identical(again$blobs, list(list(hash = encoded$blobs[[1]]$hash, size = encoded$blobs[[1]]$size, data = NULL)))
  expect_identical(encode_value(closed)$blobs, again$blobs)
})
