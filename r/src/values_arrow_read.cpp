// Reads streams that nobody vouches for: metadata through FlatTable, and every size and offset is checked once, here,
// so that the code that turns columns into R vectors need not.
#include <algorithm>
#include <cstring>

#include "values_arrow.h"
#include "values_error.h"
#include "values_flatbuffer.h"

namespace instep {
namespace {

constexpr int kMaxFieldDepth = 32;
constexpr int kMaxFields = 1000000;

// A place in the stream.
struct Cursor {
  Span bytes;
  std::size_t at = 0;

  Span take(std::size_t size) {
    require(size <= bytes.size - at, "An Arrow stream ends too early.");
    const Span out{bytes.data + at, size};
    at += size;
    return out;
  }
  std::uint32_t word() {
    std::uint32_t value;
    std::memcpy(&value, take(4).data, 4);
    return value;
  }
};

struct Message {
  std::uint8_t kind;
  FlatTable header;
  Span body;
};

// False at the end of the stream.
bool next_metadata(Cursor& cursor, Span& metadata) {
  require(cursor.word() == 0xffffffff, "An Arrow message lacks its marker.");
  const std::uint32_t size = cursor.word();
  if (size == 0) return false;
  metadata = cursor.take(size);
  return true;
}

Message read_message(Cursor& cursor, Span metadata) {
  const FlatTable message = FlatTable::root(metadata);
  require(message.scalar<std::int16_t>(0, 0) == 4, "An Arrow message is not of metadata version 5.");
  const auto body_size = message.scalar<std::int64_t>(3, 0);
  require(body_size >= 0, "An Arrow message has a negative size.");
  return {message.scalar<std::uint8_t>(1, 0), message.table(2), cursor.take(static_cast<std::size_t>(body_size))};
}

ArrowType integer_type(const FlatTable& type) {
  const bool is_signed = type.scalar<std::uint8_t>(1, 0) != 0;
  switch (type.scalar<std::int32_t>(0, 0)) {
    case 8:
      return is_signed ? ArrowType::kInt8 : ArrowType::kUint8;
    case 16:
      return is_signed ? ArrowType::kInt16 : ArrowType::kUint16;
    case 32:
      return is_signed ? ArrowType::kInt32 : ArrowType::kUint32;
    case 64:
      return is_signed ? ArrowType::kInt64 : ArrowType::kUint64;
    default:
      throw DecodeError("An Arrow integer has a width that is not in the profile.");
  }
}

ArrowType float_type(const FlatTable& type) {
  switch (type.scalar<std::int16_t>(0, 0)) {
    case 0:
      return ArrowType::kFloat16;
    case 1:
      return ArrowType::kFloat32;
    case 2:
      return ArrowType::kFloat64;
    default:
      throw DecodeError("An Arrow float has an unknown precision.");
  }
}

ArrowType timestamp_type(const FlatTable& type) {
  const auto unit = type.scalar<std::int16_t>(0, 0);
  require(unit == 2 || unit == 3, "An Arrow timestamp is neither in microseconds nor in nanoseconds.");
  return unit == 2 ? ArrowType::kTimestampMicro : ArrowType::kTimestampNano;
}

// The type of a field, by the ids of Schema.fbs.
ArrowType field_type(std::uint8_t id, const FlatTable& type) {
  switch (id) {
    case 2:
      return integer_type(type);
    case 3:
      return float_type(type);
    case 4:
      return ArrowType::kBinary;
    case 5:
      return ArrowType::kUtf8;
    case 6:
      return ArrowType::kBool;
    case 8:
      require(type.scalar<std::int16_t>(0, 1) == 0, "An Arrow date is not in days.");
      return ArrowType::kDate32;
    case 9:
      require(type.scalar<std::int16_t>(0, 1) == 2, "An Arrow time is not in microseconds.");
      return ArrowType::kTime64Micro;
    case 10:
      return timestamp_type(type);
    case 12:
      return ArrowType::kList;
    case 13:
      return ArrowType::kStruct;
    case 16:
      return ArrowType::kFixedSizeList;
    case 18:
      require(type.scalar<std::int16_t>(0, 1) == 2, "An Arrow duration is not in microseconds.");
      return ArrowType::kDurationMicro;
    case 19:
      return ArrowType::kLargeBinary;
    case 20:
      return ArrowType::kLargeUtf8;
    case 21:
      return ArrowType::kLargeList;
    default:
      throw DecodeError("An Arrow type is not in the profile.");
  }
}

// `budget` counts down, because tables of a flat buffer can be named by many parents.
ArrowField read_field(const FlatTable& table, int depth, int& budget) {
  require(depth < kMaxFieldDepth && --budget >= 0, "Arrow fields are too many or nested too deeply.");
  require(!table.has(4), "An Arrow dictionary is not in the profile.");
  ArrowField field;
  field.name = table.text(0);
  field.nullable = table.scalar<std::uint8_t>(1, 0) != 0;
  const FlatTable type = table.table(3);
  field.type = field_type(table.scalar<std::uint8_t>(2, 0), type);
  if (field.type == ArrowType::kTimestampMicro || field.type == ArrowType::kTimestampNano) {
    field.timezone = type.text(1);
  }
  if (field.type == ArrowType::kFixedSizeList) field.list_size = type.scalar<std::int32_t>(0, 0);
  for (const FlatTable& child : table.tables(5)) field.children.push_back(read_field(child, depth + 1, budget));
  const bool is_list =
      field.type == ArrowType::kList || field.type == ArrowType::kLargeList || field.type == ArrowType::kFixedSizeList;
  require(!is_list || field.children.size() == 1, "An Arrow list does not have one child.");
  require(field.type != ArrowType::kFixedSizeList || field.list_size > 0, "An Arrow list has no width.");
  require(field.type != ArrowType::kStruct || !field.children.empty(), "An Arrow struct has no fields.");
  return field;
}

std::vector<ArrowField> read_schema(const FlatTable& schema) {
  require(schema.scalar<std::int16_t>(0, 0) == 0, "An Arrow stream is not little-endian.");
  std::vector<ArrowField> fields;
  int budget = kMaxFields;
  for (const FlatTable& field : schema.tables(1)) fields.push_back(read_field(field, 0, budget));
  return fields;
}

// Number of bits that are 1, of the first `count`.
std::int64_t count_bits(const std::uint8_t* bits, std::int64_t count) {
  std::int64_t out = 0, at = 0;
  for (std::uint64_t word; at + 64 <= count; at += 64) {
    std::memcpy(&word, bits + at / 8, sizeof word);
    out += __builtin_popcountll(word);
  }
  for (; at < count; ++at) out += bits[at / 8] >> (at % 8) & 1;
  return out;
}

// Walks the nodes and buffers of one batch along the fields.
class BatchReader {
 public:
  BatchReader(const FlatTable& batch, Span body)
      : nodes_(batch.words(1, 2)), buffers_(batch.words(2, 2)), body_(body) {}

