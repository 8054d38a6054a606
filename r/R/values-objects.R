# The local object store: one file per blob, named by its hash.

# Writes a blob of encode_value(), or list(hash, size, data = raw). FALSE when the store had it already.
object_put <- function(root, blob) {
  !is.null(blob$data) && object_put_(root, blob$hash, blob$size, blob$data)
}

# Bytes of a blob, of encode_value() or list(hash, size, data = raw), to send it piece by piece.
blob_bytes <- function(blob, offset = 0, size = blob$size) {
  if (!is.raw(blob$data)) {
    return(blob_bytes_(blob$data, offset, size))
  }
  blob$data[seq_len(max(min(size, blob$size - offset), 0)) + offset]
}

# The content address of bytes.
digest_of <- function(bytes) list(hash = blake3_(bytes), size = length(bytes))
