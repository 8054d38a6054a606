# Blobs between a process and the store. A caller that shares the store's directory reads and writes objects there by
# itself (see object_put()); others go through the server.

# Path of a blob in the store's directory.
object_path <- function(root, hash) {
  hex <- sub("^b3:", "", hash)
  file.path(root, "b3", substr(hex, 1L, 2L), substr(hex, 3L, 64L))
}

# A function(hash, size) that gives a blob: the path of its file, or its bytes.
blob_reader <- function(connection, object_root, lease_token) {
  function(hash, size) {
    if (nzchar(object_root)) {
      path <- object_path(object_root, hash)
      if (file.exists(path)) {
        return(path)
      }
    }
    read_remote_blob(connection, lease_token, list(hash = hash, size = size))
  }
}

# Asks the server where a blob is. Small manifests are in its database only.
read_remote_blob <- function(connection, lease_token, digest) {
  request <- list(lease_token = lease_token, digests = list(digest))
  found <- rpc_retry(connection, "StoreService/ResolveBlobs", request, slow = TRUE)$blobs[[1L]]
  if (found$missing) {
    abort("The store has no blob {.val {digest$hash}}.", "blob_missing", digest = digest$hash, call = NULL)
  }
  if (!is.null(found$inline)) {
    return(found$inline)
  }
  paths <- unlist(lapply(found$locations, \(location) if (!nzchar(location$encoding)) location$path))
  here <- paths[file.exists(paths)]
  if (length(here) > 0L) here[[1L]] else stream_blob(connection, lease_token, digest)
}

stream_blob <- function(connection, lease_token, digest) {
  chunks <- list()
  request <- list(lease_token = lease_token, digest = digest)
  rpc_stream(connection, "StoreService/ReadBlob", request, \(response) {
    chunks[[length(chunks) + 1L]] <<- response$data
    TRUE
  })
  bytes <- do.call(c, c(list(raw()), chunks))
  if (length(bytes) != digest$size) {
    abort(
      "Blob {.val {digest$hash}} has {length(bytes)} bytes; {digest$size} were expected.",
      "blob_corrupt",
      digest = digest$hash,
      call = NULL
    )
  }
  bytes
}

# Stores blobs of encode_value(). Those without `data` are stored already.
store_blobs <- function(blobs, connection, object_root, lease_token) {
  if (nzchar(object_root)) {
    lapply(blobs, \(blob) object_put(object_root, blob))
    return(invisible())
  }
  blobs <- Filter(\(blob) !is.null(blob$data), blobs)
  for (batch in split(blobs, (seq_along(blobs) - 1L) %/% upload_batch)) {
    upload_blobs(batch, connection, lease_token)
  }
}

upload_blobs <- function(blobs, connection, lease_token) {
  digests <- lapply(blobs, \(blob) list(hash = blob$hash, size = blob$size))
  request <- list(lease_token = lease_token, digests = digests)
  uploads <- rpc_retry(connection, "StoreService/PrepareUploads", request, slow = TRUE)$uploads
  open <- which(!vapply(uploads, \(upload) upload$present, NA))
  for (i in open) {
    upload_blob(blobs[[i]], uploads[[i]], connection, lease_token)
  }
  finished <- lapply(open, \(i) list(upload_id = uploads[[i]]$upload_id, digest = digests[[i]]))
  if (length(finished) > 0L) {
    request <- list(lease_token = lease_token, uploads = finished)
    committed <- rpc_retry(connection, "StoreService/CommitUploads", request, slow = TRUE)$uploads
    refused <- Filter(\(upload) !upload$ok, committed)
    if (length(refused) > 0L) {
      abort("The store refused a blob: {refused[[1]]$reason}.", "upload", call = NULL)
    }
  }
}

# Messages hold at most 1 MiB of a blob, and name at most 1,000 blobs.
upload_chunk <- 1024 * 1024
upload_batch <- 1000L

upload_blob <- function(blob, upload, connection, lease_token) {
  offset <- upload$committed_bytes
  repeat {
    data <- blob_bytes(blob, offset, upload_chunk)
    last <- offset + length(data) >= blob$size
    request <- list(
      lease_token = lease_token, upload_id = upload$upload_id, offset = offset, data = data, last = last
    )
    offset <- rpc_retry(connection, "StoreService/WriteBlob", request, slow = TRUE)$committed_bytes
    if (last) {
      return(invisible())
    }
  }
}