  ArrayView column(const ArrowField& field, std::int64_t rows);
  bool is_done() const { return node_ == nodes_.size() && buffer_ == buffers_.size(); }

 private:
  Span next_buffer() {
    require(buffer_ < buffers_.size(), "An Arrow batch has too few buffers.");
    const std::int64_t offset = buffers_[buffer_], size = buffers_[buffer_ + 1];
    buffer_ += 2;
    const auto limit = static_cast<std::int64_t>(body_.size);
    require(offset >= 0 && size >= 0 && offset <= limit && size <= limit - offset, "An Arrow buffer lies outside.");
    // Else a small file could name the same bytes for a million columns.
    require(size == 0 || offset >= end_, "Arrow buffers overlap.");
    if (size > 0) end_ = offset + size;
    return {body_.data + offset, static_cast<std::size_t>(size)};
  }
  // A buffer of `count` items of `width` bits.
  const std::uint8_t* sized_buffer(std::int64_t count, std::int64_t width) {
    const Span buffer = next_buffer();
    const auto bits = static_cast<unsigned __int128>(count) * static_cast<unsigned __int128>(width);
    require((bits + 7) / 8 <= buffer.size, "An Arrow buffer is too short.");
    return buffer.data;
  }
  template <typename Offset>
  std::int64_t offsets(ArrayView& view);
  template <typename Offset>
  void bytes(ArrayView& view);
  template <typename Offset>
  void list(const ArrowField& field, ArrayView& view);

