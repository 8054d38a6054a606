// Just enough of FlatBuffers for the metadata of Arrow IPC messages.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "values_bytes.h"

namespace instep {

// Builds a buffer from its end to its start, as the format asks: children before parents.
//
// Offsets count from the end of the buffer.
class FlatBuilder {
 public:
  using Offset = std::uint32_t;

  Offset text(std::string_view text);
  Offset tables(const std::vector<Offset>& items);
  // A vector of structs of 64-bit words.
  Offset words(const std::vector<std::int64_t>& words, std::size_t words_per_item);

  void begin();
  template <typename T>
  void scalar(int slot, T value) {
    align(sizeof(T), sizeof(T));
    push(&value, sizeof(T));
    fields_.emplace_back(slot, size());
  }
  void reference(int slot, Offset target);
  Offset end();

  // The finished buffer, padded to eight bytes.
  std::string finish(Offset root);

 private:
  Offset size() const { return static_cast<Offset>(reversed_.size()); }
  // Pads so that what follows `upcoming` bytes from now is aligned.
  void align(std::size_t upcoming, std::size_t alignment);
  void push(const void* data, std::size_t size);
  void push_reference(Offset target);

  // The bytes, last first.
  std::string reversed_;
  std::vector<std::pair<int, Offset>> fields_;
  Offset table_end_ = 0;
};

// A table in a buffer that nobody vouches for. Every access is checked; a bad one throws DecodeError.
class FlatTable {
 public:
  static FlatTable root(Span buffer);

  template <typename T>
  T scalar(int slot, T missing) const {
    const std::size_t at = field(slot);
    return at == 0 ? missing : load<T>(at);
  }
  bool has(int slot) const { return field(slot) != 0; }
  FlatTable table(int slot) const;
  std::string text(int slot) const;
  std::vector<FlatTable> tables(int slot) const;
  // A vector of structs of 64-bit words.
  std::vector<std::int64_t> words(int slot, std::size_t words_per_item) const;

 private:
  FlatTable(Span buffer, std::size_t position);

  template <typename T>
  T load(std::size_t at) const {
    check(at, sizeof(T));
    T value;
    std::memcpy(&value, buffer_.data + at, sizeof(T));
    return value;
  }
  void check(std::size_t at, std::size_t size) const;
  std::size_t field(int slot) const;
  std::size_t follow(std::size_t at) const { return at + load<std::uint32_t>(at); }
  // Position of the first item and number of items of a vector.
  std::pair<std::size_t, std::size_t> items(int slot, std::size_t item_size) const;

  Span buffer_;
  std::size_t position_;
  std::size_t vtable_;
  std::size_t vtable_size_;
};

}  // namespace instep
