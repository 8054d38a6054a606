// Theory of operation. One walk over the object writes nodes in pre-order and collects columns; the bytes of the parts
// are made at the end. A subtree that the table of types does not cover becomes one opaque node. Two such nodes that
// share an environment would read back with two copies of it, so the walk is then repeated with their lowest common
// ancestor as one opaque node.
#include "values_encode.h"

#include <algorithm>
#include <cpp11/function.hpp>
#include <cpp11/protect.hpp>
#include <map>

#include "values_error.h"
#include "values_frame.h"

namespace instep {
namespace {

using Position = std::vector<R_xlen_t>;

// The value does not fit the limits of a manifest, as the message says.
struct TooLarge {
  std::string message;
};

std::string grouped(int number) {
  std::string out = std::to_string(number);
  for (int at = static_cast<int>(out.size()) - 3; at > 0; at -= 3) out.insert(at, ",");
  return out;
}

SEXP list_item(SEXP list, const char* name) {
  const SEXP names = Rf_getAttrib(list, R_NamesSymbol);
  for (R_xlen_t i = 0; i < Rf_xlength(names); ++i) {
    if (std::string(CHAR(STRING_ELT(names, i))) == name) return VECTOR_ELT(list, i);
  }
  return R_NilValue;
}

// Quoted, so that R does not evaluate calls and symbols that are values here.
SEXP call_r(const char* name, SEXP argument) {
  cpp11::sexp quoted = cpp11::safe[Rf_lang2](R_QuoteSymbol, argument);
  return cpp11::package("instep")[name](quoted);
}

// Bytes of the manifest that a handle carries, or nothing when it is not a handle after all.
Span handle_manifest(SEXP x) {
  const SEXP bytes = TYPEOF(x) == VECSXP ? list_item(x, "manifest") : R_NilValue;
  return TYPEOF(bytes) == RAWSXP ? Span{RAW(bytes), static_cast<std::size_t>(XLENGTH(bytes))} : Span{};
}

std::vector<std::string> texts(SEXP x) {
  std::vector<std::string> out;
  for (R_xlen_t i = 0; i < Rf_xlength(x); ++i) out.emplace_back(Rf_translateCharUTF8(STRING_ELT(x, i)));
  return out;
}

std::string sparse_class(SEXP x) {
  const SEXP classes = Rf_getAttrib(x, R_ClassSymbol);
  return Rf_length(classes) == 1 ? CHAR(STRING_ELT(classes, 0)) : "";
}

SEXP slot(SEXP x, const char* name) { return Rf_getAttrib(x, Rf_install(name)); }

bool is_sparse(SEXP x) {
  const std::string name = sparse_class(x);
  const bool known = name == "dgCMatrix" || name == "lgCMatrix" || name == "ngCMatrix" || name == "dgRMatrix" ||
                     name == "dgTMatrix";
  if (!known) return false;
  for (const char* index : {"i", "j", "p"}) {
    const SEXP values = slot(x, index);
    if (values != R_NilValue && TYPEOF(values) != INTSXP) return false;
  }
  const SEXP dimnames = slot(x, "Dimnames");
  return TYPEOF(dimnames) == VECSXP && Rf_length(dimnames) == 2 &&
         Rf_getAttrib(dimnames, R_NamesSymbol) == R_NilValue && TYPEOF(slot(x, "Dim")) == INTSXP;
}

class Encoder {
 public:
  Encoder(Encoded& out, const TypeRegistry& types, const std::set<Position>& forced)
      : out_(out), context_(out.context), types_(types), forced_(forced) {}

  Index value(SEXP x);
  // Ancestors that have to be opaque, found on the way.
  std::set<Position> found;
  std::vector<Node> nodes;

 private:
  Index begin(const char* origin) {
    if (nodes.size() >= kMaxNodes) {
      throw TooLarge{"has more than " + grouped(kMaxNodes) +
                     " elements outside of data frames and vectors, which is the limit; " + context_.path.text() +
                     " is one too many. Store a data frame or vectors instead, to have it read by other languages"};
    }
    nodes.emplace_back().origin = origin;
    return static_cast<Index>(nodes.size() - 1);
  }
  template <typename T>
  void finish(Index index, T kind) {
    if constexpr (std::is_constructible_v<Kind, T>) {
      nodes[index].kind = std::move(kind);
    } else {
      nodes[index].kind = std::make_unique<T>(std::move(kind));
    }
  }
  PartsWriter& parts() { return *out_.parts; }

