test_that("a shared object is read from its file", {
  root <- withr::local_tempdir()
  bytes <- as.raw(1:3)
  digest <- digest_of(bytes)
  blob <- c(digest, list(data = bytes))
  store_blobs(list(blob), NULL, root, raw())
  path <- blob_reader(NULL, root, raw())(digest$hash, digest$size)
  expect_identical(path, object_path(root, digest$hash))
  expect_identical(readBin(path, "raw", 10L), bytes)
})

test_that("without blobs no store is needed", {
  expect_no_error(store_blobs(list(), NULL, "", raw()))
})

test_that("a manifest comes with its message, or from the store", {
  inline <- make_input("x", 1:3)
  expect_identical(input_manifest(inline, no_fetch), inline$manifest)
  stored <- list(name = "x", artifact = digest_of(as.raw(1:3)), manifest = raw())
  expect_identical(input_manifest(stored, \(hash, size) as.raw(1:3)), as.raw(1:3))
  expect_error(
    input_manifest(stored, \(hash, size) as.raw(1:2)), "artifact x.*is damaged.*instep fsck",
    class = "instep_error_blob_corrupt"
  )
})
