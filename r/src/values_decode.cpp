// Theory of operation. Each node is decoded at most once and kept until the end, so that a manifest that names one node
// many times stays small in memory: R shares the object. For the same reason no row of a part may belong to two nodes.
// A node counts as often as it is named, though: else a few nodes would make a value that takes ages to walk.
#include "values_decode.h"

#include <algorithm>
#include <cpp11/function.hpp>
#include <cstring>
#include <limits>

#include "values_error.h"

namespace instep {
namespace {

constexpr std::int64_t kMaxFrameRows = std::numeric_limits<int>::max();

// A part that is an Arrow stream, and how many of its rows were taken.
struct OpenPart {
  Stream stream;
  std::int64_t taken = 0;
};

// How far the decoding is, in a manifest and those that it embeds.
struct Progress {
  int depth = 0;
  // Number of nodes so far, each as often as it is named.
  std::int64_t count = 0;
};

class Decoder {
 public:
  Decoder(Span bytes, BlobReader& blobs, const DecodeOptions& options, Path& path, Progress& progress)
      : bytes_(bytes),
        manifest_(read_manifest(bytes)),
        blobs_(blobs),
        options_(options),
        path_(path),
        progress_(progress),
        memo_(allocate(VECSXP, static_cast<std::int64_t>(manifest_.nodes.size()))),
        sizes_(manifest_.nodes.size()),
        parts_(manifest_.parts.size()) {}
  // The memo would make R copy values before their first change.
  ~Decoder() {
    for (R_xlen_t i = 0; i < Rf_xlength(memo_); ++i) SET_VECTOR_ELT(memo_, i, R_NilValue);
  }

  SEXP node(Index index);
  Item item(std::int64_t index);

 private:
  cpp11::sexp decode_node(Index index);
  cpp11::sexp decode(const Boxed<VectorNode>& node, Index index);
  cpp11::sexp decode(const Boxed<ArrayNode>& node, Index index);
  cpp11::sexp decode(const Boxed<TableNode>& node, Index index);
  cpp11::sexp decode(const SeqNode& node, Index index);
  cpp11::sexp decode(const RecordNode& node, Index index);
  cpp11::sexp decode(const PairsNode& node, Index index);
  cpp11::sexp decode(const Boxed<SparseNode>& node, Index index);
  cpp11::sexp decode(const Boxed<OpaqueNode>& node, Index index);
  cpp11::sexp decode(const Boxed<Digest>& node, Index index);
  cpp11::sexp decode(const NullNode&, Index) { return R_NilValue; }

  Span part_bytes(Index part);
  OpenPart& open_part(Index part);
  // Rows of the only column of a part.
  template <typename Node>
  Slice column(const Node& node, std::int64_t start, std::int64_t count);
  ColumnHints hints(const Params& params, const OptionalIndex& levels, const std::vector<Attr>& attrs, bool is_own);
  void set_attributes(SEXP x, const std::vector<Attr>& attrs, bool is_own);
  void set_colnames(SEXP x, const std::vector<Attr>& attrs);
  cpp11::sexp frame_column(const Slice& slice, const ColumnNode& column, const std::string& family, bool is_own);
  cpp11::sexp inner_frame(const Slice& slice, const ColumnNode& column, const std::string& family, bool is_own);
  // Names and levels: a string vector.
  SEXP strings(Index index);
  // Does something at a place one step further inside, which its errors then tell.
  template <typename Body>
  void inside(SEXP names, std::size_t step, Body&& body) {
    path_.enter(names, static_cast<R_xlen_t>(step));
    try {
      body();
    } catch (DecodeError& error) {
      if (!error.path) error.path = path_.text();
      throw;
    }
    path_.leave();
  }
  // The values of a list; `names` are for the path.
  cpp11::sexp list(const std::vector<Index>& values, SEXP names = R_NilValue);
  cpp11::sexp dimnames(const std::vector<Index>& dimnames, const std::vector<Name>& names);
  cpp11::sexp handle(const OpaqueNode& opaque, Index index, const char* reason);
  std::string standalone(const OpaqueNode& opaque, Index index);

  bool is_own(Index index) const { return manifest_.nodes[index].origin == "r"; }