  std::vector<std::int64_t> nodes_;
  std::vector<std::int64_t> buffers_;
  Span body_;
  std::size_t node_ = 0;
  std::size_t buffer_ = 0;
  // Where the buffers so far end.
  std::int64_t end_ = 0;
};

template <typename Offset>
std::int64_t BatchReader::offsets(ArrayView& view) {
  const Span buffer = next_buffer();
  // Arrow allows no offsets at all when there are no rows.
  if (view.length == 0 && buffer.size < sizeof(Offset)) return 0;
  require(static_cast<std::uint64_t>(view.length) < buffer.size / sizeof(Offset), "An Arrow buffer is too short.");
  view.offsets = buffer.data;
  Offset last;
  std::memcpy(&last, buffer.data, sizeof last);
  require(last == 0, "Arrow offsets do not start at 0.");
  bool rising = true;
  for (std::int64_t i = 1; i <= view.length; ++i) {
    Offset next;
    std::memcpy(&next, buffer.data + i * sizeof(Offset), sizeof next);
    rising &= next >= last;
    last = next;
  }
  require(rising, "Arrow offsets fall.");
  return last;
}

template <typename Offset>
void BatchReader::bytes(ArrayView& view) {
  const std::int64_t end = offsets<Offset>(view);
  view.data = sized_buffer(end, 8);
}

template <typename Offset>
void BatchReader::list(const ArrowField& field, ArrayView& view) {
  const std::int64_t end = offsets<Offset>(view);
  view.children.push_back(column(field.children[0], -1));
  require(end <= view.children[0].length, "Arrow offsets lie outside.");
}

// `rows` is the length that the column must have, or -1.
ArrayView BatchReader::column(const ArrowField& field, std::int64_t rows) {
  require(node_ + 1 < nodes_.size(), "An Arrow batch has too few columns.");
  ArrayView view;
  view.length = nodes_[node_];
  const std::int64_t nulls = nodes_[node_ + 1];
  node_ += 2;
  require(view.length >= 0 && (rows < 0 || view.length == rows), "An Arrow column has a wrong length.");
  require(nulls >= 0 && nulls <= view.length, "An Arrow column has a wrong number of nulls.");
  const Span validity = next_buffer();
  if (nulls > 0) {
    require(static_cast<std::uint64_t>(view.length) <= 8 * static_cast<std::uint64_t>(validity.size),
            "An Arrow buffer is too short.");
    require(count_bits(validity.data, view.length) == view.length - nulls,
            "An Arrow column has a wrong number of nulls.");
    view.validity = validity.data;
  }
  switch (field.type) {
    case ArrowType::kBool:
      view.data = sized_buffer(view.length, 1);
      break;
    case ArrowType::kUtf8:
    case ArrowType::kBinary:
      bytes<std::int32_t>(view);
      break;
    case ArrowType::kLargeUtf8:
    case ArrowType::kLargeBinary:
      bytes<std::int64_t>(view);
      break;
    case ArrowType::kList:
      list<std::int32_t>(field, view);
      break;
    case ArrowType::kLargeList:
      list<std::int64_t>(field, view);
      break;
    case ArrowType::kFixedSizeList:
      view.children.push_back(column(field.children[0], -1));
      require(view.children[0].length / field.list_size >= view.length, "An Arrow list is too short.");
      break;
    case ArrowType::kStruct:
      require(view.validity == nullptr, "An Arrow struct has missing rows.");
      for (const ArrowField& child : field.children) view.children.push_back(column(child, view.length));
      break;
    default:
      view.data = sized_buffer(view.length, 8 * arrow_width(field.type));
  }
  return view;
}

void read_batch(const Message& message, Stream& stream) {
  require(!message.header.has(3), "An Arrow batch is compressed.");
  const auto rows = message.header.scalar<std::int64_t>(0, 0);
  require(rows >= 0 && rows <= (std::int64_t{1} << 52) - stream.rows, "An Arrow batch has a wrong length.");
  BatchReader reader(message.header, message.body);
  for (std::size_t i = 0; i < stream.fields.size(); ++i) {
    stream.columns[i].push_back(reader.column(stream.fields[i], rows));
  }
  require(reader.is_done(), "An Arrow batch has too many columns.");
  stream.rows += rows;
}

}  // namespace

int arrow_width(ArrowType type) {
  switch (type) {
    case ArrowType::kInt8:
    case ArrowType::kUint8:
      return 1;
    case ArrowType::kInt16:
    case ArrowType::kUint16:
    case ArrowType::kFloat16:
      return 2;
    case ArrowType::kInt32:
    case ArrowType::kUint32:
    case ArrowType::kFloat32:
    case ArrowType::kDate32:
      return 4;
    case ArrowType::kInt64:
    case ArrowType::kUint64:
    case ArrowType::kFloat64:
    case ArrowType::kTimestampMicro:
    case ArrowType::kTimestampNano:
    case ArrowType::kDurationMicro:
    case ArrowType::kTime64Micro:
      return 8;
    default:
      return 0;
  }
}

Stream read_stream(Span bytes) {
  Cursor cursor{bytes};
  Span metadata;
  require(next_metadata(cursor, metadata), "An Arrow stream is empty.");
  const Message first = read_message(cursor, metadata);
  require(first.kind == 1, "An Arrow stream does not begin with a schema.");
  Stream stream;
  stream.fields = read_schema(first.header);
  stream.columns.resize(stream.fields.size());
  while (next_metadata(cursor, metadata)) {
    const Message message = read_message(cursor, metadata);
    require(message.kind == 3, "An Arrow stream holds a message that is not in the profile.");
    read_batch(message, stream);
  }
  return stream;
}

}  // namespace instep
