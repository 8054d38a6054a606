# Blobs. A caller that shares the store's directory reads and writes objects there by itself; others go through the
# server.

object_path <- function(root, hash) {
  hex <- sub("^b3:", "", hash)
  file.path(root, "b3", substr(hex, 1L, 2L), substr(hex, 3L, 64L))
}

# A function(hash, size) that gives a blob: the path of its file, or its bytes.
blob_reader <- function(connection, object_root, lease_token) {
  function(hash, size) {
    if (nzchar(object_root)) {
      path <- object_path(object_root, hash)
      if (file.exists(path) && file.size(path) == size) {
        return(path)
      }
    }
    read_remote_blob(connection, lease_token, hash, size)
  }
}

read_remote_blob <- function(connection, lease_token, hash, size) {
  chunks <- list()
  request <- list(lease_token = lease_token, digest = list(hash = hash, size = size))
  rpc_stream(connection, "StoreService/ReadBlob", request, \(response) {
    chunks[[length(chunks) + 1L]] <<- response$data
    TRUE
  })
  bytes <- do.call(c, c(list(raw()), chunks))
  if (length(bytes) != size) {
    abort("Blob {.val {hash}} has {length(bytes)} bytes; {size} were expected.", "blob_corrupt", call = NULL)
  }
  bytes
}

# Stores blobs that encode_value() made. Those without `write` are stored already.
store_blobs <- function(blobs, connection, object_root, lease_token) {
  blobs <- Filter(\(blob) !is.null(blob$write), blobs)
  if (nzchar(object_root)) {
    lapply(blobs, store_local_blob, object_root)
  } else {
    for (batch in split(blobs, (seq_along(blobs) - 1L) %/% upload_batch)) {
      upload_blobs(batch, connection, lease_token)
    }
  }
  invisible()
}

store_local_blob <- function(blob, root) {
  path <- object_path(root, blob$hash)
  if (file.exists(path)) {
    return(invisible())
  }
  dir.create(dirname(path), showWarnings = FALSE, recursive = TRUE, mode = "0700")
  scratch <- tempfile(".tmp-", dirname(path))
  on.exit(unlink(scratch)) # without `force`, which would make the object writable
  blob$write(scratch)
  object_install_(scratch, path)
}

upload_blobs <- function(blobs, connection, lease_token) {
  digests <- lapply(blobs, \(blob) list(hash = blob$hash, size = blob$size))
  request <- list(lease_token = lease_token, digests = digests)
  uploads <- rpc_retry(connection, "StoreService/PrepareUploads", request)$uploads
  open <- which(!vapply(uploads, \(upload) upload$present, NA))
  for (i in open) {
    upload_blob(blobs[[i]], uploads[[i]], connection, lease_token)
  }
  finished <- lapply(open, \(i) list(upload_id = uploads[[i]]$upload_id, digest = digests[[i]]))
  if (length(finished) > 0L) {
    request <- list(lease_token = lease_token, uploads = finished)
    committed <- rpc_retry(connection, "StoreService/CommitUploads", request)$uploads
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
  scratch <- tempfile("blob-")
  on.exit(unlink(scratch))
  blob$write(scratch)
  file <- file(scratch, "rb")
  on.exit(close(file), add = TRUE)
  offset <- 0
  repeat {
    data <- readBin(file, "raw", upload_chunk)
    last <- offset + length(data) >= blob$size
    request <- list(
      lease_token = lease_token, upload_id = upload$upload_id, offset = offset, data = data, last = last
    )
    rpc_retry(connection, "StoreService/WriteBlob", request)
    offset <- offset + length(data)
    if (last) {
      break
    }
  }
}
