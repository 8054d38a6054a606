// What only R can open: deciding what that is, and R's serialization.
#include <cpp11/protect.hpp>

#include <cstring>
#include <utility>

#include "values_encode.h"

namespace instep {
namespace {

constexpr int kMaxAttributeDepth = 32;
constexpr std::size_t kBlockSize = std::size_t{1} << 20;

bool is_atomic(SEXP x) {
  switch (TYPEOF(x)) {
    case LGLSXP:
    case INTSXP:
    case REALSXP:
    case CPLXSXP:
    case STRSXP:
    case RAWSXP:
      return true;
    default:
      return false;
  }
}

bool is_own_environment(SEXP x) {
  return x != R_GlobalEnv && x != R_BaseEnv && x != R_EmptyEnv && x != R_BaseNamespace && !R_IsNamespaceEnv(x) &&
         !R_IsPackageEnv(x);
}

bool is_flow_object(SEXP x) { return has_class(x, "instep_self") || has_class(x, "instep_inputs"); }

// data.table keeps a pointer to itself, which it renews after reading.
bool is_table_pointer(SEXP x) {
  const SEXP inner = R_ExternalPtrProtected(x);
  return R_ExternalPtrAddr(x) == static_cast<void*>(R_NilValue) && TYPEOF(inner) == EXTPTRSXP;
}

// A serialization on its way. The hooks are called by R and must not throw.
struct Sink {
  std::string block;
  Rope bytes;
  // Replaces every environment by a name, to learn what the rest takes.
  bool without_environments = false;
  bool saw_environment = false;
  bool saw_handle = false;
  std::set<void*> table_pointers;
  SEXP placeholder = R_NilValue;
  std::size_t size = 0;

  void write(const void* data, int count) {
    if (count <= 0) return;
    size += count;
    if (without_environments) return;
    block.append(static_cast<const char*>(data), count);
    if (block.size() >= kBlockSize) bytes.own(std::exchange(block, std::string()));
  }
};

void write_char(R_outpstream_t stream, int byte) {
  const char value = static_cast<char>(byte);
  static_cast<Sink*>(stream->data)->write(&value, 1);
}

void write_bytes(R_outpstream_t stream, void* data, int count) { static_cast<Sink*>(stream->data)->write(data, count); }

void see_pointer(Sink& sink, SEXP x) {
  if (is_table_pointer(x)) {
    sink.table_pointers.insert(R_ExternalPtrProtected(x));
  } else if (R_ExternalPtrAddr(x) != nullptr && sink.table_pointers.count(x) == 0) {
    sink.saw_handle = true;
  }
}

// Called for each external pointer, weak reference and environment. A string stands for the object.
SEXP see_reference(SEXP x, SEXP data) {
  auto& sink = *static_cast<Sink*>(R_ExternalPtrAddr(data));
  if (TYPEOF(x) == EXTPTRSXP) see_pointer(sink, x);
  if (TYPEOF(x) != ENVSXP) return R_NilValue;
  sink.saw_environment = true;
  return sink.without_environments || is_flow_object(x) ? sink.placeholder : R_NilValue;
}

void run(Sink& sink, SEXP x) {
  cpp11::sexp data = R_MakeExternalPtr(&sink, R_NilValue, R_NilValue);
  cpp11::sexp placeholder = Rf_mkString("instep_self");
  sink.placeholder = placeholder;
  cpp11::unwind_protect([&] {
    R_outpstream_st stream;
    R_InitOutPStream(&stream, reinterpret_cast<R_pstream_data_t>(&sink), R_pstream_binary_format, 3, write_char,
                     write_bytes, see_reference, data);
    R_Serialize(x, &stream);
  });
  sink.bytes.own(std::move(sink.block));
}

// Names that notes of the codecs have.
bool is_reserved(SEXP tag) {
  const std::string name = CHAR(PRINTNAME(tag));
  for (const char* prefix : {"r.", "python.", "numpy.", "pandas.", "polars.", "pyarrow."}) {
    if (name.compare(0, std::strlen(prefix), prefix) == 0) return true;
  }
  return false;
}

bool is_portable_list(SEXP x, int depth) {
  const SEXP classes = Rf_getAttrib(x, R_ClassSymbol);
  if (classes != R_NilValue && !has_class(x, "AsIs")) return false;
  for (R_xlen_t i = 0; i < Rf_xlength(x); ++i) {
    if (!is_portable(VECTOR_ELT(x, i), depth + 1)) return false;
  }
  return true;
}

}  // namespace

bool has_portable_attributes(SEXP x, int depth) {
  for (SEXP cell = ATTRIB(x); cell != R_NilValue; cell = CDR(cell)) {
    if (is_reserved(TAG(cell)) || !is_portable(CAR(cell), depth + 1)) return false;
  }
  return true;
}

bool is_portable(SEXP x, int depth) {
  if (depth > kMaxAttributeDepth || IS_S4_OBJECT(x)) return false;
  if (x == R_NilValue) return true;
  if (TYPEOF(x) == VECSXP) return is_portable_list(x, depth) && has_portable_attributes(x, depth);
  return is_atomic(x) && has_portable_attributes(x, depth);
}

Serialized serialize_object(SEXP x) {
  Sink sink;
  run(sink, x);
  Serialized out;
  out.has_handle = sink.saw_handle;
  const std::size_t size = sink.bytes.size();
  if (sink.saw_environment && size > kCaptureLimit && TYPEOF(x) != ENVSXP) {
    Sink own;
    own.without_environments = true;
    run(own, x);
    out.captured = size - own.size;
  }
  out.bytes = std::move(sink.bytes);
  return out;
}

void collect_environments(SEXP x, std::set<SEXP>& out) {
  switch (TYPEOF(x)) {
    case ENVSXP:
      if (is_own_environment(x)) out.insert(x);
      return;
    case CLOSXP:
      if (is_own_environment(CLOENV(x))) out.insert(CLOENV(x));
      break;
    case VECSXP:
      for (R_xlen_t i = 0; i < Rf_xlength(x); ++i) collect_environments(VECTOR_ELT(x, i), out);
      break;
    default:
      break;
  }
  for (SEXP cell = ATTRIB(x); cell != R_NilValue; cell = CDR(cell)) {
    // The environment of a formula is where its names are looked up, not state of its own.
    if (TAG(cell) != Rf_install(".Environment")) collect_environments(CAR(cell), out);
  }
}

}  // namespace instep
