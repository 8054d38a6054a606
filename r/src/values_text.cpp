// Text and bytes.
#include <limits>

#include "values_columns.h"
#include "values_error.h"

namespace instep {
namespace {

struct Run {
  const std::uint8_t* data;
  std::int64_t size;
};

// The bytes of each row; a null pointer where the row is missing.
template <typename Visit>
void each_run(const Slice& slice, Visit&& visit) {
  slice.runs([&](const ArrayView& chunk, std::int64_t from, std::int64_t count, std::int64_t at) {
    static const std::uint8_t empty = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const auto [start, end] = row_bounds(slice, chunk, from + i);
      const std::uint8_t* data = start == end ? &empty : chunk.data + start;
      visit(at + i, chunk.is_valid(from + i) ? Run{data, end - start} : Run{nullptr, 0});
    }
  });
}

void check_text(const Run& run) {
  if (run.data == nullptr) return;
  require(run.size <= std::numeric_limits<int>::max(), "A text is longer than R can hold.");
  const std::string_view text(reinterpret_cast<const char*>(run.data), run.size);
  if (text.find('\0') != std::string_view::npos) {
    throw DecodeError("STRING_NUL", "A text holds the character U+0000, which R can't hold. Store it as bytes.");
  }
  require(is_utf8(text), "A text is not valid UTF-8.");
}

cpp11::sexp strings(const Slice& slice) {
  each_run(slice, [](std::int64_t, const Run& run) { check_text(run); });
  cpp11::sexp out = allocate(STRSXP, slice.count);
  const SEXP vector = out;
  // Nothing in here throws, and nothing has a destructor that R's jumps would skip.
  cpp11::unwind_protect([&] {
    each_run(slice, [&](std::int64_t at, const Run& run) {
      SET_STRING_ELT(vector, at,
                     run.data == nullptr ? NA_STRING
                                         : Rf_mkCharLenCE(reinterpret_cast<const char*>(run.data),
                                                          static_cast<int>(run.size), CE_UTF8));
    });
  });
  return out;
}

cpp11::sexp raws(const Slice& slice) {
  cpp11::sexp out = allocate(VECSXP, slice.count);
  each_run(slice, [&](std::int64_t at, const Run& run) {
    if (run.data == nullptr) return;
    cpp11::sexp raw = allocate(RAWSXP, run.size);
    if (run.size > 0) std::memcpy(RAW(raw), run.data, run.size);
    SET_VECTOR_ELT(out, at, raw);
  });
  return out;
}

}  // namespace

std::pair<std::int64_t, std::int64_t> row_bounds(const Slice& slice, const ArrayView& chunk, std::int64_t row) {
  const ArrowType type = slice.field.type;
  if (type == ArrowType::kLargeUtf8 || type == ArrowType::kLargeBinary || type == ArrowType::kLargeList) {
    return {load<std::int64_t>(chunk.offsets, row), load<std::int64_t>(chunk.offsets, row + 1)};
  }
  return {load<std::int32_t>(chunk.offsets, row), load<std::int32_t>(chunk.offsets, row + 1)};
}

cpp11::sexp text_scalar(const std::string& text) {
  check_text({reinterpret_cast<const std::uint8_t*>(text.data()), static_cast<std::int64_t>(text.size())});
  cpp11::sexp out = allocate(STRSXP, 1);
  SET_STRING_ELT(out, 0, cpp11::safe[Rf_mkCharLenCE](text.data(), static_cast<int>(text.size()), CE_UTF8));
  return out;
}

cpp11::sexp decode_text(const Slice& slice, const ColumnHints&) {
  expect(slice, {ArrowType::kUtf8, ArrowType::kLargeUtf8});
  return strings(slice);
}

cpp11::sexp decode_bytes(const Slice& slice, const ColumnHints& hints) {
  expect(slice, {ArrowType::kBinary, ArrowType::kLargeBinary});
  cpp11::sexp out = raws(slice);
  if (!hints.is_scalar) return out;
  return VECTOR_ELT(out, 0);
}

}  // namespace instep
