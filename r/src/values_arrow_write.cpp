// Theory of operation. The body of the batch is a rope: a run of R's memory in which nothing is missing is borrowed,
// any other run is copied and made canonical (zero bytes under nulls, one NaN). Runs are short enough to stay in the
// cache and long enough to make the rope cheap.
#include <Rinternals.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "values_arrow.h"
#include "values_flatbuffer.h"

namespace instep {
namespace {

constexpr std::int64_t kRun = 1 << 15;
constexpr std::size_t kAlignment = 64;
constexpr std::uint64_t kCanonicalNan = 0x7ff8000000000000;

// Message kinds and type ids of Arrow's Message.fbs and Schema.fbs.
enum MessageKind : std::uint8_t { kSchemaMessage = 1, kBatchMessage = 3 };
constexpr std::int16_t kVersion5 = 4;

// Which rows are present, built up row by row.
class Validity {
 public:
  explicit Validity(std::int64_t rows) : rows_(rows) {}

  void clear(std::int64_t row) {
    if (bits_.empty()) {
      bits_.assign(static_cast<std::size_t>((rows_ + 7) / 8), '\xff');
      if (rows_ % 8 != 0) bits_.back() = static_cast<char>((1 << rows_ % 8) - 1);
    }
    bits_[row >> 3] &= static_cast<char>(~(1 << (row & 7)));
    ++nulls_;
  }
  std::int64_t nulls() const { return nulls_; }
  std::string take() { return std::move(bits_); }

 private:
  std::int64_t rows_;
  std::int64_t nulls_ = 0;
  std::string bits_;
};

// Whether values need a copy, and what a missing one looks like.
struct IntegerRule {
  using Value = std::int32_t;
  static bool is_clean(Value x) { return x != std::numeric_limits<Value>::min(); }
  static bool is_missing(Value x) { return !is_clean(x); }
  static Value canonical(Value x) { return x; }
};
struct LongRule {
  using Value = std::int64_t;
  static bool is_clean(Value x) { return x != std::numeric_limits<Value>::min(); }
  static bool is_missing(Value x) { return !is_clean(x); }
  static Value canonical(Value x) { return x; }
};
struct DoubleRule {
  using Value = double;
  static bool is_clean(Value x) { return x == x; }
  static bool is_missing(Value x) { return R_IsNA(x) != 0; }
  static Value canonical(Value x) {
    if (x != x) std::memcpy(&x, &kCanonicalNan, sizeof x);
    return x;
  }
};

class BodyWriter {
 public:
  void column(const Column& column);

  std::vector<std::int64_t> nodes;
  std::vector<std::int64_t> buffers;
  Rope body;

 private:
  // A buffer is what goes into the body between two calls.
  void begin_buffer() { buffer_start_ = body.size(); }
  void end_buffer() {
    buffers.push_back(static_cast<std::int64_t>(buffer_start_));
    buffers.push_back(static_cast<std::int64_t>(body.size() - buffer_start_));
    body.pad(kAlignment);
  }
  void buffer(std::string bytes) {
    begin_buffer();
    body.own(std::move(bytes));
    end_buffer();
  }
  void node(std::int64_t rows, Validity& validity) {
    nodes.push_back(rows);
    nodes.push_back(validity.nulls());
    buffer(validity.take());
  }

  template <typename Rule, std::size_t Stride = 1>
  void fixed(const typename Rule::Value* values, std::int64_t rows);
  void logical(const int* values, std::int64_t rows);
  template <typename Offset>
  void text(const SEXP* values, std::int64_t rows);
  void binary(const SEXP* values, std::int64_t rows);
  void list(const Column& column);

