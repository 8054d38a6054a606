#include "values_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "values_verified.h"

namespace instep {
namespace {

constexpr std::size_t kHashSize = 67;
constexpr std::size_t kVectorSize = 512;

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

bool is_hash(const std::string& text) {
  return text.size() == kHashSize && text.compare(0, 3, "b3:") == 0 &&
         std::all_of(text.begin() + 3, text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// Closes a descriptor at the end of a block.
struct File {
  int descriptor;
  ~File() {
    if (descriptor >= 0) close(descriptor);
  }
};

// Whether a blob is there with the bytes that it should have, and says that it is wanted. A damaged one is as good as not there.
bool is_whole(const std::string& path, const Digest& digest) {
  const File file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat found;
  if (file.descriptor < 0 || fstat(file.descriptor, &found) != 0 || found.st_size != digest.size) return false;
  const auto size = static_cast<std::size_t>(found.st_size);
  if (size > 0 && (size < kNotedSize || !was_verified(path, found))) {
    void* address = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.descriptor, 0);
    if (address == MAP_FAILED) fail("Can't read " + path);
    const bool same = has_digest({static_cast<const std::uint8_t*>(address), size}, digest);
    munmap(address, size);
    if (!same) return false;
  }
  // Garbage collection sees by its time that somebody wants it.
  if (utimensat(AT_FDCWD, path.c_str(), nullptr, 0) != 0) return false;
  if (size >= kNotedSize && fstat(file.descriptor, &found) == 0) note_verified(path, found);
  return true;
}

void sync_directory(const std::string& path) {
  const File folder{open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (folder.descriptor < 0 || fsync(folder.descriptor) != 0) fail("Can't write " + path);
}

void make_directory(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) fail("Can't create the folder " + path);
}

// A file that disappears unless it got its name. As long as its lock is held, nobody takes it for a leftover of a
// process that was killed.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& folder) : path_(folder + "/XXXXXX") {
    descriptor_ = mkostemp(path_.data(), O_CLOEXEC);
    if (descriptor_ < 0 || flock(descriptor_, LOCK_EX) != 0) fail("Can't create a file in " + folder);
  }
  ~TemporaryFile() {
    close(descriptor_);
    if (!path_.empty()) unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void write(const std::vector<Span>& spans) {
    std::vector<iovec> pending;
    for (std::size_t next = 0; next < spans.size() || !pending.empty();) {
      while (next < spans.size() && pending.size() < kVectorSize) {
        const Span& span = spans[next++];
        pending.push_back({const_cast<std::uint8_t*>(span.data), span.size});
      }
      const ssize_t written = writev(descriptor_, pending.data(), static_cast<int>(pending.size()));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail("Can't write " + path_);
      skip(pending, static_cast<std::size_t>(written));
    }
  }
  // What has the name already has the same bytes, or is damaged.
  void rename(const std::string& name) {
    if (fchmod(descriptor_, 0444) != 0 || fsync(descriptor_) != 0) fail("Can't write " + path_);
    if (std::rename(path_.c_str(), name.c_str()) != 0) fail("Can't create " + name);
    path_.clear();
    struct stat status;
    if (fstat(descriptor_, &status) != 0) fail("Can't read " + name);
    if (static_cast<std::size_t>(status.st_size) >= kNotedSize) note_verified(name, status);
  }

 private:
  static void skip(std::vector<iovec>& pending, std::size_t size) {
    auto first = pending.begin();
    while (first != pending.end() && size >= first->iov_len) size -= (first++)->iov_len;
    pending.erase(pending.begin(), first);
    if (size == 0) return;
    pending[0].iov_base = static_cast<std::uint8_t*>(pending[0].iov_base) + size;
    pending[0].iov_len -= size;
  }

  std::string path_;
  int descriptor_;
};

}  // namespace

bool put_object(const std::string& root, const Digest& digest, const Rope& bytes) {
  if (!is_hash(digest.hash)) throw std::invalid_argument("\"" + digest.hash + "\" is not the hash of a blob.");
  const std::string folder = root + "/b3/" + digest.hash.substr(3, 2);
  const std::string path = folder + "/" + digest.hash.substr(5);
  if (is_whole(path, digest)) return false;
  make_directory(root + "/b3");
  make_directory(folder);
  make_directory(root + "/tmp");
  TemporaryFile file(root + "/tmp");
  file.write(bytes.spans());
  file.rename(path);
  sync_directory(folder);
  return true;
}

}  // namespace instep
