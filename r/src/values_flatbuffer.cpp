#include "values_flatbuffer.h"

#include <algorithm>

#include "values_error.h"
#include "values_manifest.h"

namespace instep {

void FlatBuilder::align(std::size_t upcoming, std::size_t alignment) {
  reversed_.append(padding(reversed_.size() + upcoming, alignment), '\0');
}

void FlatBuilder::push(const void* data, std::size_t size) {
  const char* bytes = static_cast<const char*>(data);
  reversed_.append(std::reverse_iterator<const char*>(bytes + size), std::reverse_iterator<const char*>(bytes));
}

void FlatBuilder::push_reference(Offset target) {
  const std::uint32_t distance = size() + 4 - target;
  push(&distance, 4);
}

FlatBuilder::Offset FlatBuilder::text(std::string_view text) {
  align(text.size() + 1, 4);
  reversed_ += '\0';
  push(text.data(), text.size());
  const auto length = static_cast<std::uint32_t>(text.size());
  push(&length, 4);
  return size();
}

FlatBuilder::Offset FlatBuilder::tables(const std::vector<Offset>& items) {
  align(4 * items.size(), 4);
  for (auto item = items.rbegin(); item != items.rend(); ++item) push_reference(*item);
  const auto length = static_cast<std::uint32_t>(items.size());
  push(&length, 4);
  return size();
}

FlatBuilder::Offset FlatBuilder::words(const std::vector<std::int64_t>& words, std::size_t words_per_item) {
  align(8 * words.size(), 8);
  push(words.data(), 8 * words.size());
  const auto length = static_cast<std::uint32_t>(words.size() / words_per_item);
  push(&length, 4);
  return size();
}

void FlatBuilder::begin() {
  fields_.clear();
  table_end_ = size();
}

void FlatBuilder::reference(int slot, Offset target) {
  align(4, 4);
  push_reference(target);
  fields_.emplace_back(slot, size());
}

FlatBuilder::Offset FlatBuilder::end() {
  align(4, 4);
  const Offset table = size() + 4;
  int slots = 0;
  for (const auto& field : fields_) slots = std::max(slots, field.first + 1);
  std::vector<std::uint16_t> vtable(slots + 2, 0);
  vtable[0] = static_cast<std::uint16_t>(2 * vtable.size());
  vtable[1] = static_cast<std::uint16_t>(table - table_end_);
  for (const auto& field : fields_) vtable[field.first + 2] = static_cast<std::uint16_t>(table - field.second);
  // The vtable lies right before the table, which starts with the distance to it.
  const std::int32_t distance = vtable[0];
  push(&distance, 4);
  push(vtable.data(), vtable[0]);
  return table;
}

std::string FlatBuilder::finish(Offset root) {
  align(4, 8);
  push_reference(root);
  return {reversed_.rbegin(), reversed_.rend()};
}

FlatTable FlatTable::root(Span buffer) {
  require(buffer.size >= 4, "Arrow metadata ends too early.");
  std::uint32_t position;
  std::memcpy(&position, buffer.data, 4);
  return FlatTable(buffer, position);
}

FlatTable::FlatTable(Span buffer, std::size_t position) : buffer_(buffer), position_(position) {
  const std::int64_t vtable = static_cast<std::int64_t>(position) - load<std::int32_t>(position);
  require(vtable >= 0, "Arrow metadata points before its start.");
  vtable_ = static_cast<std::size_t>(vtable);
  vtable_size_ = load<std::uint16_t>(vtable_);
  require(vtable_size_ >= 4, "Arrow metadata has a broken table.");
  check(vtable_, vtable_size_);
}

void FlatTable::check(std::size_t at, std::size_t size) const {
  require(at <= buffer_.size && size <= buffer_.size - at, "Arrow metadata points beyond its end.");
}

std::size_t FlatTable::field(int slot) const {
  const std::size_t entry = 4 + 2 * static_cast<std::size_t>(slot);
  if (entry + 2 > vtable_size_) return 0;
  const auto offset = load<std::uint16_t>(vtable_ + entry);
  return offset == 0 ? 0 : position_ + offset;
}

FlatTable FlatTable::table(int slot) const {
  const std::size_t at = field(slot);
  require(at != 0, "Arrow metadata lacks a table.");
  return FlatTable(buffer_, follow(at));
}

std::pair<std::size_t, std::size_t> FlatTable::items(int slot, std::size_t item_size) const {
  const std::size_t at = field(slot);
  if (at == 0) return {0, 0};
  const std::size_t start = follow(at);
  const std::size_t count = load<std::uint32_t>(start);
  check(start + 4, count * item_size);
  return {start + 4, count};
}

std::string FlatTable::text(int slot) const {
  const auto [start, size] = items(slot, 1);
  const std::string_view out(reinterpret_cast<const char*>(buffer_.data) + start, size);
  require(is_utf8(out), "Arrow metadata holds text that is not UTF-8.");
  return std::string(out);
}

std::vector<FlatTable> FlatTable::tables(int slot) const {
  const auto [start, count] = items(slot, 4);
  std::vector<FlatTable> out;
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) out.push_back(FlatTable(buffer_, follow(start + 4 * i)));
  return out;
}

std::vector<std::int64_t> FlatTable::words(int slot, std::size_t words_per_item) const {
  const auto [start, count] = items(slot, 8 * words_per_item);
  std::vector<std::int64_t> out(count * words_per_item);
  if (!out.empty()) std::memcpy(out.data(), buffer_.data + start, 8 * out.size());
  return out;
}

}  // namespace instep
