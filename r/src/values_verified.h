// What is known to be whole among large blobs. python/src/instep/values/_objects.py tells the theory; both languages
// share the notes.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <string>

#include "values_bytes.h"

namespace instep {

// Smaller blobs are hashed each time they are decoded.
constexpr std::size_t kNotedSize = std::size_t{1} << 20;

// Whether bytes have a digest.
bool has_digest(Span bytes, const Digest& digest);

// Whether the file `path` of a large blob was written or hashed a short time ago, and not touched since.
bool was_verified(const std::string& path, const struct stat& found);

// Notes that it was. A store that is read-only has no notes.
void note_verified(const std::string& path, const struct stat& found);

}  // namespace instep