  Index null();
  Index text(SEXP strings);
  Index plain_vector(SEXP x);
  Index atomic(SEXP x);
  Index vector(SEXP x, const Atomic& atomic);
  Index array(SEXP x, SEXP dim, const Atomic& atomic);
  Index list(SEXP x);
  Index plain_list(SEXP x);
  Index pairs(SEXP x);
  ColumnNode column(const FrameColumn& column);
  Index table(const Frame& frame);
  Index sparse(SEXP x);
  Index opaque(SEXP x);
  Index handle(SEXP x);
  Index registered(SEXP type, SEXP x);
  [[noreturn]] void refuse_handle(SEXP x);

  Name name(SEXP string) { return string == NA_STRING ? Name() : Name(utf8_text(context_, string)); }
  std::vector<Index> dimnames(SEXP dimnames);
  std::vector<Index> children(SEXP list);
  std::vector<Attr> attributes(std::vector<Attribute> attributes);
  void claim_environments(SEXP x);

  Encoded& out_;
  EncodeContext& context_;
  const TypeRegistry& types_;
  const std::set<Position>& forced_;
  std::map<SEXP, Position> owners_;
};

Index Encoder::null() {
  const Index index = begin("r");
  finish(index, NullNode{});
  return index;
}

// Names, levels and the like.
Index Encoder::text(SEXP strings) {
  const Index index = begin("");
  const std::int64_t count = Rf_xlength(strings);
  const PartsWriter::Place place =
      parts().rows({ArrowField{"v", ArrowType::kUtf8, true, "", 0, {}}, Storage::kText,
                    utf8_elements(context_, strings), count, {}});
  VectorNode node;
  node.logical = "string";
  node.part = place.part;
  node.start = place.start;
  node.count = count;
  finish(index, std::move(node));
  return index;
}

// A vector that is never a scalar, without attributes.
Index Encoder::plain_vector(SEXP x) {
  Atomic atomic = describe_atomic(context_, x, false);
  atomic.is_vector = true;
  atomic.attributes.clear();
  return vector(R_NilValue, atomic);
}

std::vector<Attr> Encoder::attributes(std::vector<Attribute> attributes) {
  std::sort(attributes.begin(), attributes.end(),
            [](const Attribute& a, const Attribute& b) { return a.first < b.first; });
  std::vector<Attr> out;
  for (const auto& [name, value] : attributes) {
    context_.path.enter_attribute(name.c_str());
    out.push_back({name, this->value(value)});
    context_.path.leave();
  }
  return out;
}

Index Encoder::vector(SEXP x, const Atomic& atomic) {
  const Index index = begin(x == R_NilValue ? "" : "r");
  const std::int64_t count = atomic.column.rows;
  const PartsWriter::Place place = parts().rows(atomic.column);
  const SEXP names = Rf_getAttrib(x, R_NamesSymbol);
  VectorNode node;
  node.logical = atomic.logical;
  node.part = place.part;
  node.start = place.start;
  node.count = count;
  node.params = atomic.params;
  if (names != R_NilValue && atomic.logical != "bytes") node.names = text(names);
  if (atomic.levels != nullptr) node.levels = text(atomic.levels);
  const bool is_unit = count == 1 && !node.names && !atomic.is_vector;
  node.shape = atomic.is_scalar ? Shape::kScalar : is_unit ? Shape::kUnit : Shape::kVector;
  std::vector<Attr> attrs = attributes(atomic.attributes);
  finish(index, std::move(node));
  nodes[index].attrs = std::move(attrs);
  return index;
}

std::vector<Index> Encoder::dimnames(SEXP dimnames) {
  std::vector<Index> out;
  for (R_xlen_t i = 0; i < Rf_xlength(dimnames); ++i) {
    const SEXP names = VECTOR_ELT(dimnames, i);
    out.push_back(names == R_NilValue ? -1 : text(names));
  }
  return out;
}

Index Encoder::array(SEXP x, SEXP dim, const Atomic& atomic) {
  const Index index = begin("r");
  ArrayNode node;
  node.logical = atomic.logical;
  node.part = parts().stream({atomic.column}, atomic.column.rows);
  node.dims.assign(INTEGER(dim), INTEGER(dim) + Rf_length(dim));
  node.column_major = true;
  const SEXP names = Rf_getAttrib(x, R_DimNamesSymbol);
  node.dimnames = dimnames(names);
  const SEXP titles = Rf_getAttrib(names, R_NamesSymbol);
  for (R_xlen_t i = 0; i < Rf_xlength(titles); ++i) node.dimnames_names.push_back(name(STRING_ELT(titles, i)));
  if (atomic.levels != nullptr) node.levels = text(atomic.levels);
  node.params = atomic.params;
  std::vector<Attr> attrs = attributes(atomic.attributes);
  finish(index, std::move(node));
  nodes[index].attrs = std::move(attrs);
  return index;
}

Index Encoder::atomic(SEXP x) {
  if (!is_portable(x)) return opaque(x);
  const Atomic atomic = describe_atomic(context_, x, false);
  const SEXP dim = Rf_getAttrib(x, R_DimSymbol);
  return dim == R_NilValue ? vector(x, atomic) : array(x, dim, atomic);
}

std::vector<Index> Encoder::children(SEXP list) {
  const SEXP names = Rf_getAttrib(list, R_NamesSymbol);
  const R_xlen_t size = Rf_xlength(list);
  std::vector<Index> out;
  out.reserve(size);
  for (R_xlen_t i = 0; i < size; ++i) {
    context_.path.enter(names, i);
    out.push_back(value(VECTOR_ELT(list, i)));
    context_.path.leave();
  }
  return out;
}

Index Encoder::plain_list(SEXP x) {
  const Index index = begin("r");
  const SEXP names = Rf_getAttrib(x, R_NamesSymbol);
  std::vector<Name> labels;
  for (R_xlen_t i = 0; i < Rf_xlength(names); ++i) labels.push_back(name(STRING_ELT(names, i)));
  std::vector<Index> values = children(x);
  std::vector<Attribute> rest;
  for (SEXP cell = ATTRIB(x); cell != R_NilValue; cell = CDR(cell)) {
    if (TAG(cell) != R_NamesSymbol) rest.emplace_back(CHAR(PRINTNAME(TAG(cell))), CAR(cell));
  }
  std::vector<Attr> attrs = attributes(std::move(rest));
  if (names == R_NilValue) {
    finish(index, SeqNode{std::move(values), ""});
  } else {
    finish(index, RecordNode{std::move(labels), std::move(values)});
  }
  nodes[index].attrs = std::move(attrs);
  return index;
}

Index Encoder::pairs(SEXP x) {
  const SEXP keys = list_item(x, "keys"), values = list_item(x, "values");
  if (TYPEOF(keys) != VECSXP || TYPEOF(values) != VECSXP || Rf_xlength(keys) != Rf_xlength(values)) return opaque(x);
  const Index index = begin("r");
  std::vector<Index> key_nodes = children(keys);
  finish(index, PairsNode{std::move(key_nodes), children(values)});
  return index;
}

ColumnNode Encoder::column(const FrameColumn& column) {
  ColumnNode out;
  out.label = column.label;
  out.logical = column.atomic.logical;
  if (column.atomic.levels != nullptr) out.levels = text(column.atomic.levels);
  out.params = column.atomic.params;
  out.index = column.is_index;
  out.attrs = attributes(column.atomic.attributes);
  for (const FrameColumn& child : column.atomic.columns) out.columns.push_back(this->column(child));
  return out;
}

Index Encoder::table(const Frame& frame) {
  const Index index = begin("r");
  TableNode node;
  std::vector<Column> columns;
  for (const FrameColumn& column : frame.columns) {
    columns.push_back(column.atomic.column);
    columns.back().field.name = column.label.value_or("");
  }
  node.part = parts().stream(std::move(columns), frame.rows);
  node.rows = frame.rows;
  node.family = frame.family;
  for (const FrameColumn& column : frame.columns) node.columns.push_back(this->column(column));
  std::vector<Attr> attrs = attributes(frame.attributes);
  finish(index, std::move(node));
  nodes[index].attrs = std::move(attrs);
  return index;
}

Index Encoder::sparse(SEXP x) {
  const Index index = begin("r");
  const std::string kind = sparse_class(x);
  const char layout = kind[2];
  SparseNode node;
  node.layout = layout == 'C' ? SparseLayout::kCsc : layout == 'R' ? SparseLayout::kCsr : SparseLayout::kCoo;
  const SEXP dim = slot(x, "Dim");
  node.dims.assign(INTEGER(dim), INTEGER(dim) + Rf_length(dim));
  node.indptr = plain_vector(slot(x, layout == 'T' ? "i" : "p"));
  node.indices = plain_vector(slot(x, layout == 'C' ? "i" : "j"));
  if (kind[0] != 'n') node.values = plain_vector(slot(x, "x"));
  const SEXP names = slot(x, "Dimnames");
  if (VECTOR_ELT(names, 0) != R_NilValue || VECTOR_ELT(names, 1) != R_NilValue) node.dimnames = dimnames(names);
  finish(index, std::move(node));
  return index;
}

// A node of another language, or one that was not opened: copied as it is.
Index Encoder::handle(SEXP x) {
  const Span bytes = handle_manifest(x);
  if (bytes.data == nullptr) return opaque(x);
  Manifest source = read_manifest(bytes);
  if (!std::holds_alternative<Boxed<OpaqueNode>>(source.nodes[0].kind)) return opaque(x);
  const Index index = begin(source.nodes[0].origin.c_str());
  Boxed<OpaqueNode> node = std::move(std::get<Boxed<OpaqueNode>>(source.nodes[0].kind));
  node->body = parts().copy(source.parts[node->body]);
  for (Index& buffer : node->buffers) buffer = parts().copy(source.parts[buffer]);
  finish(index, std::move(node));
  out_.portable = false;
  return index;
}

// The portable form of a value of a user's own type, under the name of the type.
Index Encoder::registered(SEXP type, SEXP x) {
  const SEXP form = context_.arena.keep(to_portable(type, x, context_.path.text()));
  const auto refuse = [&](const char* problem) {
    throw EncodeError("TYPE_FAILED", context_.path.text(),
                      "is of the registered type '" + type_name(type) + "', whose to_portable() gives " + problem);
  };
  if (types_.of_value(form) != R_NilValue) refuse("a value of a registered type.");
  const Index index = value(form);
  if (std::holds_alternative<Boxed<OpaqueNode>>(nodes[index].kind)) refuse("what only one language can read.");
  nodes[index].registered_type = std::make_unique<std::string>(type_name(type));
  return index;
}

void Encoder::refuse_handle(SEXP x) {
  cpp11::sexp found = call_r("find_handle", x);
  throw EncodeError("OPAQUE_HANDLE", context_.path.text() + CHAR(STRING_ELT(found, 0)),
                    "is an external pointer or a connection, which means nothing in another process. Store what it "
                    "was made from instead.");
}

void Encoder::claim_environments(SEXP x) {
  std::set<SEXP> environments;
  collect_environments(x, environments);
  const Position here = context_.path.position();
  for (const SEXP environment : environments) {
    const auto [owner, is_new] = owners_.emplace(environment, here);
    if (is_new) continue;
    const Position& other = owner->second;
    const auto fork = std::mismatch(here.begin(), here.end(), other.begin(), other.end());
    found.insert(Position(here.begin(), fork.first));
  }
}

Index Encoder::opaque(SEXP x) {
  const Index index = begin("r");
  claim_environments(x);
  Serialized body = serialize_object(x);
  if (body.has_handle) refuse_handle(x);
  if (body.captured > kCaptureLimit) {
    cpp11::sexp variables = call_r("captured_variables", x);
    context_.lose("ENVIRONMENT_CAPTURED", "carries " + std::to_string(body.captured >> 20) +
                                              " MiB of captured environments along: " + texts(variables).at(0));
  }
  cpp11::sexp facts = call_r("opaque_facts", x);
  OpaqueNode node;
  node.language = "r";
  node.codec = "r-serialize3";
  node.runtime = texts(list_item(facts, "runtime")).at(0);
  const SEXP packages = list_item(facts, "requires");
  const std::vector<std::string> names = texts(Rf_getAttrib(packages, R_NamesSymbol)), versions = texts(packages);
  for (std::size_t i = 0; i < names.size(); ++i) node.requires_.push_back({names[i], versions[i]});
  node.classes = texts(list_item(facts, "classes"));
  node.preview = texts(list_item(facts, "preview")).at(0);
  node.body = parts().bytes(std::move(body.bytes));
  finish(index, std::move(node));
  out_.portable = false;
  return index;
}

Index Encoder::list(SEXP x) {
  const SEXP classes = plain_class(context_, x);
  if (classes == R_NilValue || has_class(x, "AsIs")) {
    return has_portable_attributes(x) ? plain_list(x) : opaque(x);
  }
  if (has_class(x, "instep_foreign")) return handle(x);
  if (has_class(x, "instep_pairs")) return pairs(x);
  if (has_class(x, "instep_config")) return value(context_.arena.keep(call_r("config_plain", x)));
  if (has_class(x, "POSIXlt")) {
    context_.lose("POSIXLT", "is POSIXlt, which is stored as POSIXct");
    return value(context_.arena.keep(call_r("flatten_posixlt", x)));
  }
  if (!Rf_inherits(x, "data.frame")) return opaque(x);
  const std::optional<Frame> frame = describe_frame(context_, x);
  return frame ? table(*frame) : opaque(x);
}

Index Encoder::value(SEXP x) {
  if (context_.path.depth() >= static_cast<std::size_t>(kMaxDepth) - 1) {
    throw TooLarge{"is nested deeper than " + std::to_string(kMaxDepth) + " levels, which is the limit"};
  }
  if (has_class(x, "instep_self") || has_class(x, "instep_inputs")) {
    throw EncodeError("FLOW_OBJECT", context_.path.text(),
                      "is the flow itself, and a flow can't be stored. Store chosen attributes of it instead.");
  }
  if (!forced_.empty() && forced_.count(context_.path.position()) != 0) return opaque(x);
  if (const SEXP type = types_.of_value(x); type != R_NilValue) return registered(type, x);
  switch (TYPEOF(x)) {
    case NILSXP:
      return null();
    case LGLSXP:
    case INTSXP:
    case REALSXP:
    case CPLXSXP:
    case STRSXP:
    case RAWSXP:
      return atomic(x);
    case VECSXP:
      return IS_S4_OBJECT(x) ? opaque(x) : list(x);
    case S4SXP:
      return is_sparse(x) ? sparse(x) : opaque(x);
    default:
      return opaque(x);
  }
}

std::unique_ptr<Encoded> encode_once(SEXP x, const EncodeOptions& options, std::set<Position>& forced) {
  auto out = std::make_unique<Encoded>(options.name);
  out->context.arena.keep(x);
  Encoder encoder(*out, options.types, forced);
  encoder.value(x);
  if (!std::includes(forced.begin(), forced.end(), encoder.found.begin(), encoder.found.end())) {
    forced.insert(encoder.found.begin(), encoder.found.end());
    return nullptr;
  }
  Manifest manifest;
  manifest.nodes = std::move(encoder.nodes);
  manifest.portable = out->portable;
  manifest.producer = options.producer;
  out->parts->finish(options.inline_all, manifest.parts, out->blobs);
  out->manifest = write_manifest(manifest);
  return out;
}

// A handle as the whole value keeps its bytes, so that its digest stays the same.
std::unique_ptr<Encoded> encode_handle(SEXP x, const std::string& name) {
  const Span bytes = handle_manifest(x);
  if (!has_class(x, "instep_foreign") || bytes.data == nullptr) return nullptr;
  auto out = std::make_unique<Encoded>(name);
  out->manifest.assign(reinterpret_cast<const char*>(bytes.data), bytes.size);
  out->portable = false;
  for (const Part& part : read_manifest(bytes).parts) {
    const auto is_same = [&](const Blob& blob) { return blob.digest.hash == part.blob->hash; };
    if (part.blob && std::none_of(out->blobs.begin(), out->blobs.end(), is_same)) {
      out->blobs.push_back({*part.blob, Rope(), true});
    }
  }
  return out;
}

}  // namespace

std::unique_ptr<Encoded> encode(SEXP x, const EncodeOptions& options) {
  if (std::unique_ptr<Encoded> handle = encode_handle(x, options.name)) return handle;
  std::set<Position> forced;
  try {
    std::unique_ptr<Encoded> out;
    while (out == nullptr) out = encode_once(x, options, forced);
    return out;
  } catch (const TooLarge& problem) {
    forced = {Position()};
    std::unique_ptr<Encoded> out = encode_once(x, options, forced);
    out->context.losses.push_back({"NOT_PORTABLE", "self$" + options.name,
                                   problem.message + ": only R can read what is stored"});
    return out;
  }
}

}  // namespace instep
