#include <cstring>

#include "values_manifest.h"

namespace instep {
namespace {

bool is_tail(std::uint8_t byte) { return (byte & 0xc0) == 0x80; }

// Length of the well-formed sequence at the start of `text`, or 0.
std::size_t sequence_length(const std::uint8_t* text, std::size_t size) {
  const std::uint8_t first = text[0];
  if (first >= 0xc2 && first <= 0xdf) return size >= 2 && is_tail(text[1]) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (size < 3 || !is_tail(text[1]) || !is_tail(text[2])) return 0;
    if (first == 0xe0 && text[1] < 0xa0) return 0;
    // Surrogates.
    if (first == 0xed && text[1] > 0x9f) return 0;
    return 3;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (size < 4 || !is_tail(text[1]) || !is_tail(text[2]) || !is_tail(text[3])) return 0;
    if (first == 0xf0 && text[1] < 0x90) return 0;
    if (first == 0xf4 && text[1] > 0x8f) return 0;
    return 4;
  }
  return 0;
}

}  // namespace

bool is_utf8(std::string_view text) {
  const auto* at = reinterpret_cast<const std::uint8_t*>(text.data());
  const auto* end = at + text.size();
  while (at < end) {
    std::uint64_t word;
    if (end - at >= 8 && (std::memcpy(&word, at, 8), (word & 0x8080808080808080) == 0)) {
      at += 8;
    } else if (*at < 0x80) {
      ++at;
    } else {
      const std::size_t step = sequence_length(at, static_cast<std::size_t>(end - at));
      if (step == 0) return false;
      at += step;
    }
  }
  return true;
}

}  // namespace instep
