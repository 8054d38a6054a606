# An object store that lasts for one test.
local_objects <- function(env = parent.frame()) withr::local_tempdir(.local_envir = env)

fetch_from <- function(root) \(hash, size) object_path(root, hash)

# Encodes, stores and decodes.
round_trip <- function(x, ..., root = local_objects()) {
  encoded <- encode_value(x, "x", ...)
  for (blob in encoded$blobs) object_put(root, blob)
  decode_value(encoded$manifest, fetch_from(root))
}

# True when the value comes back the same: bit by bit, zeros with their sign.
expect_kept <- function(x, ...) {
  code <- deparse(substitute(x))[1]
  actual <- round_trip(x, ...)
  expect_true(
    identical(actual, x, num.eq = FALSE, ignore.bytecode = TRUE, ignore.environment = TRUE),
    label = paste(code, "comes back the same")
  )
  invisible(actual)
}

# The manifest as a list, read by the reflection that messages use.
manifest_of <- function(x, ...) message_decode("Manifest", encode_value(x, "x", ...)$manifest)

loss_codes <- function(x) vapply(encode_value(x, "x", on_loss = "ignore")$losses, \(loss) loss$code, "")

# A manifest that Python wrote, with all parts in it, kept as hex digits (see tests/values/write_fixtures.py).
python_manifest <- function(name) {
  digits <- paste(readLines(testthat::test_path("values", paste0(name, ".hex"))), collapse = "")
  starts <- seq(1, nchar(digits), by = 2)
  as.raw(strtoi(substring(digits, starts, starts + 1), 16L))
}

python_value <- function(name) decode_value(python_manifest(name))

# Forgets after the test what it has registered.
local_types <- function(env = parent.frame()) {
  before <- the$types
  # assign() makes no local variable `the`, which functions of the test would capture.
  assign("types", list(), envir = the)
  withr::defer(assign("types", before, envir = the), envir = env)
}
