// Reads manifests that nobody vouches for.
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <limits>

#include "values_error.h"
#include "values_manifest.h"

namespace instep {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

constexpr std::uint32_t kVarint = WireFormatLite::WIRETYPE_VARINT;
constexpr std::uint32_t kBytes = WireFormatLite::WIRETYPE_LENGTH_DELIMITED;

// Walks the fields of one message and of the messages in it.
class Reader {
 public:
  explicit Reader(Span bytes) : in_(bytes.data, static_cast<int>(bytes.size)) {
    require(bytes.size <= static_cast<std::size_t>(std::numeric_limits<int>::max()), "The manifest is too large.");
    in_.PushLimit(static_cast<int>(bytes.size));
  }

  // Calls `on_field(field)` for each field up to the end of the message. It reads the field, or returns false.
  template <typename OnField>
  void fields(OnField&& on_field) {
    while (in_.BytesUntilLimit() > 0) {
      tag_ = tag();
      if (!on_field(WireFormatLite::GetTagFieldNumber(tag_))) sound(WireFormatLite::SkipField(&in_, tag_));
    }
  }
  template <typename OnField>
  void message(OnField&& on_field) {
    const auto limit = begin();
    fields(on_field);
    end(limit);
  }
  std::int64_t number() {
    sound((tag_ & 7) == kVarint);
    return varint();
  }
  std::int32_t number32() { return narrow(number()); }
  std::string bytes() {
    sound((tag_ & 7) == kBytes);
    int size = 0;
    std::string out;
    sound(in_.ReadVarintSizeAsInt(&size));
    sound(in_.ReadString(&out, size));
    return out;
  }
  std::string text() {
    std::string out = bytes();
    require(is_utf8(out), "The manifest holds text that is not UTF-8.");
    return out;
  }
  // One more number, or a packed run of them.
  template <typename Number>
  void numbers(std::vector<Number>& out) {
    const auto push = [&](std::int64_t value) {
      if constexpr (sizeof(Number) == 4) {
        out.push_back(narrow(value));
      } else {
        out.push_back(value);
      }
    };
    if ((tag_ & 7) != kBytes) return push(number());
    const auto limit = begin();
    while (in_.BytesUntilLimit() > 0) push(varint());
    end(limit);
  }

 private:
  // ReadTag() would drop the upper bits of a number that is too large.
  std::uint32_t tag() {
    std::uint64_t value = 0;
    sound(in_.ReadVarint64(&value) && value <= std::numeric_limits<std::uint32_t>::max() && value >> 3 != 0);
    return static_cast<std::uint32_t>(value);
  }
  static void sound(bool holds) { require(holds, "The manifest is not a sound protobuf message."); }
  static std::int32_t narrow(std::int64_t value) {
    require(value >= std::numeric_limits<std::int32_t>::min() && value <= std::numeric_limits<std::int32_t>::max(),
            "The manifest holds a number out of range.");
    return static_cast<std::int32_t>(value);
  }
  std::int64_t varint() {
    std::uint64_t value = 0;
    sound(in_.ReadVarint64(&value));
    return static_cast<std::int64_t>(value);
  }
  CodedInputStream::Limit begin() {
    sound((tag_ & 7) == kBytes);
    int size = 0;
    // A limit beyond the one around it would count for nothing.
    sound(in_.ReadVarintSizeAsInt(&size) && size <= in_.BytesUntilLimit());
    return in_.PushLimit(size);
  }
  void end(CodedInputStream::Limit limit) {
    sound(in_.BytesUntilLimit() == 0);
    in_.PopLimit(limit);
  }

