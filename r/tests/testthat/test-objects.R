test_that("a blob is stored once, read-only, where its digest says", {
  root <- withr::local_tempdir()
  writes <- 0L
  hash <- paste0("b3:", strrep("ab", 32L))
  blob <- list(hash = hash, size = 3, write = \(path) {
    writes <<- writes + 1L
    writeBin(as.raw(1:3), path)
  })
  store_blobs(list(blob), NULL, root, raw())
  store_blobs(list(blob), NULL, root, raw())
  path <- object_path(root, hash)
  expect_identical(path, file.path(root, "b3", "ab", strrep("ab", 31L)))
  expect_identical(readBin(path, "raw", 10L), as.raw(1:3))
  expect_identical(format(file.mode(path)), "444")
  expect_identical(writes, 1L)
  expect_identical(list.files(dirname(path), all.files = TRUE, no.. = TRUE), basename(path))
})

test_that("a shared object is read from its file", {
  root <- withr::local_tempdir()
  hash <- paste0("b3:", strrep("cd", 32L))
  path <- object_path(root, hash)
  dir.create(dirname(path), recursive = TRUE)
  writeBin(as.raw(1:3), path)
  expect_identical(blob_reader(NULL, root, raw())(hash, 3), path)
})

test_that("an empty list of blobs needs no store", {
  expect_no_error(store_blobs(list(), NULL, "", raw()))
})
