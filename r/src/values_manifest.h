// The manifest of a value: value.proto as C++ types, and its wire format.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "values_bytes.h"

namespace instep {

constexpr std::int32_t kFormat = 1;
constexpr std::size_t kMaxNodes = 1000000;
constexpr int kMaxDepth = 256;

enum class Shape : std::int32_t { kScalar = 1, kUnit = 2, kVector = 3 };

struct KeyValue {
  std::string key;
  std::string value;
};
using Params = std::vector<KeyValue>;

// The value of an entry, or null.
const std::string* find_param(const Params& params, std::string_view key);

// A name that can be missing.
using Name = std::optional<std::string>;
using Index = std::int32_t;
using OptionalIndex = std::optional<std::int32_t>;

struct Attr {
  std::string name;
  Index value = 0;
};

struct NullNode {};

struct VectorNode {
  std::string logical;
  Shape shape = Shape::kVector;
  Index part = 0;
  std::int64_t start = 0;
  std::int64_t count = 0;
  OptionalIndex names;
  OptionalIndex levels;
  Params params;
};

struct ArrayNode {
  std::string logical;
  Index part = 0;
  std::vector<std::int64_t> dims;
  bool column_major = false;
  std::vector<Index> dimnames;
  std::vector<Name> dimnames_names;
  OptionalIndex levels;
  Params params;
};

// How many data frames can lie around a column.
constexpr int kMaxFrameDepth = 30;

struct ColumnNode {
  Name label;
  std::string logical;
  OptionalIndex levels;
  Params params;
  bool index = false;
  std::vector<Attr> attrs;
  // Of a frame inside of the frame.
  std::vector<ColumnNode> columns;
};

struct TableNode {
  Index part = 0;
  std::int64_t rows = 0;
  std::vector<ColumnNode> columns;
  std::string family;
};

struct SeqNode {
  std::vector<Index> values;
  std::string family;
};

struct RecordNode {
  std::vector<Name> names;
  std::vector<Index> values;
};

struct PairsNode {
  std::vector<Index> keys;
  std::vector<Index> values;
};

enum class SparseLayout : std::int32_t { kCsc = 1, kCsr = 2, kCoo = 3 };

struct SparseNode {
  SparseLayout layout = SparseLayout::kCsc;
  std::vector<std::int64_t> dims;
  Index indptr = 0;
  Index indices = 0;
  OptionalIndex values;
  std::vector<Index> dimnames;
};

struct OpaqueNode {
  std::string language;
  std::string codec;
  std::string runtime;
  Params requires_;
  std::vector<std::string> classes;
  std::string preview;
  Index body = 0;
  std::vector<Index> buffers;
};

// Rare or large kinds are boxed, so that a million scalars stay small.
template <typename T>
using Boxed = std::unique_ptr<T>;
using Kind = std::variant<NullNode, Boxed<VectorNode>, Boxed<ArrayNode>, Boxed<TableNode>, SeqNode, RecordNode,
                          PairsNode, Boxed<SparseNode>, Boxed<OpaqueNode>, Boxed<Digest>>;

struct Node {
  Kind kind;
  // Name of the users' own type whose portable form this is; a null pointer for all others.
  Boxed<std::string> registered_type;
  std::string origin;
  std::vector<Attr> attrs;
};

struct Part {
  // Exactly one is set.
  std::optional<std::string> inline_bytes;
  std::optional<Digest> blob;
  std::int64_t offset = 0;
  std::int64_t length = 0;
};

struct Manifest {
  std::vector<Node> nodes;
  std::vector<Part> parts;
  bool portable = true;
  std::string producer;
};

// The canonical bytes.
std::string write_manifest(const Manifest& manifest);

// Reads bytes that nobody vouches for. Throws DecodeError unless all indices, counts and limits are right.
Manifest read_manifest(Span bytes);


// True when the bytes are valid UTF-8, as RFC 3629 has it.
bool is_utf8(std::string_view text);

}  // namespace instep
