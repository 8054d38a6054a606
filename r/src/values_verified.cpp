#include "values_verified.h"

#include <fcntl.h>
#include <unistd.h>

#include <ctime>

#include "values_blake3.h"

namespace instep {
namespace {

constexpr std::time_t kVerifiedSeconds = 600;
// "/b3/", two digits, "/", the other 62.
constexpr std::size_t kTail = 69;

// The file that says so, in folder `verified` beside `b3`. Empty when `path` is not that of an object in a store.
std::string note_path(const std::string& path, const struct stat& found) {
  if (path.size() <= kTail || path.compare(path.size() - kTail, 4, "/b3/") != 0) return "";
  const std::string hex = path.substr(path.size() - kTail + 4, 2) + path.substr(path.size() - 62);
  const long long changed = static_cast<long long>(found.st_ctim.tv_sec) * 1000000000LL + found.st_ctim.tv_nsec;
  return path.substr(0, path.size() - kTail) + "/verified/" + hex + "." + std::to_string(found.st_ino) + "." +
         std::to_string(changed);
}

}  // namespace

bool has_digest(Span bytes, const Digest& digest) {
  Blake3 hasher;
  hasher.update(bytes.data, bytes.size);
  return hash_text(hasher.finish()) == digest.hash;
}

bool was_verified(const std::string& path, const struct stat& found) {
  const std::string note = note_path(path, found);
  struct stat status;
  return !note.empty() && stat(note.c_str(), &status) == 0 &&
         status.st_mtim.tv_sec > std::time(nullptr) - kVerifiedSeconds;
}

void note_verified(const std::string& path, const struct stat& found) {
  const std::string note = note_path(path, found);
  if (note.empty()) return;
  mkdir(note.substr(0, note.rfind('/')).c_str(), 0700);
  const int file = open(note.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return;
  futimens(file, nullptr);
  close(file);
}

}  // namespace instep