  CodedInputStream in_;
  std::uint32_t tag_ = 0;
};

KeyValue read_key_value(Reader& in) {
  KeyValue out;
  in.message([&](int field) {
    if (field == 1) return out.key = in.text(), true;
    if (field == 2) return out.value = in.text(), true;
    return false;
  });
  return out;
}

Name read_name(Reader& in) {
  Name out;
  in.message([&](int field) { return field == 1 && (out = in.text(), true); });
  return out;
}

Attr read_attr(Reader& in) {
  Attr out;
  in.message([&](int field) {
    if (field == 1) return out.name = in.text(), true;
    if (field == 2) return out.value = in.number32(), true;
    return false;
  });
  return out;
}

Digest read_digest(Reader& in) {
  Digest out;
  in.message([&](int field) {
    if (field == 1) return out.hash = in.text(), true;
    if (field == 2) return out.size = in.number(), true;
    return false;
  });
  return out;
}

Boxed<VectorNode> read_vector(Reader& in) {
  auto out = std::make_unique<VectorNode>();
  std::int32_t shape = 0;
  in.message([&](int field) {
    switch (field) {
      case 1:
        return out->logical = in.text(), true;
      case 2:
        return shape = in.number32(), true;
      case 3:
        return out->part = in.number32(), true;
      case 4:
        return out->start = in.number(), true;
      case 5:
        return out->count = in.number(), true;
      case 6:
        return out->names = in.number32(), true;
      case 7:
        return out->levels = in.number32(), true;
      case 8:
        return out->params.push_back(read_key_value(in)), true;
      default:
        return false;
    }
  });
  require(shape >= 1 && shape <= 3, "A vector of the manifest has no shape.");
  out->shape = static_cast<Shape>(shape);
  require(out->start >= 0 && out->count >= 0, "A vector of the manifest has a negative size.");
  require(out->shape == Shape::kVector || out->count == 1, "A scalar of the manifest does not have one value.");
  return out;
}

Boxed<ArrayNode> read_array(Reader& in) {
  auto out = std::make_unique<ArrayNode>();
  in.message([&](int field) {
    switch (field) {
      case 1:
        return out->logical = in.text(), true;
      case 2:
        return out->part = in.number32(), true;
      case 3:
        return in.numbers(out->dims), true;
      case 4:
        return out->column_major = in.number() != 0, true;
      case 5:
        return in.numbers(out->dimnames), true;
      case 6:
        return out->dimnames_names.push_back(read_name(in)), true;
      case 7:
        return out->levels = in.number32(), true;
      case 8:
        return out->params.push_back(read_key_value(in)), true;
      default:
        return false;
    }
  });
  for (const std::int64_t dim : out->dims) require(dim >= 0, "An array of the manifest has a negative size.");
  require(out->dimnames.empty() || out->dimnames.size() == out->dims.size(),
          "An array of the manifest has a wrong number of dimnames.");
  require(out->dimnames_names.empty() || out->dimnames_names.size() == out->dims.size(),
          "An array of the manifest has a wrong number of dimnames.");
  return out;
}

// `depth` counts the frames around the column.
ColumnNode read_column(Reader& in, int depth) {
  require(depth < kMaxFrameDepth, "Frames of the manifest are nested too deeply.");
  ColumnNode out;
  in.message([&](int field) {
    switch (field) {
      case 1:
        return out.label = in.text(), true;
      case 2:
        return out.logical = in.text(), true;
      case 3:
        return out.levels = in.number32(), true;
      case 4:
        return out.params.push_back(read_key_value(in)), true;
      case 5:
        return out.index = in.number() != 0, true;
      case 6:
        return out.attrs.push_back(read_attr(in)), true;
      case 7:
        return out.columns.push_back(read_column(in, depth + 1)), true;
      default:
        return false;
    }
  });
  return out;
}

Boxed<TableNode> read_table(Reader& in) {
  auto out = std::make_unique<TableNode>();
  in.message([&](int field) {
    switch (field) {
      case 1:
        return out->part = in.number32(), true;
      case 2:
        return out->rows = in.number(), true;
      case 3:
        return out->columns.push_back(read_column(in, 0)), true;
      case 4:
        return out->family = in.text(), true;
      default:
        return false;
    }
  });
  require(out->rows >= 0, "A table of the manifest has a negative size.");
  return out;
}

SeqNode read_seq(Reader& in) {
  SeqNode out;
  in.message([&](int field) {
    if (field == 1) return in.numbers(out.values), true;
    if (field == 2) return out.family = in.text(), true;
    return false;
  });
  return out;
}

RecordNode read_record(Reader& in) {
  RecordNode out;
  in.message([&](int field) {
    if (field == 1) return out.names.push_back(read_name(in)), true;
    if (field == 2) return in.numbers(out.values), true;
    return false;
  });
  require(out.names.size() == out.values.size(), "A record of the manifest has a wrong number of names.");
  return out;
}

PairsNode read_pairs(Reader& in) {
  PairsNode out;
  in.message([&](int field) {
    if (field == 1) return in.numbers(out.keys), true;
    if (field == 2) return in.numbers(out.values), true;
    return false;
  });
  require(out.keys.size() == out.values.size(), "A mapping of the manifest has a wrong number of keys.");
  return out;
}

Boxed<SparseNode> read_sparse(Reader& in) {
  auto out = std::make_unique<SparseNode>();
  std::int32_t layout = 0;
  in.message([&](int field) {
    switch (field) {
      case 1:
        return layout = in.number32(), true;
      case 2:
        return in.numbers(out->dims), true;
      case 3:
        return out->indptr = in.number32(), true;
      case 4:
        return out->indices = in.number32(), true;
      case 5:
        return out->values = in.number32(), true;
      case 6:
        return in.numbers(out->dimnames), true;
      default:
        return false;
    }
  });
  require(layout >= 1 && layout <= 3, "A sparse matrix of the manifest has no layout.");
  out->layout = static_cast<SparseLayout>(layout);
  require(out->dims.size() == 2 && out->dims[0] >= 0 && out->dims[1] >= 0,
          "A sparse matrix of the manifest does not have two extents.");
  require(out->dimnames.empty() || out->dimnames.size() == 2,
          "A sparse matrix of the manifest has a wrong number of dimnames.");
  return out;
}

Boxed<OpaqueNode> read_opaque(Reader& in) {
  auto out = std::make_unique<OpaqueNode>();
  in.message([&](int field) {
    switch (field) {
      case 1:
        return out->language = in.text(), true;
      case 2:
        return out->codec = in.text(), true;
      case 3:
        return out->runtime = in.text(), true;
      case 4:
        return out->requires_.push_back(read_key_value(in)), true;
      case 5:
        return out->classes.push_back(in.text()), true;
      case 6:
        return out->preview = in.text(), true;
      case 7:
        return out->body = in.number32(), true;
      case 8:
        return in.numbers(out->buffers), true;
      default:
        return false;
    }
  });
  return out;
}

// Reads the field of Node that holds the kind. False when the field is another one.
bool read_kind(Reader& in, int field, Kind& kind) {
  switch (field) {
    case 1:
      in.message([](int) { return false; });
      return kind = NullNode{}, true;
    case 2:
      return kind = read_vector(in), true;
    case 3:
      return kind = read_array(in), true;
    case 4:
      return kind = read_table(in), true;
    case 5:
      return kind = read_seq(in), true;
    case 6:
      return kind = read_record(in), true;
    case 7:
      return kind = read_pairs(in), true;
    case 8:
      return kind = read_sparse(in), true;
    case 9:
      return kind = read_opaque(in), true;
    case 10:
      return kind = std::make_unique<Digest>(read_digest(in)), true;
    default:
      return false;
  }
}

Node read_node(Reader& in) {
  Node out;
  int kinds = 0;
  in.message([&](int field) {
    if (read_kind(in, field, out.kind)) return ++kinds, true;
    if (field == 13) return out.registered_type = std::make_unique<std::string>(in.text()), true;
    if (field == 14) return out.origin = in.text(), true;
    if (field == 15) return out.attrs.push_back(read_attr(in)), true;
    return false;
  });
  require(kinds == 1, "A node of the manifest does not have exactly one known kind.");
  return out;
}

Part read_part(Reader& in) {
  Part out;
  in.message([&](int field) {
    switch (field) {
      case 1:
        return out.inline_bytes = in.bytes(), true;
      case 2:
        return out.blob = read_digest(in), true;
      case 3:
        return out.offset = in.number(), true;
      case 4:
        return out.length = in.number(), true;
      default:
        return false;
    }
  });
  require(out.inline_bytes.has_value() != out.blob.has_value(), "A part of the manifest does not have one source.");
  const std::int64_t size = out.blob ? out.blob->size : static_cast<std::int64_t>(out.inline_bytes->size());
  require(out.offset >= 0 && out.length >= 0 && out.offset <= size && out.length <= size - out.offset,
          "A part of the manifest lies outside its bytes.");
  return out;
}

// Calls back for each node and each part that a node names.
template <typename OnNode, typename OnPart>
struct Links {
  OnNode on_node;
  OnPart on_part;

