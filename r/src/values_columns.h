// Columns of each kind as R vectors: what the table of logical types refers to.
#pragma once

#include <cstring>

#include "values_decode.h"

namespace instep {

cpp11::sexp decode_bool(const Slice& slice, const ColumnHints& hints);
cpp11::sexp decode_int8(const Slice& slice, const ColumnHints& hints);
cpp11::sexp decode_int16(const Slice& slice, const ColumnHints& hints);
cpp11::sexp decode_int32(const Slice& slice, const ColumnHints& hints);
cpp11::sexp decode_int64(const Slice& slice, const ColumnHints& hints);
cpp11::sexp decode_uint8(const Slice& slice, const ColumnHints& hints);
cpp11::sexp decode_uint16(const Slice& slice, const ColumnHints& hints);
cpp11::sexp decode_uint32(const Slice& slice, const ColumnHints& hints);
cpp11::sexp decode_uint64(const Slice& slice, const ColumnHints& hints);
cpp11::sexp decode_float16(const Slice& slice, const ColumnHints& hints);
cpp11::sexp decode_float32(const Slice& slice, const ColumnHints& hints);
cpp11::sexp decode_float64(const Slice& slice, const ColumnHints& hints);
cpp11::sexp decode_complex(const Slice& slice, const ColumnHints& hints);
cpp11::sexp decode_text(const Slice& slice, const ColumnHints& hints);
cpp11::sexp decode_bytes(const Slice& slice, const ColumnHints& hints);
cpp11::sexp decode_date(const Slice& slice, const ColumnHints& hints);
cpp11::sexp decode_instant(const Slice& slice, const ColumnHints& hints);
cpp11::sexp decode_naive(const Slice& slice, const ColumnHints& hints);
cpp11::sexp decode_duration(const Slice& slice, const ColumnHints& hints);
cpp11::sexp decode_time(const Slice& slice, const ColumnHints& hints);
cpp11::sexp decode_factor(const Slice& slice, const ColumnHints& hints);
// Lists and structs, which only columns of data frames hold.
cpp11::sexp decode_cells(const Slice& slice, const ColumnHints& hints);

// Throws DecodeError unless the column is of one of the types.
void expect(const Slice& slice, std::initializer_list<ArrowType> types);

// Start and end of a row's bytes or elements.
std::pair<std::int64_t, std::int64_t> row_bounds(const Slice& slice, const ArrayView& chunk, std::int64_t row);

// Stored bytes need not be aligned.
template <typename T>
T load(const std::uint8_t* bytes, std::int64_t index) {
  T value;
  std::memcpy(&value, bytes + index * static_cast<std::int64_t>(sizeof(T)), sizeof(T));
  return value;
}

// Calls `on_value(at, value)` or `on_missing(at)` for each row of a column of fixed width.
template <typename T, typename OnValue, typename OnMissing>
void each(const Slice& slice, OnValue&& on_value, OnMissing&& on_missing) {
  slice.runs([&](const ArrayView& chunk, std::int64_t from, std::int64_t count, std::int64_t at) {
    for (std::int64_t i = 0; i < count; ++i) {
      if (chunk.is_valid(from + i)) {
        on_value(at + i, load<T>(chunk.data, from + i));
      } else {
        on_missing(at + i);
      }
    }
  });
}

}  // namespace instep
