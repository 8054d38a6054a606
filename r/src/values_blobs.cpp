// Blobs as bytes in memory.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cpp11/function.hpp>
#include <cstring>

#include "values_decode.h"
#include "values_error.h"
#include "values_verified.h"

namespace instep {

struct BlobReader::Mapping {
  void* address;
  std::size_t size;
};

void BlobReader::Unmap::operator()(Mapping* mapping) const {
  munmap(mapping->address, mapping->size);
  delete mapping;
}

namespace {

constexpr const char* kAdvice = " `instep fsck` tells what that touches and what makes it again.";

void verify(Span bytes, const Digest& digest) {
  if (has_digest(bytes, digest)) return;
  throw DecodeError("BLOB_CORRUPT", digest.hash, "The bytes of blob " + digest.hash + " do not have this hash." + kAdvice);
}

// Closes a descriptor at the end of a block.
struct File {
  int descriptor;
  ~File() {
    if (descriptor >= 0) close(descriptor);
  }
};

[[noreturn]] void fail(const std::string& path, const Digest& digest) {
  throw DecodeError("BLOB_MISSING", digest.hash, "The stored file " + path + " can't be read: " + std::strerror(errno) + ".");
}

}  // namespace

Span BlobReader::map_file(const std::string& path, const Digest& digest) {
  const File file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.descriptor < 0) fail(path, digest);
  struct stat status;
  if (fstat(file.descriptor, &status) != 0) fail(path, digest);
  if (status.st_size != digest.size) {
    throw DecodeError("BLOB_CORRUPT", digest.hash, "The stored file " + path + " has " + std::to_string(status.st_size) +
                                          " bytes, and not the " + std::to_string(digest.size) + " of its digest." + kAdvice);
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return {};
  void* address = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.descriptor, 0);
  if (address == MAP_FAILED) fail(path, digest);
  mappings_.emplace_back(new Mapping{address, size});
  madvise(address, size, MADV_SEQUENTIAL);
  const Span bytes{static_cast<const std::uint8_t*>(address), size};
  if (size < kNotedSize || !was_verified(path, status)) {
    if (!has_digest(bytes, digest)) {
      throw DecodeError("BLOB_CORRUPT", digest.hash,
                        "The stored file " + path + " is damaged: its bytes are not those that were stored." + kAdvice);
    }
    if (size >= kNotedSize) note_verified(path, status);
  }
  return bytes;
}

Span BlobReader::read(const Digest& digest) {
  const auto known = known_.find(digest.hash);
  if (known != known_.end()) {
    require(known->second.size == static_cast<std::size_t>(digest.size), "Two digests differ in their size only.");
    return known->second;
  }
  if (TYPEOF(fetch_) == NILSXP) throw DecodeError("BLOB_MISSING", "The value has blobs, and no way to fetch them.");
  cpp11::sexp answer = cpp11::function(fetch_)(text_scalar(digest.hash), static_cast<double>(digest.size));
  Span bytes;
  if (TYPEOF(answer) == RAWSXP) {
    bytes = {RAW(answer), static_cast<std::size_t>(XLENGTH(answer))};
    if (bytes.size != static_cast<std::size_t>(digest.size)) {
      throw DecodeError("BLOB_CORRUPT", digest.hash, "Blob " + digest.hash + " has a wrong size.");
    }
    verify(bytes, digest);
    raws_.push_back(answer);
  } else {
    require(TYPEOF(answer) == STRSXP && Rf_length(answer) == 1, "A fetched blob is neither a path nor raw bytes.");
    bytes = map_file(CHAR(STRING_ELT(answer, 0)), digest);
  }
  known_[digest.hash] = bytes;
  return bytes;
}

}  // namespace instep
