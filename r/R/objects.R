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
    abort_missing(digest)
  }
  if (!is.null(found$inline)) {
    return(check_blob(found$inline, digest))
  }
  paths <- as.character(unlist(lapply(found$locations, \(location) if (!nzchar(location$encoding)) location$path)))
  here <- paths[file.exists(paths)]
  if (length(here) > 0L) here[[1L]] else stream_blob(connection, lease_token, digest)
}

# Reads a blob through the server. A stream that breaks off is opened again where it was.
stream_blob <- function(connection, lease_token, digest) {
  chunks <- list()
  read <- function() {
    request <- list(lease_token = lease_token, digest = digest, offset = sum(lengths(chunks)))
    rpc_stream(connection, "StoreService/ReadBlob", request, \(response) {
      chunks[[length(chunks) + 1L]] <<- response$data
      TRUE
    })
  }
  tryCatch(
    persistently(read, connection$orphan_ms),
    instep_error_artifact_unknown = \(condition) abort_missing(digest),
    instep_error_blob_corrupt = \(condition) abort_corrupt(digest, "is damaged in the store")
  )
  check_blob(do.call(c, c(list(raw()), chunks)), digest)
}

# The bytes of a blob that came over the network, if they are the right ones.
check_blob <- function(bytes, digest) {
  if (length(bytes) != digest$size || blake3_(bytes) != digest$hash) {
    abort_corrupt(digest, "arrived with other bytes")
  }
  bytes
}

abort_missing <- function(digest) {
  abort("The store has no blob {.val {digest$hash}}.", "blob_missing", digest = digest$hash, call = NULL)
}

abort_corrupt <- function(digest, what) {
  abort("Blob {.val {digest$hash}} {what}.", "blob_corrupt", digest = digest$hash, call = NULL)
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

# Sends blobs. An orchestrator that was started anew has forgotten uploads: they begin again.
upload_blobs <- function(blobs, connection, lease_token) {
  for (round in seq_len(upload_rounds)) {
    blobs <- upload_once(blobs, connection, lease_token)
    if (length(blobs) == 0L) {
      return(invisible())
    }
  }
  abort("The store forgets uploads: {length(blobs)} blob{?s} can't be stored.", "upload", call = NULL)
}

# Sends blobs and gives those whose uploads were forgotten meanwhile.
upload_once <- function(blobs, connection, lease_token) {
  digests <- lapply(blobs, \(blob) list(hash = blob$hash, size = blob$size))
  request <- list(lease_token = lease_token, digests = digests)
  uploads <- rpc_retry(connection, "StoreService/PrepareUploads", request, slow = TRUE)$uploads
  open <- which(!vapply(uploads, \(upload) upload$present, NA))
  is_sent <- vapply(open, \(i) upload_blob(blobs[[i]], uploads[[i]], connection, lease_token), NA)
  sent <- open[is_sent]
  reasons <- commit_uploads(
    lapply(sent, \(i) list(upload_id = uploads[[i]]$upload_id, digest = digests[[i]])), connection, lease_token
  )
  blobs[c(open[!is_sent], sent[reasons == "UPLOAD_UNKNOWN"])]
}

# Makes uploads visible. Gives for each why it could not be: empty, or UPLOAD_UNKNOWN.
commit_uploads <- function(finished, connection, lease_token) {
  if (length(finished) == 0L) {
    return(character())
  }
  request <- list(lease_token = lease_token, uploads = finished)
  committed <- rpc_retry(connection, "StoreService/CommitUploads", request, slow = TRUE)$uploads
  reasons <- vapply(committed, \(upload) if (upload$ok) "" else upload$reason, "")
  refused <- setdiff(reasons, c("", "UPLOAD_UNKNOWN"))
  if (length(refused) > 0L) {
    abort("The store refused a blob: {refused[[1]]}.", "upload", call = NULL)
  }
  reasons
}

# Messages hold at most 1 MiB of a blob, and name at most 1,000 blobs.
upload_chunk <- 1024 * 1024
upload_batch <- 1000L
# How often an upload that was forgotten begins, at most.
upload_rounds <- 5L

# Sends a blob piece by piece. FALSE when the server has forgotten the upload.
upload_blob <- function(blob, upload, connection, lease_token) {
  offset <- upload$committed_bytes
  repeat {
    data <- blob_bytes(blob, offset, upload_chunk)
    last <- offset + length(data) >= blob$size
    request <- list(
      lease_token = lease_token, upload_id = upload$upload_id, offset = offset, data = data, last = last
    )
    answer <- tryCatch(
      rpc_retry(connection, "StoreService/WriteBlob", request, slow = TRUE),
      instep_error_upload_unknown = identity,
      instep_error_upload_offset = identity
    )
    if (inherits(answer, "instep_error_upload_unknown")) {
      return(FALSE)
    }
    if (inherits(answer, "instep_error_upload_offset")) {
      offset <- as.numeric(answer$metadata[["expected"]])
    } else if (last) {
      return(TRUE)
    } else {
      offset <- offset + length(data)
    }
  }
}
