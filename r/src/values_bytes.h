// Bytes on their way to the store: ropes of borrowed and owned runs.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <string>
#include <vector>

namespace instep {

// The content address of a blob.
struct Digest {
  std::string hash;
  std::int64_t size = 0;
};

// A run of bytes that somebody else owns.
struct Span {
  const std::uint8_t* data = nullptr;
  std::size_t size = 0;
};

// A sequence of bytes in pieces, so that the memory of an R vector is written without a copy.
//
// Borrowed memory must outlive the rope.
class Rope {
 public:
  Rope() = default;
  Rope(Rope&&) = default;
  Rope& operator=(Rope&&) = default;
  Rope(const Rope&) = delete;
  Rope& operator=(const Rope&) = delete;

  void borrow(const void* data, std::size_t size);
  void own(std::string bytes);
  // Zero bytes up to the next multiple of `alignment`, a power of two of at most 64.
  void pad(std::size_t alignment);
  void append(Rope other);

  std::size_t size() const { return size_; }
  const std::vector<Span>& spans() const { return spans_; }
  std::string text() const;
  Digest digest() const;

 private:
  std::vector<Span> spans_;
  // A list, because its strings stay where they are when it is moved or spliced.
  std::list<std::string> owned_;
  std::size_t size_ = 0;
};

inline std::size_t padding(std::size_t size, std::size_t alignment) { return (0 - size) & (alignment - 1); }

}  // namespace instep
