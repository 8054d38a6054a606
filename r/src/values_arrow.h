// Arrow IPC streams of profile P1 (see value.proto): one schema, one record batch, end of stream.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "values_bytes.h"

namespace instep {

enum class ArrowType : std::uint8_t {
  kBool,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kFloat16,
  kFloat32,
  kFloat64,
  kUtf8,
  kLargeUtf8,
  kBinary,
  kLargeBinary,
  kDate32,
  kTimestampMicro,
  kTimestampNano,
  kDurationMicro,
  kTime64Micro,
  kList,
  kLargeList,
  kFixedSizeList,
  kStruct,
};

// A field of a schema.
struct ArrowField {
  std::string name;
  ArrowType type;
  bool nullable = true;
  // Of timestamps. Empty: naive.
  std::string timezone;
  // Of fixed-size lists.
  std::int32_t list_size = 0;
  std::vector<ArrowField> children;
};

// How the rows of a column lie in memory before they are written. R's own layouts are written without a copy.
enum class Storage : std::uint8_t {
  // int: 0, 1, INT_MIN = missing. Becomes bool.
  kLogical,
  // One byte, never missing. Becomes uint8.
  kByte,
  // int: INT_MIN = missing. Becomes int32 or date32.
  kInteger,
  // int64: INT64_MIN = missing. Becomes int64, timestamp, duration, time64.
  kLong,
  // double: R's NA = missing, every other NaN is made canonical. Becomes float64.
  kDouble,
  // Two doubles. Becomes struct<re, im>.
  kComplex,
  // Strings of R in UTF-8. Becomes utf8 or large_utf8.
  kText,
  // Raw vectors of R, NULL = missing. Becomes large_binary.
  kBinary,
  // Vectors of R, one per row, NULL = missing. Becomes list; the elements one after the other are the only child.
  kList,
  // Equally long runs of the only child. Becomes fixed_size_list.
  kMatrix,
  // The children side by side. Becomes struct.
  kFrame,
};

// A column to write. Its memory must stay unchanged until the stream has been written.
struct Column {
  ArrowField field;
  Storage storage;
  const void* data = nullptr;
  std::int64_t rows = 0;
  std::vector<Column> children;
};

// A column of a batch that was read. All sizes and offsets were checked against the bytes.
struct ArrayView {
  std::int64_t length = 0;
  // Null when nothing is missing.
  const std::uint8_t* validity = nullptr;
  const std::uint8_t* data = nullptr;
  const std::uint8_t* offsets = nullptr;
  std::vector<ArrayView> children;

  bool is_valid(std::int64_t row) const { return validity == nullptr || (validity[row >> 3] >> (row & 7) & 1) != 0; }
};

// A stream that was read. It points into the bytes, which must outlive it.
struct Stream {
  std::vector<ArrowField> fields;
  // The chunks of each field, one per batch.
  std::vector<std::vector<ArrayView>> columns;
  std::int64_t rows = 0;
};

// Bytes per row of a type of fixed width; 0 for the others and for bool.
int arrow_width(ArrowType type);

// Writes columns of `rows` rows as a stream.
Rope write_stream(const std::vector<Column>& columns, std::int64_t rows);

// Reads a stream that nobody vouches for. Throws DecodeError when it is not sound or not of the profile.
Stream read_stream(Span bytes);

}  // namespace instep