  Span bytes_;
  Manifest manifest_;
  BlobReader& blobs_;
  const DecodeOptions& options_;
  // Where the node is that is being decoded.
  Path& path_;
  Progress& progress_;
  cpp11::sexp memo_;
  // Number of nodes below and including each, for those that are decoded; 0 for the others.
  std::vector<std::int64_t> sizes_;
  std::vector<std::unique_ptr<OpenPart>> parts_;
};

cpp11::sexp names_vector(const std::vector<Name>& names) {
  cpp11::sexp out = allocate(STRSXP, static_cast<std::int64_t>(names.size()));
  for (std::size_t i = 0; i < names.size(); ++i) {
    SET_STRING_ELT(out, i, names[i] ? STRING_ELT(text_scalar(*names[i]), 0) : NA_STRING);
  }
  return out;
}

bool has_class(SEXP x, const char* name) { return Rf_inherits(x, name) != FALSE; }

bool is_note(const std::string& name) {
  for (const char* prefix : {"r.", "python.", "numpy.", "pandas.", "polars.", "pyarrow."}) {
    if (name.compare(0, std::strlen(prefix), prefix) == 0) return true;
  }
  return false;
}

SEXP Decoder::node(Index index) {
  const std::int64_t before = progress_.count;
  progress_.count += std::max(sizes_[index], std::int64_t{1});
  require(progress_.count <= static_cast<std::int64_t>(kMaxNodes), "The value has too many nodes.");
  if (sizes_[index] == 0) {
    require(++progress_.depth <= kMaxDepth, "The value is nested too deeply.");
    SET_VECTOR_ELT(memo_, index, decode_node(index));
    --progress_.depth;
    sizes_[index] = progress_.count - before;
  }
  return VECTOR_ELT(memo_, index);
}

cpp11::sexp Decoder::decode_node(Index index) {
  const Node& node = manifest_.nodes[index];
  cpp11::sexp out = std::visit([&](const auto& kind) { return decode(kind, index); }, node.kind);
  if (node.registered_type == nullptr) return out;
  const SEXP type = options_.types.of_name(*node.registered_type);
  return type == R_NilValue ? out : from_portable(type, out, path_.text());
}

// ---- parts

Span Decoder::part_bytes(Index index) {
  const Part& part = manifest_.parts[index];
  const Span bytes = part.blob ? blobs_.read(*part.blob)
                               : Span{reinterpret_cast<const std::uint8_t*>(part.inline_bytes->data()),
                                      part.inline_bytes->size()};
  return {bytes.data + part.offset, static_cast<std::size_t>(part.length)};
}

OpenPart& Decoder::open_part(Index index) {
  std::unique_ptr<OpenPart>& part = parts_[index];
  if (part == nullptr) {
    part = std::make_unique<OpenPart>();
    part->stream = read_stream(part_bytes(index));
  }
  return *part;
}

template <typename Node>
Slice Decoder::column(const Node& node, std::int64_t start, std::int64_t count) {
  require(node.logical != "list", "Lists are in columns of data frames only.");
  OpenPart& part = open_part(node.part);
  require(part.stream.fields.size() == 1, "A part does not have one column.");
  require(start <= part.stream.rows && count <= part.stream.rows - start, "A vector lies outside its part.");
  part.taken += count;
  require(part.taken <= part.stream.rows, "Rows of a part belong to two values.");
  return {part.stream.fields[0], part.stream.columns[0], start, count};
}

// ---- attributes

ColumnHints Decoder::hints(const Params& params, const OptionalIndex& levels, const std::vector<Attr>& attrs,
                           bool is_own) {
  ColumnHints out;
  out.params = &params;
  out.path = &path_;
  if (levels) out.levels = strings(*levels);
  if (!is_own) return out;
  for (const Attr& attr : attrs) {
    const auto is_text = [&](const char* text) {
      const SEXP value = node(attr.value);
      for (R_xlen_t i = 0; TYPEOF(value) == STRSXP && i < Rf_xlength(value); ++i) {
        if (std::strcmp(CHAR(STRING_ELT(value, i)), text) == 0) return true;
      }
      return false;
    };
    if (attr.name == "r.storage") out.is_integer = is_text("integer");
    if (attr.name == "r.type") out.is_raw = is_text("raw");
    if (attr.name == "r.tzone") out.tzone = cpp11::sexp(node(attr.value));
    if (attr.name == "r.na_level") out.na_level = cpp11::safe[Rf_asInteger](node(attr.value));
    if (attr.name == "r.na_codes") out.na_codes = node(attr.value);
    if (attr.name == "class") out.is_integer64 = is_text("integer64");
  }
  return out;
}

// The class comes last: R checks other attributes by it.
void Decoder::set_attributes(SEXP x, const std::vector<Attr>& attrs, bool is_own) {
  if (!is_own || x == R_NilValue) return;
  for (const bool is_class : {false, true}) {
    for (const Attr& attr : attrs) {
      if (is_note(attr.name) || (attr.name == "class") != is_class) continue;
      set_attribute(x, attr.name.c_str(), node(attr.value));
    }
  }
}

SEXP Decoder::strings(Index index) {
  const auto* vector = std::get_if<Boxed<VectorNode>>(&manifest_.nodes[index].kind);
  require(vector != nullptr && (*vector)->logical == "string", "Names or levels are not a string vector.");
  return node(index);
}

// ---- vectors and arrays

cpp11::sexp Decoder::decode(const Boxed<VectorNode>& vector, Index index) {
  const std::vector<Attr>& attrs = manifest_.nodes[index].attrs;
  ColumnHints hints = this->hints(vector->params, vector->levels, attrs, is_own(index));
  hints.is_scalar = vector->shape != Shape::kVector;
  cpp11::sexp out = decode_column(column(*vector, vector->start, vector->count), vector->logical, hints);
  if (vector->names) {
    const SEXP names = strings(*vector->names);
    require(Rf_xlength(names) == vector->count && TYPEOF(out) != NILSXP, "A vector has a wrong number of names.");
    set_attribute(out, "names", names);
  }
  set_attributes(out, attrs, is_own(index));
  return out;
}

cpp11::sexp Decoder::dimnames(const std::vector<Index>& dimnames, const std::vector<Name>& names) {
  cpp11::sexp out = allocate(VECSXP, static_cast<std::int64_t>(std::max(dimnames.size(), names.size())));
  for (std::size_t i = 0; i < dimnames.size(); ++i) {
    if (dimnames[i] != -1) SET_VECTOR_ELT(out, i, strings(dimnames[i]));
  }
  if (!names.empty()) set_attribute(out, "names", names_vector(names));
  return out;
}

// Number of cells. Throws when R could not hold the array.
std::int64_t cell_count(const std::vector<std::int64_t>& dims) {
  std::int64_t total = 1;
  for (const std::int64_t dim : dims) {
    require(dim <= std::numeric_limits<int>::max(), "An array has an extent beyond 2^31 - 1, which R can't hold.");
    require(dim == 0 || total <= (std::int64_t{1} << 52) / dim, "An array has too many cells.");
    total *= dim;
  }
  return total;
}

cpp11::sexp dims_vector(const std::vector<std::int64_t>& dims) {
  cpp11::sexp out = allocate(INTSXP, static_cast<std::int64_t>(dims.size()));
  std::copy(dims.begin(), dims.end(), INTEGER(out));
  return out;
}

cpp11::sexp Decoder::decode(const Boxed<ArrayNode>& array, Index index) {
  const std::vector<Attr>& attrs = manifest_.nodes[index].attrs;
  require(array->logical != "time", "An array of times of day is not supported.");
  const std::int64_t cells = cell_count(array->dims);
  require(cells == open_part(array->part).stream.rows, "An array has a wrong number of cells.");
  const ColumnHints hints = this->hints(array->params, array->levels, attrs, is_own(index));
  cpp11::sexp out = decode_column(column(*array, 0, cells), array->logical, hints);
  if (!array->column_major && array->dims.size() > 1) out = first_index_fastest(out, array->dims);
  if (!array->dims.empty()) set_attribute(out, "dim", dims_vector(array->dims));
  if (!array->dimnames.empty() || !array->dimnames_names.empty()) {
    for (std::size_t i = 0; i < array->dimnames.size(); ++i) {
      if (array->dimnames[i] == -1) continue;
      require(Rf_xlength(strings(array->dimnames[i])) == array->dims[i], "An array has a wrong number of names.");
    }
    set_attribute(out, "dimnames", dimnames(array->dimnames, array->dimnames_names));
  }
  set_attributes(out, attrs, is_own(index));
  return out;
}

// ---- lists

cpp11::sexp Decoder::list(const std::vector<Index>& values, SEXP names) {
  cpp11::sexp out = allocate(VECSXP, static_cast<std::int64_t>(values.size()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    inside(names, i, [&] { SET_VECTOR_ELT(out, i, node(values[i])); });
  }
  return out;
}

cpp11::sexp Decoder::decode(const SeqNode& seq, Index index) {
  cpp11::sexp out = list(seq.values);
  set_attributes(out, manifest_.nodes[index].attrs, is_own(index));
  return out;
}

cpp11::sexp Decoder::decode(const RecordNode& record, Index index) {
  const cpp11::sexp names = names_vector(record.names);
  cpp11::sexp out = list(record.values, names);
  set_attribute(out, "names", names);
  set_attributes(out, manifest_.nodes[index].attrs, is_own(index));
  return out;
}

cpp11::sexp Decoder::decode(const PairsNode& pairs, Index) {
  cpp11::sexp out = allocate(VECSXP, 2);
  SET_VECTOR_ELT(out, 0, list(pairs.keys));
  SET_VECTOR_ELT(out, 1, list(pairs.values));
  set_attribute(out, "names", names_vector({"keys", "values"}));
  set_class(out, {"instep_pairs"});
  return out;
}

// ---- data frames

// Row names of R are one column of text or integers, each once and none missing.
bool can_be_row_names(SEXP x) {
  if (TYPEOF(x) != STRSXP && (TYPEOF(x) != INTSXP || Rf_isObject(x))) return false;
  for (R_xlen_t i = 0; i < Rf_xlength(x); ++i) {
    if (TYPEOF(x) == STRSXP ? STRING_ELT(x, i) == NA_STRING : INTEGER(x)[i] == NA_INTEGER) return false;
  }
  return cpp11::safe[Rf_any_duplicated](x, FALSE) == 0;
}

cpp11::sexp automatic_row_names(std::int64_t rows) {
  cpp11::sexp out = allocate(INTSXP, 2);
  INTEGER(out)[0] = NA_INTEGER;
  INTEGER(out)[1] = -static_cast<int>(rows);
  return out;
}

void set_frame_class(SEXP x, const std::string& family) {
  if (family == "tibble" && is_installed("tibble")) return set_class(x, {"tbl_df", "tbl", "data.frame"});
  if (family == "data.table" && is_installed("data.table")) return set_class(x, {"data.table", "data.frame"});
  set_class(x, {"data.frame"});
}

// Whoever wrote a matrix can have named its columns; other attributes mean something in their own language only.
void Decoder::set_colnames(SEXP x, const std::vector<Attr>& attrs) {
  if (Rf_getAttrib(x, R_DimSymbol) == R_NilValue) return;
  for (const Attr& attr : attrs) {
    if (attr.name == "dimnames") set_attribute(x, "dimnames", node(attr.value));
  }
}

// `family` is the class of the frame around it.
cpp11::sexp Decoder::frame_column(const Slice& slice, const ColumnNode& column, const std::string& family,
                                  bool is_own) {
  if (column.logical == "struct") return inner_frame(slice, column, family, is_own);
  require(column.columns.empty(), "A column that is no frame has columns inside.");
  const ColumnHints hints = this->hints(column.params, column.levels, column.attrs, is_own);
  cpp11::sexp out = decode_column(slice, column.logical, hints);
  set_attributes(out, column.attrs, is_own);
  if (!is_own) set_colnames(out, column.attrs);
  return out;
}

cpp11::sexp Decoder::inner_frame(const Slice& slice, const ColumnNode& column, const std::string& around,
                                 bool is_own) {
  const std::vector<ArrowField>& fields = slice.field.children;
  require(slice.field.type == ArrowType::kStruct && fields.size() == column.columns.size(),
          "A data frame inside of a data frame has a wrong number of columns.");
  std::string family = around;
  for (const KeyValue& param : column.params) {
    if (param.key == "family") family = param.value;
  }
  std::vector<Name> labels;
  for (const ColumnNode& child : column.columns) labels.push_back(child.label);
  const cpp11::sexp names = names_vector(labels);
  cpp11::sexp out = allocate(VECSXP, static_cast<std::int64_t>(labels.size()));
  for (std::size_t i = 0; i < labels.size(); ++i) {
    require(!column.columns[i].index, "A data frame inside of a data frame has an index.");
    std::vector<ArrayView> chunks;
    for (const ArrayView& chunk : slice.chunks) chunks.push_back(chunk.children[i]);
    inside(names, i, [&] {
      const Slice child{fields[i], chunks, slice.start, slice.count};
      SET_VECTOR_ELT(out, i, frame_column(child, column.columns[i], family, is_own));
    });
  }
  set_attribute(out, "names", names);
  set_attribute(out, "row.names", automatic_row_names(slice.count));
  set_frame_class(out, family);
  set_attributes(out, column.attrs, is_own);
  return out;
}

cpp11::sexp Decoder::decode(const Boxed<TableNode>& table, Index index) {
  const Node& node = manifest_.nodes[index];
  OpenPart& part = open_part(table->part);
  require(table->rows <= kMaxFrameRows, "A data frame has more than 2^31 - 1 rows, which R can't hold.");
  require(part.stream.fields.size() == table->columns.size(), "A data frame has a wrong number of columns.");
  require(table->columns.empty() || part.stream.rows == table->rows, "A data frame has a wrong number of rows.");
  require(part.taken == 0, "Rows of a part belong to two values.");
  part.taken = part.stream.rows;
  cpp11::sexp columns = allocate(VECSXP, static_cast<std::int64_t>(table->columns.size()));
  std::vector<Name> labels;
  for (const ColumnNode& column : table->columns) {
    labels.push_back(column.index && !column.label ? "index" : column.label);
  }
  const cpp11::sexp names = names_vector(labels);
  std::size_t indices = 0;
  for (std::size_t i = 0; i < table->columns.size(); ++i) {
    const ColumnNode& column = table->columns[i];
    const Slice slice{part.stream.fields[i], part.stream.columns[i], 0, table->rows};
    inside(names, i, [&] { SET_VECTOR_ELT(columns, i, frame_column(slice, column, table->family, is_own(index))); });
    require(!column.index || indices == i, "A data frame has an index that is not in front.");
    indices += column.index;
  }
  const bool has_names = indices == 1 && can_be_row_names(VECTOR_ELT(columns, 0));
  if (indices != 0 && !has_names) {
    cpp11::package("instep")["signal_loss"]("INDEX_COLUMNS", path_.text(),
                                            "has an index that is no row names of R, and is read as columns");
  }
  const std::size_t skipped = has_names ? 1 : 0;
  cpp11::sexp out = allocate(VECSXP, static_cast<std::int64_t>(labels.size() - skipped));
  for (std::size_t i = skipped; i < labels.size(); ++i) SET_VECTOR_ELT(out, i - skipped, VECTOR_ELT(columns, i));
  set_attribute(out, "names", names_vector({labels.begin() + skipped, labels.end()}));
  set_attribute(out, "row.names", has_names ? VECTOR_ELT(columns, 0) : SEXP(automatic_row_names(table->rows)));
  set_frame_class(out, table->family);
  set_attributes(out, node.attrs, is_own(index));
  if (has_class(out, "data.table")) out = cpp11::package("instep")["renew_data_table"](out);
  return out;
}

// ---- sparse matrices

cpp11::sexp Decoder::decode(const Boxed<SparseNode>& sparse, Index) {
  cpp11::sexp dims = allocate(INTSXP, 2);
  cell_count(sparse->dims);
  std::copy(sparse->dims.begin(), sparse->dims.end(), INTEGER(dims));
  cpp11::sexp names = dimnames(sparse->dimnames.empty() ? std::vector<Index>{-1, -1} : sparse->dimnames, {});
  static const char* const layouts[] = {"", "C", "R", "T"};
  cpp11::sexp values = sparse->values ? node(*sparse->values) : R_NilValue;
  return cpp11::package("instep")["make_sparse"](text_scalar(layouts[static_cast<int>(sparse->layout)]), dims,
                                                  node(sparse->indptr), node(sparse->indices), values, names);
}

// ---- opaque values

// The value as a manifest of its own. The root keeps its bytes, and so its digest.
std::string Decoder::standalone(const OpaqueNode& opaque, Index index) {
  if (index == 0 && manifest_.nodes.size() == 1) {
    return {reinterpret_cast<const char*>(bytes_.data), bytes_.size};
  }
  Manifest out;
  out.portable = false;
  out.producer = manifest_.producer;
  auto node = std::make_unique<OpaqueNode>(opaque);
  const auto move_part = [&](Index part) {
    out.parts.push_back(manifest_.parts[part]);
    return static_cast<Index>(out.parts.size() - 1);
  };
  node->body = move_part(opaque.body);
  for (Index& buffer : node->buffers) buffer = move_part(buffer);
  out.nodes.emplace_back().kind = std::move(node);
  out.nodes[0].origin = manifest_.nodes[index].origin;
  return write_manifest(out);
}

cpp11::sexp text_vector(const std::vector<std::string>& texts) {
  return names_vector({texts.begin(), texts.end()});
}

cpp11::sexp Decoder::handle(const OpaqueNode& opaque, Index index, const char* reason) {
  const std::string manifest = standalone(opaque, index);
  cpp11::sexp raw = allocate(RAWSXP, static_cast<std::int64_t>(manifest.size()));
  std::copy(manifest.begin(), manifest.end(), RAW(raw));
  return cpp11::package("instep")["new_foreign"](
      raw, text_scalar(opaque.language), text_scalar(opaque.codec), text_scalar(opaque.runtime),
      text_vector(opaque.classes), text_scalar(opaque.preview), text_scalar(manifest_.producer),
      text_scalar(reason), blobs_.fetch(), cpp11::as_sexp(options_.allow_opaque));
}

cpp11::sexp Decoder::decode(const Boxed<OpaqueNode>& opaque, Index index) {
  if (opaque->language != "r") return handle(*opaque, index, "language");
  if (opaque->codec != "r-serialize3") return handle(*opaque, index, "codec");
  if (!options_.allow_opaque) return handle(*opaque, index, "trust");
  std::vector<Name> packages, versions;
  for (const KeyValue& entry : opaque->requires_) {
    packages.emplace_back(entry.key);
    versions.emplace_back(entry.value);
  }
  cpp11::package("instep")["check_packages"](names_vector(packages), names_vector(versions));
  return unserialize_object(part_bytes(opaque->body));
}

cpp11::sexp Decoder::decode(const Boxed<Digest>& digest, Index) {
  Decoder other(blobs_.read(*digest), blobs_, options_, path_, progress_);
  return other.node(0);
}

// ---- items

// The character at a position, counted in code points.
std::string character_at(const std::string& text, std::int64_t index) {
  std::size_t start = 0;
  const auto next = [&](std::size_t at) {
    do ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80);
    return at;
  };
  for (; index > 0 && start < text.size(); --index) start = next(start);
  require(start < text.size(), "The value has no such item.");
  return text.substr(start, next(start) - start);
}

Item Decoder::item(std::int64_t index) {
  const Kind& root = manifest_.nodes[0].kind;
  const std::string* type = manifest_.nodes[0].registered_type.get();
  if (type != nullptr && options_.types.of_name(*type) != R_NilValue) return {cpp11::sexp(node(0)), false};
  const auto child = [&](const std::vector<Index>& values) {
    require(index >= 0 && index < static_cast<std::int64_t>(values.size()), "The value has no such item.");
    Item out;
    inside(R_NilValue, static_cast<std::size_t>(index), [&] { out.value = node(values[index]); });
    return out;
  };
  if (const auto* seq = std::get_if<SeqNode>(&root)) return child(seq->values);
  if (const auto* record = std::get_if<RecordNode>(&root)) return child(record->values);
  if (const auto* digest = std::get_if<Boxed<Digest>>(&root)) {
    Decoder other(blobs_.read(**digest), blobs_, options_, path_, progress_);
    return other.item(index);
  }
  const auto* vector = std::get_if<Boxed<VectorNode>>(&root);
  if (vector != nullptr && (*vector)->shape == Shape::kScalar && (*vector)->logical == "string") {
    const SEXP text = node(0);
    require(STRING_ELT(text, 0) != NA_STRING, "The value has no such item.");
    return {text_scalar(character_at(CHAR(STRING_ELT(text, 0)), index))};
  }
  return {cpp11::sexp(node(0)), false};
}

}  // namespace

cpp11::sexp decode(Span manifest, SEXP fetch, const DecodeOptions& options) {
  BlobReader blobs(fetch);
  Path path("");  // the caller knows the name of the artifact
  Progress progress;
  Decoder decoder(manifest, blobs, options, path, progress);
  return decoder.node(0);
}

Item decode_item(Span manifest, std::int64_t index, SEXP fetch, const DecodeOptions& options) {
  BlobReader blobs(fetch);
  Path path("");  // the caller knows the name of the artifact
  Progress progress;
  Decoder decoder(manifest, blobs, options, path, progress);
  return decoder.item(index);
}

}  // namespace instep