  void optional(const OptionalIndex& index) const {
    if (index) on_node(*index);
  }
  void list(const std::vector<Index>& indices) const {
    for (const Index index : indices) on_node(index);
  }
  void dimnames(const std::vector<Index>& indices) const {
    for (const Index index : indices) {
      if (index != -1) on_node(index);
    }
  }
  void attrs(const std::vector<Attr>& attrs) const {
    for (const Attr& attr : attrs) on_node(attr.value);
  }
  void columns(const std::vector<ColumnNode>& columns) const {
    for (const ColumnNode& column : columns) {
      optional(column.levels);
      attrs(column.attrs);
      this->columns(column.columns);
    }
  }
  void operator()(const NullNode&) const {}
  void operator()(const Boxed<VectorNode>& x) const {
    on_part(x->part);
    optional(x->names);
    optional(x->levels);
  }
  void operator()(const Boxed<ArrayNode>& x) const {
    on_part(x->part);
    dimnames(x->dimnames);
    optional(x->levels);
  }
  void operator()(const Boxed<TableNode>& x) const {
    on_part(x->part);
    columns(x->columns);
  }
  void operator()(const SeqNode& x) const { list(x.values); }
  void operator()(const RecordNode& x) const { list(x.values); }
  void operator()(const PairsNode& x) const {
    list(x.keys);
    list(x.values);
  }
  void operator()(const Boxed<SparseNode>& x) const {
    on_node(x->indptr);
    on_node(x->indices);
    optional(x->values);
    dimnames(x->dimnames);
  }
  void operator()(const Boxed<OpaqueNode>& x) const {
    on_part(x->body);
    for (const Index index : x->buffers) on_part(index);
  }
  void operator()(const Boxed<Digest>&) const {}
};

template <typename OnNode, typename OnPart>
Links(OnNode, OnPart) -> Links<OnNode, OnPart>;

// Children lie after their parent, so one pass finds every bad index and the depth of every node.
void check_links(const Manifest& manifest) {
  const auto nodes = static_cast<Index>(manifest.nodes.size());
  const auto parts = static_cast<Index>(manifest.parts.size());
  std::vector<int> depths(nodes, 1);
  for (Index parent = 0; parent < nodes; ++parent) {
    const auto on_node = [&](Index child) {
      require(child > parent && child < nodes, "A node of the manifest names a node that is not after it.");
      depths[child] = std::max(depths[child], depths[parent] + 1);
      require(depths[child] <= kMaxDepth, "The manifest is nested too deeply.");
    };
    const auto on_part = [&](Index part) {
      require(part >= 0 && part < parts, "A node of the manifest names a part that is not there.");
    };
    const Links links{on_node, on_part};
    std::visit(links, manifest.nodes[parent].kind);
    links.attrs(manifest.nodes[parent].attrs);
  }
}

}  // namespace

const std::string* find_param(const Params& params, std::string_view key) {
  for (const KeyValue& entry : params) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

Manifest read_manifest(Span bytes) {
  Reader in(bytes);
  Manifest out;
  out.portable = false;
  std::int32_t format = 0;
  in.fields([&](int field) {
    switch (field) {
      case 1:
        return format = in.number32(), true;
      case 2:
        require(out.nodes.size() < kMaxNodes, "The manifest has too many nodes.");
        return out.nodes.push_back(read_node(in)), true;
      case 3:
        return out.parts.push_back(read_part(in)), true;
      case 4:
        return out.portable = in.number() != 0, true;
      case 5:
        return out.producer = in.text(), true;
      default:
        return false;
    }
  });
  if (format != kFormat) {
    throw DecodeError("FORMAT_UNKNOWN", "The manifest has format " + std::to_string(format) +
                                            ", and this version of Instep reads format " + std::to_string(kFormat) +
                                            ".");
  }
  require(!out.nodes.empty(), "The manifest has no nodes.");
  check_links(out);
  return out;
}

}  // namespace instep
