# Protocol messages as named lists. Unset optional fields, messages and oneof arms are NULL; enum values are their
# names; 64-bit integers are doubles; bytes are raw vectors. The C++ side refuses NA and unknown fields.

message_encode <- function(type, values) message_encode_(type, values)

message_decode <- function(type, bytes) message_decode_(type, bytes)

# Entries of a small text dictionary, sorted by key as the contract asks.
key_values <- function(x) {
  x <- x[order(as.character(names(x)), method = "radix")]
  unname(Map(\(key, value) list(key = key, value = as.character(value)), names(x), x))
}

# The other way: a named character vector.
key_values_decode <- function(entries) {
  stats::setNames(
    vapply(entries, \(entry) entry$value, ""),
    vapply(entries, \(entry) entry$key, "")
  )
}
