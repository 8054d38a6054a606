// Writes manifests in their canonical form: fields in tag order, zero and empty left out unless they have presence.
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include "values_manifest.h"

namespace instep {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;

constexpr std::uint32_t kVarint = WireFormatLite::WIRETYPE_VARINT;
constexpr std::uint32_t kBytes = WireFormatLite::WIRETYPE_LENGTH_DELIMITED;

// Appends fields to a message. The caller keeps to tag order. `present_` fields are written even when zero or empty.
class Writer {
 public:
  void present_number(int field, std::int64_t value) {
    varint(static_cast<std::uint64_t>(field) << 3 | kVarint);
    varint(static_cast<std::uint64_t>(value));
  }
  void number(int field, std::int64_t value) {
    if (value != 0) present_number(field, value);
  }
  void optional(int field, const OptionalIndex& value) {
    if (value) present_number(field, *value);
  }
  void present_text(int field, std::string_view text) {
    varint(static_cast<std::uint64_t>(field) << 3 | kBytes);
    varint(text.size());
    bytes_.append(text);
  }
  void text(int field, std::string_view text) {
    if (!text.empty()) present_text(field, text);
  }
  void message(int field, const Writer& message) { present_text(field, message.bytes_); }
  template <typename Number>
  void packed(int field, const std::vector<Number>& numbers) {
    if (numbers.empty()) return;
    Writer inner;
    for (const Number number : numbers) inner.varint(static_cast<std::uint64_t>(static_cast<std::int64_t>(number)));
    message(field, inner);
  }
  std::string take() { return std::move(bytes_); }

 private:
  void varint(std::uint64_t value) {
    std::uint8_t buffer[10];
    const std::uint8_t* end = CodedOutputStream::WriteVarint64ToArray(value, buffer);
    bytes_.append(reinterpret_cast<const char*>(buffer), end - buffer);
  }

  std::string bytes_;
};

void write_params(Writer& out, int field, const Params& params) {
  for (const KeyValue& entry : params) {
    Writer inner;
    inner.text(1, entry.key);
    inner.text(2, entry.value);
    out.message(field, inner);
  }
}

void write_names(Writer& out, int field, const std::vector<Name>& names) {
  for (const Name& name : names) {
    Writer inner;
    if (name) inner.present_text(1, *name);
    out.message(field, inner);
  }
}

void write_attrs(Writer& out, int field, const std::vector<Attr>& attrs) {
  for (const Attr& attr : attrs) {
    Writer inner;
    inner.text(1, attr.name);
    inner.number(2, attr.value);
    out.message(field, inner);
  }
}

void write_columns(Writer& out, int field, const std::vector<ColumnNode>& columns) {
  for (const ColumnNode& column : columns) {
    Writer inner;
    if (column.label) inner.present_text(1, *column.label);
    inner.text(2, column.logical);
    inner.optional(3, column.levels);
    write_params(inner, 4, column.params);
    inner.number(5, column.index);
    write_attrs(inner, 6, column.attrs);
    write_columns(inner, 7, column.columns);
    out.message(field, inner);
  }
}

Writer write_digest(const Digest& digest) {
  Writer out;
  out.text(1, digest.hash);
  out.number(2, digest.size);
  return out;
}

// The message of each kind, and its field number in Node.
struct KindWriter {
  Writer& node;

  void operator()(const NullNode&) const { node.message(1, Writer()); }
  void operator()(const Boxed<VectorNode>& x) const {
    Writer out;
    out.text(1, x->logical);
    out.number(2, static_cast<std::int64_t>(x->shape));
    out.number(3, x->part);
    out.number(4, x->start);
    out.number(5, x->count);
    out.optional(6, x->names);
    out.optional(7, x->levels);
    write_params(out, 8, x->params);
    node.message(2, out);
  }
  void operator()(const Boxed<ArrayNode>& x) const {
    Writer out;
    out.text(1, x->logical);
    out.number(2, x->part);
    out.packed(3, x->dims);
    out.number(4, x->column_major);
    out.packed(5, x->dimnames);
    write_names(out, 6, x->dimnames_names);
    out.optional(7, x->levels);
    write_params(out, 8, x->params);
    node.message(3, out);
  }
  void operator()(const Boxed<TableNode>& x) const {
    Writer out;
    out.number(1, x->part);
    out.number(2, x->rows);
    write_columns(out, 3, x->columns);
    out.text(4, x->family);
    node.message(4, out);
  }
  void operator()(const SeqNode& x) const {
    Writer out;
    out.packed(1, x.values);
    out.text(2, x.family);
    node.message(5, out);
  }
  void operator()(const RecordNode& x) const {
    Writer out;
    write_names(out, 1, x.names);
    out.packed(2, x.values);
    node.message(6, out);
  }
  void operator()(const PairsNode& x) const {
    Writer out;
    out.packed(1, x.keys);
    out.packed(2, x.values);
    node.message(7, out);
  }
  void operator()(const Boxed<SparseNode>& x) const {
    Writer out;
    out.number(1, static_cast<std::int64_t>(x->layout));
    out.packed(2, x->dims);
    out.number(3, x->indptr);
    out.number(4, x->indices);
    out.optional(5, x->values);
    out.packed(6, x->dimnames);
    node.message(8, out);
  }
  void operator()(const Boxed<OpaqueNode>& x) const {
    Writer out;
    out.text(1, x->language);
    out.text(2, x->codec);
    out.text(3, x->runtime);
    write_params(out, 4, x->requires_);
    for (const std::string& name : x->classes) out.present_text(5, name);
    out.text(6, x->preview);
    out.number(7, x->body);
    out.packed(8, x->buffers);
    node.message(9, out);
  }
  void operator()(const Boxed<Digest>& x) const { node.message(10, write_digest(*x)); }
};

Writer write_node(const Node& node) {
  Writer out;
  std::visit(KindWriter{out}, node.kind);
  if (node.registered_type != nullptr) out.text(13, *node.registered_type);
  out.text(14, node.origin);
  write_attrs(out, 15, node.attrs);
  return out;
}

Writer write_part(const Part& part) {
  Writer out;
  if (part.inline_bytes) out.present_text(1, *part.inline_bytes);
  if (part.blob) out.message(2, write_digest(*part.blob));
  out.number(3, part.offset);
  out.number(4, part.length);
  return out;
}

}  // namespace

std::string write_manifest(const Manifest& manifest) {
  Writer out;
  out.number(1, kFormat);
  for (const Node& node : manifest.nodes) out.message(2, write_node(node));
  for (const Part& part : manifest.parts) out.message(3, write_part(part));
  out.number(4, manifest.portable);
  out.text(5, manifest.producer);
  return out.take();
}

}  // namespace instep