  std::size_t buffer_start_ = 0;
};

// Values of fixed width, `Stride` apart.
template <typename Rule, std::size_t Stride>
void BodyWriter::fixed(const typename Rule::Value* values, std::int64_t rows) {
  using Value = typename Rule::Value;
  Validity validity(rows);
  Rope data;
  for (std::int64_t start = 0; start < rows; start += kRun) {
    const std::int64_t count = std::min(kRun, rows - start);
    const Value* run = values + start * static_cast<std::int64_t>(Stride);
    bool clean = Stride == 1;
    for (std::int64_t i = 0; clean && i < count; i += 1024) {
      const std::int64_t stop = std::min(i + 1024, count);
      for (std::int64_t j = i; j < stop; ++j) clean &= Rule::is_clean(run[j]);
    }
    if (clean) {
      data.borrow(run, count * sizeof(Value));
      continue;
    }
    std::string copy(count * sizeof(Value), '\0');
    for (std::int64_t i = 0; i < count; ++i) {
      Value value = run[i * static_cast<std::int64_t>(Stride)];
      if (Rule::is_missing(value)) {
        validity.clear(start + i);
        continue;
      }
      value = Rule::canonical(value);
      std::memcpy(&copy[i * sizeof(Value)], &value, sizeof(Value));
    }
    data.own(std::move(copy));
  }
  node(rows, validity);
  begin_buffer();
  body.append(std::move(data));
  end_buffer();
}

void BodyWriter::logical(const int* values, std::int64_t rows) {
  Validity validity(rows);
  std::string bits((rows + 7) / 8, '\0');
  for (std::int64_t i = 0; i < rows; ++i) {
    if (values[i] == NA_LOGICAL) {
      validity.clear(i);
    } else if (values[i] != 0) {
      bits[i >> 3] |= static_cast<char>(1 << (i & 7));
    }
  }
  node(rows, validity);
  buffer(std::move(bits));
}

template <typename Offset>
void BodyWriter::text(const SEXP* values, std::int64_t rows) {
  Validity validity(rows);
  std::string offsets((rows + 1) * sizeof(Offset), '\0');
  std::size_t total = 0;
  for (std::int64_t i = 0; i < rows; ++i) {
    if (values[i] != NA_STRING) total += LENGTH(values[i]);
  }
  std::string data;
  data.reserve(total);
  for (std::int64_t i = 0; i < rows; ++i) {
    if (values[i] == NA_STRING) {
      validity.clear(i);
    } else {
      data.append(CHAR(values[i]), LENGTH(values[i]));
    }
    const auto end = static_cast<Offset>(data.size());
    std::memcpy(&offsets[(i + 1) * sizeof(Offset)], &end, sizeof end);
  }
  node(rows, validity);
  buffer(std::move(offsets));
  buffer(std::move(data));
}

void BodyWriter::binary(const SEXP* values, std::int64_t rows) {
  Validity validity(rows);
  std::string offsets((rows + 1) * sizeof(std::int64_t), '\0');
  Rope data;
  for (std::int64_t i = 0; i < rows; ++i) {
    if (values[i] == R_NilValue) {
      validity.clear(i);
    } else {
      data.borrow(RAW(values[i]), XLENGTH(values[i]));
    }
    const auto end = static_cast<std::int64_t>(data.size());
    std::memcpy(&offsets[(i + 1) * sizeof end], &end, sizeof end);
  }
  node(rows, validity);
  buffer(std::move(offsets));
  begin_buffer();
  body.append(std::move(data));
  end_buffer();
}

void BodyWriter::list(const Column& column) {
  const auto* values = static_cast<const SEXP*>(column.data);
  Validity validity(column.rows);
  std::string offsets((column.rows + 1) * sizeof(std::int64_t), '\0');
  std::int64_t end = 0;
  for (std::int64_t i = 0; i < column.rows; ++i) {
    if (values[i] == R_NilValue) validity.clear(i);
    end += Rf_xlength(values[i]);
    std::memcpy(&offsets[(i + 1) * sizeof end], &end, sizeof end);
  }
  node(column.rows, validity);
  buffer(std::move(offsets));
  this->column(column.children[0]);
}

void BodyWriter::column(const Column& column) {
  const std::int64_t rows = column.rows;
  Validity all(rows);
  switch (column.storage) {
    case Storage::kLogical:
      return logical(static_cast<const int*>(column.data), rows);
    case Storage::kByte:
      node(rows, all);
      begin_buffer();
      body.borrow(column.data, rows);
      return end_buffer();
    case Storage::kInteger:
      return fixed<IntegerRule>(static_cast<const std::int32_t*>(column.data), rows);
    case Storage::kLong:
      return fixed<LongRule>(static_cast<const std::int64_t*>(column.data), rows);
    case Storage::kDouble:
      return fixed<DoubleRule>(static_cast<const double*>(column.data), rows);
    case Storage::kComplex:
      node(rows, all);
      fixed<DoubleRule, 2>(static_cast<const double*>(column.data), rows);
      return fixed<DoubleRule, 2>(static_cast<const double*>(column.data) + 1, rows);
    case Storage::kText:
      if (column.field.type == ArrowType::kLargeUtf8) {
        return text<std::int64_t>(static_cast<const SEXP*>(column.data), rows);
      }
      return text<std::int32_t>(static_cast<const SEXP*>(column.data), rows);
    case Storage::kBinary:
      return binary(static_cast<const SEXP*>(column.data), rows);
    case Storage::kList:
      return list(column);
    case Storage::kMatrix:
      node(rows, all);
      return this->column(column.children[0]);
    case Storage::kFrame:
      node(rows, all);
      for (const Column& child : column.children) this->column(child);
  }
}

// Type ids of Schema.fbs, with the table that describes the type.
struct TypeTable {
  std::uint8_t id;
  FlatBuilder::Offset offset;
};

TypeTable integer_type(FlatBuilder& out, std::int32_t bits, bool is_signed) {
  out.begin();
  out.scalar<std::int32_t>(0, bits);
  out.scalar<std::uint8_t>(1, is_signed);
  return {2, out.end()};
}

TypeTable unit_type(FlatBuilder& out, std::uint8_t id, std::int16_t unit) {
  out.begin();
  out.scalar<std::int16_t>(0, unit);
  return {id, out.end()};
}

TypeTable plain_type(FlatBuilder& out, std::uint8_t id) {
  out.begin();
  return {id, out.end()};
}

TypeTable timestamp_type(FlatBuilder& out, const std::string& timezone) {
  const FlatBuilder::Offset zone = timezone.empty() ? 0 : out.text(timezone);
  out.begin();
  out.scalar<std::int16_t>(0, 2);
  if (zone != 0) out.reference(1, zone);
  return {10, out.end()};
}

TypeTable time_type(FlatBuilder& out) {
  out.begin();
  out.scalar<std::int32_t>(1, 64);
  out.scalar<std::int16_t>(0, 2);
  return {9, out.end()};
}

TypeTable fixed_list_type(FlatBuilder& out, std::int32_t size) {
  out.begin();
  out.scalar<std::int32_t>(0, size);
  return {16, out.end()};
}

TypeTable type_table(FlatBuilder& out, const ArrowField& field) {
  switch (field.type) {
    case ArrowType::kBool:
      return plain_type(out, 6);
    case ArrowType::kUint8:
      return integer_type(out, 8, false);
    case ArrowType::kInt32:
      return integer_type(out, 32, true);
    case ArrowType::kInt64:
      return integer_type(out, 64, true);
    case ArrowType::kFloat64:
      return unit_type(out, 3, 2);
    case ArrowType::kUtf8:
      return plain_type(out, 5);
    case ArrowType::kLargeUtf8:
      return plain_type(out, 20);
    case ArrowType::kLargeBinary:
      return plain_type(out, 19);
    case ArrowType::kDate32:
      return unit_type(out, 8, 0);
    case ArrowType::kTimestampMicro:
      return timestamp_type(out, field.timezone);
    case ArrowType::kDurationMicro:
      return unit_type(out, 18, 2);
    case ArrowType::kTime64Micro:
      return time_type(out);
    case ArrowType::kLargeList:
      return plain_type(out, 21);
    case ArrowType::kFixedSizeList:
      return fixed_list_type(out, field.list_size);
    case ArrowType::kStruct:
      return plain_type(out, 13);
    default:
      throw std::logic_error("R never writes this Arrow type.");
  }
}

FlatBuilder::Offset field_table(FlatBuilder& out, const ArrowField& field) {
  std::vector<FlatBuilder::Offset> children;
  for (const ArrowField& child : field.children) children.push_back(field_table(out, child));
  const FlatBuilder::Offset kids = out.tables(children);
  const TypeTable type = type_table(out, field);
  const FlatBuilder::Offset name = out.text(field.name);
  out.begin();
  out.reference(5, kids);
  out.reference(3, type.offset);
  out.reference(0, name);
  out.scalar<std::uint8_t>(2, type.id);
  out.scalar<std::uint8_t>(1, field.nullable);
  return out.end();
}

// A message as it stands in a stream: marker, size, metadata, padded so that the body is aligned.
void append_message(Rope& stream, FlatBuilder& builder, FlatBuilder::Offset header, MessageKind kind,
                    std::int64_t body_size) {
  builder.begin();
  builder.scalar<std::int64_t>(3, body_size);
  builder.reference(2, header);
  builder.scalar<std::int16_t>(0, kVersion5);
  builder.scalar<std::uint8_t>(1, kind);
  std::string metadata = builder.finish(builder.end());
  metadata.append(padding(stream.size() + 8 + metadata.size(), kAlignment), '\0');
  const std::uint32_t prefix[2] = {0xffffffff, static_cast<std::uint32_t>(metadata.size())};
  stream.own(std::string(reinterpret_cast<const char*>(prefix), sizeof prefix) + metadata);
}

void append_schema(Rope& stream, const std::vector<Column>& columns) {
  FlatBuilder builder;
  std::vector<FlatBuilder::Offset> fields;
  for (const Column& column : columns) fields.push_back(field_table(builder, column.field));
  const FlatBuilder::Offset list = builder.tables(fields);
  builder.begin();
  builder.reference(1, list);
  append_message(stream, builder, builder.end(), kSchemaMessage, 0);
}

void append_batch(Rope& stream, const std::vector<Column>& columns, std::int64_t rows) {
  BodyWriter writer;
  for (const Column& column : columns) writer.column(column);
  FlatBuilder builder;
  const FlatBuilder::Offset buffers = builder.words(writer.buffers, 2);
  const FlatBuilder::Offset nodes = builder.words(writer.nodes, 2);
  builder.begin();
  builder.scalar<std::int64_t>(0, rows);
  builder.reference(1, nodes);
  builder.reference(2, buffers);
  append_message(stream, builder, builder.end(), kBatchMessage, static_cast<std::int64_t>(writer.body.size()));
  stream.append(std::move(writer.body));
}

}  // namespace

Rope write_stream(const std::vector<Column>& columns, std::int64_t rows) {
  Rope stream;
  append_schema(stream, columns);
  if (rows > 0) append_batch(stream, columns, rows);
  stream.own(std::string("\xff\xff\xff\xff\0\0\0\0", 8));
  return stream;
}

}  // namespace instep
