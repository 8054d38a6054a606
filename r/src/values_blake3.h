// BLAKE3-256, incremental and vectorized.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace instep {

// Hashes a run of bytes that arrives in pieces.
class Blake3 {
 public:
  void update(const void* data, std::size_t size);

  // The hash of everything so far. More may follow.
  std::array<std::uint8_t, 32> finish() const;

 private:
  using Chain = std::array<std::uint32_t, 8>;

  void push_group(const std::uint8_t* bytes);

  // Chaining values of complete subtrees, the largest first.
  std::vector<Chain> stack_;
  std::uint64_t groups_ = 0;
  // Bytes that may still be the last ones: the root is hashed differently, so a group waits for its successor.
  std::vector<std::uint8_t> tail_;
};

// `b3:` and the 64 hex digits.
std::string hash_text(const std::array<std::uint8_t, 32>& hash);

}  // namespace instep
