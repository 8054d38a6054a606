#include "values_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <vector>

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

bool exists(const std::string& path, std::int64_t size) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 && status.st_size == size;
}

void make_directory(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) fail("Can't create the folder " + path);
}

// A file that disappears unless it was linked under another name. As long as its lock is held, nobody takes it for a
// leftover of a process that was killed.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& folder) : path_(folder + "/XXXXXX") {
    descriptor_ = mkostemp(path_.data(), O_CLOEXEC);
    if (descriptor_ < 0 || flock(descriptor_, LOCK_EX) != 0) fail("Can't create a file in " + folder);
  }
  ~TemporaryFile() {
    close(descriptor_);
    unlink(path_.c_str());
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
  void link(const std::string& name) {
    if (fchmod(descriptor_, 0444) != 0 || fsync(descriptor_) != 0) fail("Can't write " + path_);
    if (::link(path_.c_str(), name.c_str()) != 0 && errno != EEXIST) fail("Can't create " + name);
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
  if (exists(path, digest.size)) return false;
  make_directory(root + "/b3");
  make_directory(folder);
  make_directory(root + "/tmp");
  TemporaryFile file(root + "/tmp");
  file.write(bytes.spans());
  file.link(path);
  return true;
}

}  // namespace instep
