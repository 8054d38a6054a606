// Arrow columns as R vectors.
#include <algorithm>
#include <cmath>
#include <cpp11/function.hpp>
#include <cstring>
#include <limits>

#include "values_decode.h"
#include "values_error.h"

namespace instep {
namespace {

constexpr std::int64_t kMaxExact = std::int64_t{1} << 53;
constexpr std::int64_t kMissingLong = std::numeric_limits<std::int64_t>::min();

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

void expect(const Slice& slice, std::initializer_list<ArrowType> types) {
  const bool found = std::find(types.begin(), types.end(), slice.field.type) != types.end();
  require(found, "A column's Arrow type does not fit its logical type.");
}

// ---- numbers

cpp11::sexp logicals(const Slice& slice) {
  expect(slice, {ArrowType::kBool});
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
cpp11::sexp any_longs(const Slice& slice, bool is_integer64) {
  if (is_integer64) return longs(slice);
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
  expect(slice, {ArrowType::kStruct});
  const std::vector<ArrowField>& fields = slice.field.children;
  require(fields.size() == 2 && fields[0].type == ArrowType::kFloat64 && fields[1].type == ArrowType::kFloat64,
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

// ---- text and bytes

struct Run {
  const std::uint8_t* data;
  std::int64_t size;
};

bool has_large_offsets(ArrowType type) {
  return type == ArrowType::kLargeUtf8 || type == ArrowType::kLargeBinary || type == ArrowType::kLargeList;
}

std::pair<std::int64_t, std::int64_t> bounds(const ArrayView& chunk, std::int64_t row, bool large) {
  if (large) return {load<std::int64_t>(chunk.offsets, row), load<std::int64_t>(chunk.offsets, row + 1)};
  return {load<std::int32_t>(chunk.offsets, row), load<std::int32_t>(chunk.offsets, row + 1)};
}

// The bytes of each row; a null pointer where the row is missing.
template <typename Visit>
void each_run(const Slice& slice, Visit&& visit) {
  const bool large = has_large_offsets(slice.field.type);
  slice.runs([&](const ArrayView& chunk, std::int64_t from, std::int64_t count, std::int64_t at) {
    static const std::uint8_t empty = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const auto [start, end] = bounds(chunk, from + i, large);
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
  expect(slice, {ArrowType::kUtf8, ArrowType::kLargeUtf8});
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

cpp11::sexp bytes(const Slice& slice, bool is_scalar) {
  expect(slice, {ArrowType::kBinary, ArrowType::kLargeBinary});
  cpp11::sexp out = allocate(VECSXP, slice.count);
  each_run(slice, [&](std::int64_t at, const Run& run) {
    if (run.data == nullptr) return;
    cpp11::sexp raw = allocate(RAWSXP, run.size);
    if (run.size > 0) std::memcpy(RAW(raw), run.data, run.size);
    SET_VECTOR_ELT(out, at, raw);
  });
  if (!is_scalar) return out;
  return VECTOR_ELT(out, 0);
}

// ---- times

// Divides whole microseconds (or days) into the unit of R. As integers when the writer had them and they fit.
cpp11::sexp quotients(const Slice& slice, double divisor, bool as_integer) {
  cpp11::sexp out = allocate(REALSXP, slice.count);
  double* values = REAL(out);
  bool whole = true;
  each<std::int64_t>(
      slice,
      [&](std::int64_t at, std::int64_t x) {
        values[at] = static_cast<double>(x) / divisor;
        whole &= std::fabs(values[at]) <= std::numeric_limits<int>::max() && values[at] == std::trunc(values[at]);
      },
      [&](std::int64_t at) { values[at] = NA_REAL; });
  if (!as_integer || !whole) return out;
  return cpp11::safe[Rf_coerceVector](out, INTSXP);
}

// Nanoseconds to the nearest microsecond first, so that both units read alike.
cpp11::sexp instants(const Slice& slice, bool as_integer) {
  expect(slice, {ArrowType::kTimestampMicro, ArrowType::kTimestampNano});
  if (slice.field.type == ArrowType::kTimestampMicro) return quotients(slice, 1e6, as_integer);
  cpp11::sexp out = allocate(REALSXP, slice.count);
  double* values = REAL(out);
  bool is_exact = true;
  each<std::int64_t>(
      slice,
      [&](std::int64_t at, std::int64_t x) {
        is_exact &= x % 1000 == 0;
        const std::int64_t micros = x / 1000 + (x % 1000 >= 500) - (x % 1000 < -500);
        values[at] = static_cast<double>(micros) / 1e6;
      },
      [&](std::int64_t at) { values[at] = NA_REAL; });
  if (!is_exact) cpp11::package("instep")["warn_nanoseconds"]();
  return out;
}

bool is_offset(const std::string& zone) {
  return zone.size() == 6 && (zone[0] == '+' || zone[0] == '-') && zone[3] == ':';
}

cpp11::sexp decode_instant(const Slice& slice, const ColumnHints& hints) {
  cpp11::sexp out = instants(slice, hints.is_integer);
  set_class(out, {"POSIXct", "POSIXt"});
  const std::string* zone = find_param(*hints.params, "tz");
  if (hints.tzone) {
    set_attribute(out, "tzone", *hints.tzone);
  } else if (zone != nullptr && is_offset(*zone)) {
    // R has no zones that are mere offsets.
    set_attribute(out, "tzone", text_scalar("UTC"));
    set_attribute(out, "instep_tz", text_scalar(*zone));
  } else {
    set_attribute(out, "tzone", text_scalar(zone == nullptr || zone->empty() ? "UTC" : *zone));
  }
  return out;
}

cpp11::sexp decode_naive(const Slice& slice, const ColumnHints& hints) {
  cpp11::sexp out = instants(slice, hints.is_integer);
  set_class(out, {"POSIXct", "POSIXt"});
  set_attribute(out, "tzone", text_scalar("UTC"));
  set_attribute(out, "instep_naive", cpp11::safe[Rf_ScalarLogical](TRUE));
  return out;
}

cpp11::sexp decode_date(const Slice& slice, const ColumnHints& hints) {
  expect(slice, {ArrowType::kDate32});
  cpp11::sexp out = doubles_from<std::int32_t>(slice);
  if (hints.is_integer) out = cpp11::safe[Rf_coerceVector](out, INTSXP);
  set_class(out, {"Date"});
  return out;
}

double unit_micros(const std::string& units) {
  if (units == "mins") return 6e7;
  if (units == "hours") return 3.6e9;
  if (units == "days") return 8.64e10;
  return units == "weeks" ? 6.048e11 : 1e6;
}

cpp11::sexp decode_duration(const Slice& slice, const ColumnHints& hints) {
  expect(slice, {ArrowType::kDurationMicro});
  const std::string* stored = find_param(*hints.params, "units");
  const std::string units = stored == nullptr ? "secs" : *stored;
  require(units == "secs" || unit_micros(units) != 1e6, "A duration has an unknown unit.");
  cpp11::sexp out = quotients(slice, unit_micros(units), hints.is_integer);
  set_class(out, {"difftime"});
  set_attribute(out, "units", text_scalar(units));
  return out;
}

cpp11::sexp decode_time(const Slice& slice, const ColumnHints& hints) {
  expect(slice, {ArrowType::kTime64Micro});
  cpp11::sexp out = quotients(slice, 1e6, hints.is_integer);
  set_attribute(out, "units", text_scalar("secs"));
  if (is_installed("hms")) {
    set_class(out, {"hms", "difftime"});
  } else {
    set_class(out, {"difftime"});
    set_attribute(out, "instep_time", cpp11::safe[Rf_ScalarLogical](TRUE));
  }
  return out;
}

// ---- factors

// The levels with the missing one put back.
cpp11::sexp with_missing_level(SEXP levels, int na_level) {
  cpp11::sexp out = allocate(STRSXP, Rf_xlength(levels) + 1);
  for (R_xlen_t i = 0; i < Rf_xlength(out); ++i) {
    SET_STRING_ELT(out, i, i == na_level - 1 ? NA_STRING : STRING_ELT(levels, i - (i >= na_level)));
  }
  return out;
}

cpp11::sexp decode_factor(const Slice& slice, const ColumnHints& hints) {
  expect(slice, {ArrowType::kInt32});
  require(TYPEOF(hints.levels) != NILSXP, "A factor has no levels.");
  cpp11::sexp levels = hints.levels;
  if (TYPEOF(levels) != STRSXP) levels = cpp11::package("base")["as.character"](levels);
  // Attributes such as names have no place on levels.
  if (ATTRIB(levels) != R_NilValue) levels = cpp11::package("base")["as.vector"](levels);
  require(cpp11::safe[Rf_any_duplicated](levels, FALSE) == 0, "A factor has doubled levels.");
  const std::int64_t count = Rf_xlength(levels);
  for (R_xlen_t i = 0; i < count; ++i) require(STRING_ELT(levels, i) != NA_STRING, "A factor has a missing level.");
  const int gap = hints.na_level;
  require(gap >= 0 && gap <= count + 1, "A factor has a missing level out of range.");
  cpp11::sexp out = allocate(INTSXP, slice.count);
  int* codes = INTEGER(out);
  each<std::int32_t>(
      slice,
      [&](std::int64_t at, std::int32_t x) {
        require(x >= 0 && x < count, "A factor has a code without a level.");
        codes[at] = x + 1 + (gap != 0 && x + 1 >= gap);
      },
      [&](std::int64_t at) { codes[at] = gap != 0 ? gap : NA_INTEGER; });
  if (gap != 0) levels = with_missing_level(levels, gap);
  for (R_xlen_t i = 0; i < Rf_xlength(hints.na_codes); ++i) {
    require(TYPEOF(hints.na_codes) == INTSXP, "A factor has a broken note.");
    const int where = INTEGER(hints.na_codes)[i];
    require(where >= 1 && where <= slice.count, "A factor has a broken note.");
    codes[where - 1] = NA_INTEGER;
  }
  set_attribute(out, "levels", levels);
  const std::string* ordered = find_param(*hints.params, "ordered");
  if (ordered != nullptr && *ordered == "true") {
    set_class(out, {"ordered", "factor"});
  } else {
    set_class(out, {"factor"});
  }
  return out;
}

// ---- lists

// The logical type that an Arrow type has where nothing else says it: in cells of list columns.
const char* default_logical(ArrowType type) {
  static const std::map<ArrowType, const char*> names = {
      {ArrowType::kBool, "bool"},          {ArrowType::kInt8, "int8"},
      {ArrowType::kInt16, "int16"},        {ArrowType::kInt32, "int32"},
      {ArrowType::kInt64, "int64"},        {ArrowType::kUint8, "uint8"},
      {ArrowType::kUint16, "uint16"},      {ArrowType::kUint32, "uint32"},
      {ArrowType::kUint64, "uint64"},      {ArrowType::kFloat16, "float16"},
      {ArrowType::kFloat32, "float32"},    {ArrowType::kFloat64, "float64"},
      {ArrowType::kUtf8, "string"},        {ArrowType::kLargeUtf8, "string"},
      {ArrowType::kBinary, "bytes"},       {ArrowType::kLargeBinary, "bytes"},
      {ArrowType::kDate32, "date"},        {ArrowType::kDurationMicro, "duration"},
      {ArrowType::kTime64Micro, "time"},   {ArrowType::kTimestampMicro, "instant"},
      {ArrowType::kTimestampNano, "instant"}};
  const auto found = names.find(type);
  return found == names.end() ? "list" : found->second;
}

cpp11::sexp decode_plain(const ArrowField& field, const ArrayView& view, std::int64_t start, std::int64_t count) {
  static const Params none;
  const std::vector<ArrayView> chunks{view};
  ColumnHints hints;
  hints.params = &none;
  const bool is_naive = field.timezone.empty() &&
                        (field.type == ArrowType::kTimestampMicro || field.type == ArrowType::kTimestampNano);
  return decode_column({field, chunks, start, count}, is_naive ? "naive" : default_logical(field.type), hints);
}

cpp11::sexp decode_lists(const Slice& slice) {
  cpp11::sexp out = allocate(VECSXP, slice.count);
  const bool large = has_large_offsets(slice.field.type);
  slice.runs([&](const ArrayView& chunk, std::int64_t from, std::int64_t count, std::int64_t at) {
    for (std::int64_t i = 0; i < count; ++i) {
      if (!chunk.is_valid(from + i)) continue;
      const auto [start, end] = bounds(chunk, from + i, large);
      SET_VECTOR_ELT(out, at + i, decode_plain(slice.field.children[0], chunk.children[0], start, end - start));
    }
  });
  return out;
}

// A matrix with one row per row. Types of R with other cells, or missing rows, become a list.
cpp11::sexp decode_fixed_lists(const Slice& slice) {
  const std::int64_t width = slice.field.list_size;
  cpp11::sexp out = allocate(VECSXP, slice.count);
  slice.runs([&](const ArrayView& chunk, std::int64_t from, std::int64_t count, std::int64_t at) {
    for (std::int64_t i = 0; i < count; ++i) {
      if (!chunk.is_valid(from + i)) continue;
      SET_VECTOR_ELT(out, at + i,
                     decode_plain(slice.field.children[0], chunk.children[0], (from + i) * width, width));
    }
  });
  return cpp11::package("instep")["bind_rows_of_cells"](out, static_cast<double>(width));
}

// A struct is a named list in each row.
cpp11::sexp decode_structs(const Slice& slice) {
  const std::vector<ArrowField>& fields = slice.field.children;
  cpp11::sexp names = allocate(STRSXP, fields.size());
  for (std::size_t j = 0; j < fields.size(); ++j) {
    SET_STRING_ELT(names, j, STRING_ELT(text_scalar(fields[j].name), 0));
  }
  cpp11::sexp out = allocate(VECSXP, slice.count);
  slice.runs([&](const ArrayView& chunk, std::int64_t from, std::int64_t count, std::int64_t at) {
    for (std::int64_t i = 0; i < count; ++i) {
      cpp11::sexp row = allocate(VECSXP, fields.size());
      for (std::size_t j = 0; j < fields.size(); ++j) {
        SET_VECTOR_ELT(row, j, decode_plain(fields[j], chunk.children[j], from + i, 1));
      }
      set_attribute(row, "names", names);
      SET_VECTOR_ELT(out, at + i, row);
    }
  });
  return out;
}

cpp11::sexp decode_nested(const Slice& slice) {
  expect(slice, {ArrowType::kList, ArrowType::kLargeList, ArrowType::kFixedSizeList, ArrowType::kStruct});
  if (slice.field.type == ArrowType::kFixedSizeList) return decode_fixed_lists(slice);
  return slice.field.type == ArrowType::kStruct ? decode_structs(slice) : decode_lists(slice);
}

cpp11::sexp with_class(cpp11::sexp x, const char* name) {
  set_class(x, {name});
  return x;
}

using Decode = cpp11::sexp (*)(const Slice&, const ColumnHints&);

template <ArrowType type, cpp11::sexp (*decode)(const Slice&)>
cpp11::sexp plain(const Slice& slice, const ColumnHints&) {
  expect(slice, {type});
  return decode(slice);
}

const std::map<std::string, Decode>& decoders() {
  static const std::map<std::string, Decode> table = {
      {"bool", plain<ArrowType::kBool, logicals>},
      {"int8", plain<ArrowType::kInt8, integers_from<std::int8_t>>},
      {"int16", plain<ArrowType::kInt16, integers_from<std::int16_t>>},
      {"int32", plain<ArrowType::kInt32, integers>},
      {"uint16", plain<ArrowType::kUint16, integers_from<std::uint16_t>>},
      {"uint32", plain<ArrowType::kUint32, doubles_from<std::uint32_t>>},
      {"uint64", plain<ArrowType::kUint64, unsigned_longs>},
      {"float16", plain<ArrowType::kFloat16, halves>},
      {"float32", plain<ArrowType::kFloat32, doubles_from<float>>},
      {"float64", plain<ArrowType::kFloat64, doubles>},
      {"complex128", plain<ArrowType::kStruct, complexes>},
      {"uint8",
       [](const Slice& slice, const ColumnHints& hints) {
         expect(slice, {ArrowType::kUint8});
         return hints.is_raw ? raw_bytes(slice) : integers_from<std::uint8_t>(slice);
       }},
      {"int64",
       [](const Slice& slice, const ColumnHints& hints) {
         expect(slice, {ArrowType::kInt64});
         return any_longs(slice, hints.is_integer64);
       }},
      {"bytes", [](const Slice& slice, const ColumnHints& hints) { return bytes(slice, hints.is_scalar); }},
      {"string", [](const Slice& slice, const ColumnHints&) { return strings(slice); }},
      {"bigint", [](const Slice& slice, const ColumnHints&) { return with_class(strings(slice), "instep_bigint"); }},
      {"decimal", [](const Slice& slice, const ColumnHints&) { return with_class(strings(slice), "instep_decimal"); }},
      {"json", [](const Slice& slice, const ColumnHints&) { return with_class(strings(slice), "json"); }},
      {"date", decode_date},
      {"instant", decode_instant},
      {"naive", decode_naive},
      {"duration", decode_duration},
      {"time", decode_time},
      {"factor", decode_factor},
      {"list", [](const Slice& slice, const ColumnHints&) { return decode_nested(slice); }},
  };
  return table;
}

}  // namespace

void set_attribute(SEXP x, const char* name, SEXP value) {
  cpp11::safe[Rf_setAttrib](x, cpp11::safe[Rf_install](name), value);
}

void set_class(SEXP x, std::initializer_list<const char*> classes) {
  cpp11::sexp value = allocate(STRSXP, classes.size());
  R_xlen_t i = 0;
  for (const char* name : classes) SET_STRING_ELT(value, i++, Rf_mkChar(name));
  cpp11::safe[Rf_setAttrib](x, R_ClassSymbol, value);
}

cpp11::sexp text_scalar(const std::string& text) {
  check_text({reinterpret_cast<const std::uint8_t*>(text.data()), static_cast<std::int64_t>(text.size())});
  cpp11::sexp out = allocate(STRSXP, 1);
  SET_STRING_ELT(out, 0, cpp11::safe[Rf_mkCharLenCE](text.data(), static_cast<int>(text.size()), CE_UTF8));
  return out;
}

bool is_installed(const char* package) {
  static std::map<std::string, bool> known;
  const auto found = known.find(package);
  if (found != known.end()) return found->second;
  cpp11::sexp answer = cpp11::package("instep")["has_package"](package);
  return known[package] = LOGICAL(answer)[0] != 0;
}

cpp11::sexp decode_column(const Slice& slice, const std::string& logical, const ColumnHints& hints) {
  const auto found = decoders().find(logical);
  if (found == decoders().end()) throw DecodeError("A column has the unknown logical type " + logical + ".");
  return found->second(slice, hints);
}

}  // namespace instep
