#include "values_parts.h"

#include <Rinternals.h>

#include <set>
#include <utility>

namespace instep {
namespace {

constexpr std::int64_t kPooledRows = 1024;
constexpr std::size_t kInlineSize = 4096;
constexpr std::size_t kOwnBlobSize = std::size_t{1} << 20;
constexpr std::size_t kFullPack = std::size_t{8} << 20;
constexpr std::size_t kPackAlignment = 64;

std::size_t item_size(Storage storage) {
  switch (storage) {
    case Storage::kByte:
      return 1;
    case Storage::kLogical:
    case Storage::kInteger:
      return 4;
    case Storage::kComplex:
      return 16;
    default:
      return 8;
  }
}

// Strings beyond what 32-bit offsets reach need the large type.
void widen_text(Column& column) {
  if (column.storage == Storage::kText) {
    const auto* strings = static_cast<const SEXP*>(column.data);
    std::int64_t total = 0;
    for (std::int64_t i = 0; i < column.rows; ++i) total += strings[i] == NA_STRING ? 0 : LENGTH(strings[i]);
    column.field.type = total > INT32_MAX ? ArrowType::kLargeUtf8 : ArrowType::kUtf8;
  }
  for (std::size_t i = 0; i < column.children.size(); ++i) {
    widen_text(column.children[i]);
    column.field.children[i] = column.children[i].field;
  }
}

// Keeps each blob once: equal parts have equal blobs.
void drop_doubled(std::vector<Blob>& blobs) {
  std::set<std::string> seen;
  std::vector<Blob> kept;
  for (Blob& blob : blobs) {
    if (seen.insert(blob.digest.hash).second) kept.push_back(std::move(blob));
  }
  blobs = std::move(kept);
}

// Packs parts of medium size into blobs, in order.
class Packer {
 public:
  Packer(std::vector<Part>& parts, std::vector<Blob>& blobs) : parts_(parts), blobs_(blobs) {}

  void add(std::size_t part, Rope bytes) {
    pack_.pad(kPackAlignment);
    parts_[part].offset = static_cast<std::int64_t>(pack_.size());
    members_.push_back(part);
    pack_.append(std::move(bytes));
    if (pack_.size() >= kFullPack) close();
  }
  void close() {
    if (members_.empty()) return;
    const Digest digest = pack_.digest();
    for (const std::size_t part : members_) parts_[part].blob = digest;
    blobs_.push_back({digest, std::exchange(pack_, Rope())});
    members_.clear();
  }

 private:
  std::vector<Part>& parts_;
  std::vector<Blob>& blobs_;
  Rope pack_;
  std::vector<std::size_t> members_;
};

}  // namespace

PartsWriter::Place PartsWriter::rows(const Column& column) {
  if (column.rows > kPooledRows) return {stream({column}, column.rows), 0};
  const PoolKey key(column.field.type, column.field.timezone);
  auto found = pools_.find(key);
  if (found == pools_.end()) {
    const auto index = static_cast<Index>(slots_.size());
    found = pools_.emplace(key, std::make_pair(index, Pool{column, {}})).first;
    found->second.second.column.rows = 0;
    slots_.emplace_back().pool = &found->second.second;
  }
  auto& [index, pool] = found->second;
  const std::int64_t start = pool.column.rows;
  pool.items.append(static_cast<const char*>(column.data), column.rows * item_size(column.storage));
  pool.column.rows += column.rows;
  return {index, start};
}

Index PartsWriter::stream(std::vector<Column> columns, std::int64_t rows) {
  for (Column& column : columns) widen_text(column);
  return bytes(write_stream(columns, rows));
}

Index PartsWriter::bytes(Rope bytes) {
  slots_.emplace_back().bytes = std::move(bytes);
  return static_cast<Index>(slots_.size() - 1);
}

Index PartsWriter::copy(const Part& part) {
  slots_.emplace_back().copied = &copies_.emplace_back(part);
  return static_cast<Index>(slots_.size() - 1);
}

void PartsWriter::finish(bool inline_all, std::vector<Part>& parts, std::vector<Blob>& blobs) {
  parts.resize(slots_.size());
  Packer packer(parts, blobs);
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    if (slot.copied != nullptr) {
      parts[i] = *slot.copied;
      if (parts[i].blob) blobs.push_back({*parts[i].blob, Rope(), true});
      continue;
    }
    if (slot.pool != nullptr) {
      slot.pool->column.data = slot.pool->items.data();
      widen_text(slot.pool->column);
      slot.bytes = write_stream({slot.pool->column}, slot.pool->column.rows);
    }
    const std::size_t size = slot.bytes.size();
    parts[i].length = static_cast<std::int64_t>(size);
    if (inline_all || size <= kInlineSize) {
      parts[i].inline_bytes = slot.bytes.text();
    } else if (size < kOwnBlobSize) {
      packer.add(i, std::move(slot.bytes));
    } else {
      parts[i].blob = slot.bytes.digest();
      blobs.push_back({*parts[i].blob, std::move(slot.bytes)});
    }
  }
  packer.close();
  drop_doubled(blobs);
}

}  // namespace instep
