#include "values_bytes.h"

#include <utility>

#include "values_blake3.h"

namespace instep {

void Rope::borrow(const void* data, std::size_t size) {
  if (size == 0) return;
  spans_.push_back({static_cast<const std::uint8_t*>(data), size});
  size_ += size;
}

void Rope::own(std::string bytes) {
  if (bytes.empty()) return;
  const std::string& kept = owned_.emplace_back(std::move(bytes));
  borrow(kept.data(), kept.size());
}

void Rope::pad(std::size_t alignment) {
  static const std::uint8_t zeros[64] = {};
  borrow(zeros, padding(size_, alignment));
}

void Rope::append(Rope other) {
  spans_.insert(spans_.end(), other.spans_.begin(), other.spans_.end());
  owned_.splice(owned_.end(), other.owned_);
  size_ += other.size_;
}

std::string Rope::text() const {
  std::string out;
  out.reserve(size_);
  for (const Span& span : spans_) out.append(reinterpret_cast<const char*>(span.data), span.size);
  return out;
}

Digest Rope::digest() const {
  Blake3 hasher;
  for (const Span& span : spans_) hasher.update(span.data, span.size);
  return {hash_text(hasher.finish()), static_cast<std::int64_t>(size_)};
}

}  // namespace instep
