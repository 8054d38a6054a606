test_that("the digest is BLAKE3", {
  expect_equal(digest_of(raw())$hash, "b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262")
  # Test vectors of BLAKE3: bytes 0, 1, ..., 250, 0, 1, ...
  bytes <- \(n) as.raw((seq_len(n) - 1) %% 251)
  expect_equal(digest_of(bytes(1))$hash, "b3:2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213")
  expect_equal(digest_of(bytes(1024))$hash, "b3:42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7")
  expect_equal(digest_of(bytes(1025))$hash, "b3:d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444")
  expect_equal(digest_of(bytes(31744))$hash, "b3:62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47")
  expect_equal(digest_of(bytes(102400))$hash, "b3:bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085")
})

test_that("blobs have the hash of their bytes, and go to the store once, read-only", {
  root <- local_objects()
  encoded <- encode_value(list(c(stats::runif(2e5), NA), as.character(1:5000)))
  expect_length(encoded$blobs, 2)
  for (blob in encoded$blobs) {
    expect_true(object_put(root, blob))
    expect_false(object_put(root, blob))
    path <- object_path(root, blob$hash)
    bytes <- readBin(path, "raw", blob$size + 1)
    expect_equal(digest_of(bytes), list(hash = blob$hash, size = blob$size))
    expect_equal(as.character(file.mode(path)), "444")
    pieces <- lapply(seq(0, blob$size - 1, by = 65537), \(offset) blob_bytes(blob, offset, 65537))
    expect_identical(do.call(c, pieces), bytes)
  }
  expect_length(list.files(root, "^[.]new", recursive = TRUE, all.files = TRUE), 0)
})

test_that("raw bytes can be stored, too", {
  root <- local_objects()
  blob <- c(digest_of(charToRaw("hello")), list(data = charToRaw("hello")))
  expect_true(object_put(root, blob))
  expect_equal(readBin(object_path(root, blob$hash), "raw", 10), charToRaw("hello"))
  expect_error(object_put(root, list(hash = "b3:../../x", size = 1, data = raw(1))), "not the hash")
})

test_that("parts of medium size share blobs, large ones have their own", {
  parts <- manifest_of(list(as.double(1:2000), as.double(1:3000), stats::runif(2e5)))$parts
  hashes <- vapply(parts, \(part) part$blob$hash, "")
  expect_equal(hashes[[1]], hashes[[2]])
  expect_false(hashes[[3]] == hashes[[1]])
  expect_equal(parts[[2]]$offset %% 64, 0)
  expect_gt(parts[[2]]$offset, 0)
})

test_that("missing and damaged blobs are errors", {
  root <- local_objects()
  encoded <- encode_value(as.double(1:3000))
  expect_error(decode_value(encoded$manifest), class = "instep_error_value_decode")
  expect_error(decode_value(encoded$manifest, fetch_from(root)), class = "instep_error_value_decode")
  bytes <- blob_bytes(encoded$blobs[[1]])
  expect_identical(decode_value(encoded$manifest, \(hash, size) bytes), as.double(1:3000))
  bytes[[5000]] <- as.raw(bitwXor(as.integer(bytes[[5000]]), 1L))
  error <- expect_error(decode_value(encoded$manifest, \(hash, size) bytes), class = "instep_error_value_decode")
  expect_equal(error$code, "BLOB_CORRUPT")
  expect_error(decode_value(encoded$manifest, \(hash, size) bytes[-1]), class = "instep_error_value_decode")
  expect_error(decode_value(encoded$manifest, \(hash, size) stop("no network")), class = "instep_error_value_decode")
})

test_that("a manifest inside of another one is hashed, whatever its size", {
  inner <- encode_value(as.double(1:200000), inline = TRUE)
  bytes <- inner$manifest
  outer <- message_encode("Manifest", list(format = 1L, nodes = list(list(shared = inner$digest))))
  expect_identical(decode_value(outer, \(hash, size) bytes), as.double(1:200000))
  bytes[[1e6]] <- as.raw(bitwXor(as.integer(bytes[[1e6]]), 1L))
  error <- expect_error(decode_value(outer, \(hash, size) bytes), class = "instep_error_value_decode")
  expect_equal(error$code, "BLOB_CORRUPT")
})

flip_bit <- function(path, at) {
  Sys.chmod(path, "600")
  bytes <- readBin(path, "raw", file.size(path))
  bytes[[at]] <- xor(bytes[[at]], as.raw(4L))
  writeBin(bytes, path)
  Sys.chmod(path, "444")
}

test_that("a flipped bit of a stored blob of any size is an error that names the file, and storing it again mends it", {
  root <- local_objects()
  for (size in c(3000, 200000)) {
    values <- as.double(seq_len(size)) / 7
    encoded <- encode_value(values)
    blob <- encoded$blobs[[1]]
    fetch <- \(hash, size) object_path(root, hash)
    expect_true(object_put(root, blob))
    expect_identical(decode_value(encoded$manifest, fetch), values)
    flip_bit(object_path(root, blob$hash), 2001)
    error <- expect_error(decode_value(encoded$manifest, fetch, name = "values"), "instep fsck", class = "instep_error_value_decode")
    expect_equal(error$code, "BLOB_CORRUPT")
    expect_match(gsub("\\s", "", conditionMessage(error)), object_path(root, blob$hash), fixed = TRUE)
    expect_equal(failure_kind(error, "USER_ERROR"), "FAILURE_KIND_INPUT_MISSING")
    expect_true(object_put(root, blob))
    expect_identical(decode_value(encoded$manifest, fetch), values)
    expect_false(object_put(root, blob))
  }
})

test_that("a large blob that was verified a short time ago is not hashed again, and later it is", {
  root <- local_objects()
  blob <- encode_value(stats::runif(2e5))$blobs[[1]]
  object_put(root, blob)
  note <- list.files(file.path(root, "verified"), full.names = TRUE)
  expect_match(basename(note), paste0("^", sub("b3:", "", blob$hash), "[.][0-9]+[.][0-9]+$"))
  Sys.setFileTime(note, Sys.time() - 3600)
  expect_false(object_put(root, blob))
  noted <- list.files(file.path(root, "verified"), full.names = TRUE)
  expect_gt(as.numeric(max(file.mtime(noted))), as.numeric(Sys.time()) - 60)
})
