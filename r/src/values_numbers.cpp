// Numbers, with the narrowest type of R that holds them exactly.
#include <algorithm>
#include <cmath>
#include <limits>

#include "values_columns.h"
#include "values_error.h"

namespace instep {
namespace {

constexpr std::int64_t kMaxExact = std::int64_t{1} << 53;
constexpr std::int64_t kMissingLong = std::numeric_limits<std::int64_t>::min();

cpp11::sexp logicals(const Slice& slice) {
  cpp11::sexp out = allocate(LGLSXP, slice.count);
  int* values = LOGICAL(out);
  slice.runs([&](const ArrayView& chunk, std::int64_t from, std::int64_t count, std::int64_t at) {
    for (std::int64_t i = from; i < from + count; ++i) {
      values[at++] = chunk.is_valid(i) ? chunk.data[i >> 3] >> (i & 7) & 1 : NA_LOGICAL;
    }
  });
  return out;
}

template <typename T>
cpp11::sexp doubles_from(const Slice& slice) {
  cpp11::sexp out = allocate(REALSXP, slice.count);
  double* values = REAL(out);
  each<T>(
      slice,
      [&](std::int64_t at, T x) {
        const auto value = static_cast<double>(x);
        values[at] = value == value ? value : R_NaN;
      },
      [&](std::int64_t at) { values[at] = NA_REAL; });
  return out;
}

cpp11::sexp doubles(const Slice& slice) {
  cpp11::sexp out = allocate(REALSXP, slice.count);
  double* values = REAL(out);
  const double nan = R_NaN;
  slice.runs([&](const ArrayView& chunk, std::int64_t from, std::int64_t count, std::int64_t at) {
    // In runs that stay in the cache between the copy and the check.
    for (std::int64_t start = 0; start < count; start += 4096) {
      const std::int64_t size = std::min(count - start, std::int64_t{4096});
      double* run = values + at + start;
      std::memcpy(run, chunk.data + 8 * (from + start), 8 * size);
      for (std::int64_t i = 0; i < size; ++i) run[i] = run[i] == run[i] ? run[i] : nan;
      if (chunk.validity == nullptr) continue;
      for (std::int64_t i = 0; i < size; ++i) {
        if (!chunk.is_valid(from + start + i)) run[i] = NA_REAL;
      }
    }
  });
  return out;
}

double half_to_double(std::uint16_t half) {
  const int exponent = half >> 10 & 31;
  const int fraction = half & 1023;
  double value;
  if (exponent == 31) {
    value = fraction != 0 ? R_NaN : R_PosInf;
  } else if (exponent == 0) {
    value = std::ldexp(fraction, -24);
  } else {
    value = std::ldexp(fraction + 1024, exponent - 25);
  }
  return (half & 0x8000) != 0 ? -value : value;
}

cpp11::sexp halves(const Slice& slice) {
  cpp11::sexp out = allocate(REALSXP, slice.count);
  double* values = REAL(out);
  each<std::uint16_t>(
      slice, [&](std::int64_t at, std::uint16_t x) { values[at] = half_to_double(x); },
      [&](std::int64_t at) { values[at] = NA_REAL; });
  return out;
}

template <typename T>
cpp11::sexp integers_from(const Slice& slice) {
  cpp11::sexp out = allocate(INTSXP, slice.count);
  int* values = INTEGER(out);
  each<T>(
      slice, [&](std::int64_t at, T x) { values[at] = x; }, [&](std::int64_t at) { values[at] = NA_INTEGER; });
  return out;
}

// A value of -2^31 would read as NA, so the whole column is then double.
cpp11::sexp integers(const Slice& slice) {
  bool fits = true;
  each<std::int32_t>(
      slice, [&](std::int64_t, std::int32_t x) { fits &= x != NA_INTEGER; }, [](std::int64_t) {});
  return fits ? integers_from<std::int32_t>(slice) : doubles_from<std::int32_t>(slice);
}

// Values as bit64::integer64.
cpp11::sexp longs(const Slice& slice) {
  if (!is_installed("bit64")) {
    throw DecodeError("INT64_RANGE",
                      "Integers beyond 2^53 need package bit64, which is not installed. Install it, or store them as "
                      "text.");
  }
  cpp11::sexp out = allocate(REALSXP, slice.count);
  auto* bytes = reinterpret_cast<std::uint8_t*>(REAL(out));
  const auto put = [&](std::int64_t at, std::int64_t x) { std::memcpy(bytes + 8 * at, &x, 8); };
  each<std::int64_t>(
      slice,
      [&](std::int64_t at, std::int64_t x) {
        if (x == kMissingLong) throw DecodeError("INT64_RANGE", "The integer -2^63 has no value in R.");
        put(at, x);
      },
      [&](std::int64_t at) { put(at, kMissingLong); });
  set_class(out, {"integer64"});
  return out;
}

// The narrowest type of R that holds all values exactly.
cpp11::sexp any_longs(const Slice& slice) {
  std::int64_t low = 0, high = 0;
  each<std::int64_t>(
      slice,
      [&](std::int64_t, std::int64_t x) {
        low = std::min(low, x);
        high = std::max(high, x);
      },
      [](std::int64_t) {});
  constexpr std::int64_t kMaxInteger = std::numeric_limits<std::int32_t>::max();
  if (low >= -kMaxInteger && high <= kMaxInteger) return integers_from<std::int64_t>(slice);
  return low >= -kMaxExact && high <= kMaxExact ? doubles_from<std::int64_t>(slice) : longs(slice);
}

cpp11::sexp unsigned_longs(const Slice& slice) {
  each<std::uint64_t>(
      slice,
      [](std::int64_t, std::uint64_t x) {
        if (x > static_cast<std::uint64_t>(kMaxExact)) {
          throw DecodeError("INT64_RANGE", "An unsigned integer is beyond 2^53, which R can't hold.");
        }
      },
      [](std::int64_t) {});
  return doubles_from<std::uint64_t>(slice);
}

cpp11::sexp raw_bytes(const Slice& slice) {
  cpp11::sexp out = allocate(RAWSXP, slice.count);
  each<std::uint8_t>(
      slice, [&](std::int64_t at, std::uint8_t x) { RAW(out)[at] = x; },
      [](std::int64_t) { throw DecodeError("A raw vector has a missing value."); });
  return out;
}

cpp11::sexp complexes(const Slice& slice) {
  const std::vector<ArrowField>& fields = slice.field.children;
  require(fields.size() == 2 && fields[0].type == ArrowType::kFloat64 && fields[1].type == ArrowType::kFloat64 &&
              fields[0].name == "re" && fields[1].name == "im",
          "A column's Arrow type does not fit its logical type.");
  cpp11::sexp out = allocate(CPLXSXP, slice.count);
  Rcomplex* values = COMPLEX(out);
  const auto part = [](const ArrayView& view, std::int64_t row) {
    if (!view.is_valid(row)) return NA_REAL;
    const auto value = load<double>(view.data, row);
    return value == value ? value : R_NaN;
  };
  slice.runs([&](const ArrayView& chunk, std::int64_t from, std::int64_t count, std::int64_t at) {
    for (std::int64_t i = from; i < from + count; ++i) {
      values[at++] = {part(chunk.children[0], i), part(chunk.children[1], i)};
    }
  });
  return out;
}

}  // namespace

cpp11::sexp decode_bool(const Slice& slice, const ColumnHints&) {
  expect(slice, {ArrowType::kBool});
  return logicals(slice);
}

cpp11::sexp decode_int8(const Slice& slice, const ColumnHints&) {
  expect(slice, {ArrowType::kInt8});
  return integers_from<std::int8_t>(slice);
}

cpp11::sexp decode_int16(const Slice& slice, const ColumnHints&) {
  expect(slice, {ArrowType::kInt16});
  return integers_from<std::int16_t>(slice);
}

cpp11::sexp decode_int32(const Slice& slice, const ColumnHints&) {
  expect(slice, {ArrowType::kInt32});
  return integers(slice);
}

cpp11::sexp decode_int64(const Slice& slice, const ColumnHints& hints) {
  expect(slice, {ArrowType::kInt64});
  return hints.is_integer64 ? longs(slice) : any_longs(slice);
}

cpp11::sexp decode_uint8(const Slice& slice, const ColumnHints& hints) {
  expect(slice, {ArrowType::kUint8});
  return hints.is_raw ? raw_bytes(slice) : integers_from<std::uint8_t>(slice);
}

cpp11::sexp decode_uint16(const Slice& slice, const ColumnHints&) {
  expect(slice, {ArrowType::kUint16});
  return integers_from<std::uint16_t>(slice);
}

cpp11::sexp decode_uint32(const Slice& slice, const ColumnHints&) {
  expect(slice, {ArrowType::kUint32});
  return doubles_from<std::uint32_t>(slice);
}

cpp11::sexp decode_uint64(const Slice& slice, const ColumnHints&) {
  expect(slice, {ArrowType::kUint64});
  return unsigned_longs(slice);
}

cpp11::sexp decode_float16(const Slice& slice, const ColumnHints&) {
  expect(slice, {ArrowType::kFloat16});
  return halves(slice);
}

cpp11::sexp decode_float32(const Slice& slice, const ColumnHints&) {
  expect(slice, {ArrowType::kFloat32});
  return doubles_from<float>(slice);
}

cpp11::sexp decode_float64(const Slice& slice, const ColumnHints&) {
  expect(slice, {ArrowType::kFloat64});
  return doubles(slice);
}

cpp11::sexp decode_complex(const Slice& slice, const ColumnHints&) {
  expect(slice, {ArrowType::kStruct});
  return complexes(slice);
}

}  // namespace instep
