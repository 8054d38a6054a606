#include "values_frame.h"

#include <algorithm>
#include <cstring>

namespace instep {
namespace {

SEXP attribute_cell(SEXP x, const char* name) {
  for (SEXP cell = ATTRIB(x); cell != R_NilValue; cell = CDR(cell)) {
    if (std::strcmp(CHAR(PRINTNAME(TAG(cell))), name) == 0) return CAR(cell);
  }
  return R_NilValue;
}

// ---- row names

struct RowNames {
  std::int64_t rows = -1;
  // NULL for automatic ones.
  SEXP names = R_NilValue;
};

bool is_counting(const int* values, R_xlen_t size) {
  for (R_xlen_t i = 0; i < size; ++i) {
    if (values[i] != i + 1) return false;
  }
  return true;
}

// R stores automatic row names as c(NA, -n).
RowNames row_names(SEXP x) {
  const SEXP stored = attribute_cell(x, "row.names");
  if (TYPEOF(stored) == STRSXP) return {Rf_xlength(stored), stored};
  if (TYPEOF(stored) != INTSXP) return {};
  const int* values = INTEGER(stored);
  const R_xlen_t size = Rf_xlength(stored);
  if (size == 2 && values[0] == NA_INTEGER) return {std::abs(static_cast<std::int64_t>(values[1])), R_NilValue};
  return {size, is_counting(values, size) ? R_NilValue : stored};
}

// ---- columns that are lists, matrices or data frames

bool is_simple_type(SEXPTYPE type) {
  return type == LGLSXP || type == INTSXP || type == REALSXP || type == STRSXP;
}

// A column that is not an atomic vector.
Atomic nested(ArrowType type, Storage storage, const void* data, std::int64_t rows, Column child) {
  Atomic out;
  out.logical = "list";
  out.column = {ArrowField{"v", type, true, "", 0, {child.field}}, storage, data, rows, {}};
  out.column.children.push_back(std::move(child));
  return out;
}

// The type that all elements have, NULL aside. Nothing when they differ or have attributes.
std::optional<SEXPTYPE> element_type(SEXP x) {
  SEXPTYPE type = NILSXP;
  for (R_xlen_t i = 0; i < Rf_xlength(x); ++i) {
    const SEXP element = VECTOR_ELT(x, i);
    const SEXPTYPE other = TYPEOF(element);
    if (other == NILSXP) continue;
    if (ATTRIB(element) != R_NilValue || (type != NILSXP && type != other)) return {};
    type = other;
  }
  return type;
}

const SEXP* elements(EncodeContext& context, SEXP x) {
  auto* out = context.arena.allocate<SEXP>(Rf_xlength(x));
  for (R_xlen_t i = 0; i < Rf_xlength(x); ++i) out[i] = VECTOR_ELT(x, i);
  return out;
}

SEXP concatenate(EncodeContext& context, SEXP x, SEXPTYPE type) {
  R_xlen_t total = 0;
  for (R_xlen_t i = 0; i < Rf_xlength(x); ++i) total += Rf_xlength(VECTOR_ELT(x, i));
  const SEXP out = context.arena.keep(cpp11::safe[Rf_allocVector](type, total));
  R_xlen_t at = 0;
  for (R_xlen_t i = 0; i < Rf_xlength(x); ++i) {
    const SEXP element = VECTOR_ELT(x, i);
    const R_xlen_t size = Rf_xlength(element);
    if (size == 0) continue;
    if (type == STRSXP) {
      for (R_xlen_t j = 0; j < size; ++j) SET_STRING_ELT(out, at + j, STRING_ELT(element, j));
    } else if (type == REALSXP) {
      std::copy_n(REAL(element), size, REAL(out) + at);
    } else {
      std::copy_n(static_cast<const int*>(DATAPTR_RO(element)), size, static_cast<int*>(DATAPTR(out)) + at);
    }
    at += size;
  }
  return out;
}

std::optional<Atomic> describe_list_column(EncodeContext& context, SEXP x) {
  const std::optional<SEXPTYPE> type = element_type(x);
  const R_xlen_t rows = Rf_xlength(x);
  if (type && (*type == RAWSXP || *type == NILSXP)) {
    Atomic out;
    out.logical = "bytes";
    out.column = {ArrowField{"v", ArrowType::kLargeBinary, true, "", 0, {}}, Storage::kBinary, elements(context, x),
                  rows, {}};
    return out;
  }
  if (!type || !is_simple_type(*type)) return {};
  const Atomic child = describe_atomic(context, concatenate(context, x, *type), true);
  return nested(ArrowType::kLargeList, Storage::kList, elements(context, x), rows, child.column);
}

template <typename T>
void transpose(const T* from, T* to, R_xlen_t rows, R_xlen_t columns) {
  for (R_xlen_t j = 0; j < columns; ++j) {
    for (R_xlen_t i = 0; i < rows; ++i) to[i * columns + j] = from[j * rows + i];
  }
}

// The cells row by row.
SEXP row_major(EncodeContext& context, SEXP x, R_xlen_t rows, R_xlen_t columns) {
  const SEXP out = context.arena.keep(cpp11::safe[Rf_allocVector](TYPEOF(x), Rf_xlength(x)));
  if (TYPEOF(x) == STRSXP) {
    for (R_xlen_t j = 0; j < columns; ++j) {
      for (R_xlen_t i = 0; i < rows; ++i) SET_STRING_ELT(out, i * columns + j, STRING_ELT(x, j * rows + i));
    }
  } else if (TYPEOF(x) == REALSXP) {
    transpose(REAL(x), REAL(out), rows, columns);
  } else {
    transpose(static_cast<const int*>(DATAPTR_RO(x)), static_cast<int*>(DATAPTR(out)), rows, columns);
  }
  return out;
}

std::optional<Atomic> describe_matrix_column(EncodeContext& context, SEXP x, std::int64_t rows) {
  const SEXP dim = Rf_getAttrib(x, R_DimSymbol);
  if (Rf_length(dim) != 2 || !is_simple_type(TYPEOF(x))) return {};
  const int columns = INTEGER(dim)[1];
  if (INTEGER(dim)[0] != rows || columns == 0) return {};
  const Atomic child = describe_atomic(context, row_major(context, x, rows, columns), true);
  Atomic out = nested(ArrowType::kFixedSizeList, Storage::kMatrix, nullptr, rows, child.column);
  out.column.field.list_size = columns;
  return out;
}

// ---- columns

// All attributes but `covered`.
void add_attributes(SEXP x, std::initializer_list<const char*> covered, std::vector<Attribute>& out) {
  for (SEXP cell = ATTRIB(x); cell != R_NilValue; cell = CDR(cell)) {
    const char* name = CHAR(PRINTNAME(TAG(cell)));
    const bool is_covered = std::any_of(covered.begin(), covered.end(),
                                        [&](const char* other) { return std::strcmp(name, other) == 0; });
    if (!is_covered) out.emplace_back(name, CAR(cell));
  }
}

std::optional<Atomic> describe_frame_column(EncodeContext& context, SEXP x, const Frame& around) {
  std::optional<Frame> frame = describe_frame(context, x, &around);
  if (!frame || frame->rows != around.rows || frame->columns.empty()) return {};
  Atomic out;
  out.logical = "struct";
  out.column = {ArrowField{"v", ArrowType::kStruct, false, "", 0, {}}, Storage::kFrame, nullptr, frame->rows, {}};
  for (const FrameColumn& child : frame->columns) {
    out.column.children.push_back(child.atomic.column);
    out.column.children.back().field.name = child.label.value_or("");
    out.column.field.children.push_back(out.column.children.back().field);
  }
  if (frame->family != around.family) out.params.push_back({"family", frame->family});
  out.attributes = std::move(frame->attributes);
  out.columns = std::move(frame->columns);
  return out;
}

std::optional<Atomic> describe_column(EncodeContext& context, SEXP x, const Frame& around) {
  const std::int64_t rows = around.rows;
  if (Rf_inherits(x, "data.frame")) return describe_frame_column(context, x, around);
  if (IS_S4_OBJECT(x) || !has_portable_attributes(x)) return {};
  const SEXP dim = Rf_getAttrib(x, R_DimSymbol);
  if (TYPEOF(x) == VECSXP || Rf_length(dim) > 1) {
    if (Rf_inherits(x, "POSIXlt") || (TYPEOF(x) == VECSXP && dim != R_NilValue)) return {};
    auto out = TYPEOF(x) == VECSXP ? describe_list_column(context, x) : describe_matrix_column(context, x, rows);
    if (!out || out->column.rows != rows) return {};
    add_attributes(x, {"dim"}, out->attributes);
    return out;
  }
  if (!is_portable(x) || Rf_xlength(x) != rows) return {};
  Atomic out = describe_atomic(context, x, true);
  for (const char* name : {"names", "dim", "dimnames"}) {
    const SEXP value = attribute_cell(x, name);
    if (value != R_NilValue) out.attributes.emplace_back(name, value);
  }
  return out;
}

bool has_implied_class(SEXP classes, const std::string& family) {
  if (family == "tibble") return class_is(classes, {"tbl_df", "tbl", "data.frame"});
  return family == "data.table" ? class_is(classes, {"data.table", "data.frame"}) : class_is(classes, {"data.frame"});
}

// readr marks its results until they are first changed; the marks hold a pointer. They are left out.
bool is_readr_result(SEXP classes) { return class_is(classes, {"spec_tbl_df", "tbl_df", "tbl", "data.frame"}); }

bool has_portable_frame_attributes(const Frame& frame) {
  return std::all_of(frame.attributes.begin(), frame.attributes.end(),
                     [](const Attribute& attribute) { return is_portable(attribute.second, 0); });
}

// Says once why only R can read the frame, at the innermost place; what else is lost in its portable form does not
// matter then.
void lose_form(EncodeContext& context, std::size_t losses, const char* message) {
  std::vector<Loss>& all = context.losses;
  std::optional<Loss> inner;
  if (all.size() > losses && all.back().code == "COLUMN_TYPE") inner = std::move(all.back());
  all.resize(losses);
  if (inner) {
    all.push_back(std::move(*inner));
  } else {
    context.lose("COLUMN_TYPE", message);
  }
}

}  // namespace

std::optional<Frame> describe_frame(EncodeContext& context, SEXP x, const Frame* around) {
  const std::size_t losses = context.losses.size();
  const SEXP classes = plain_class(context, x);
  const SEXP labels = Rf_getAttrib(x, R_NamesSymbol);
  const RowNames names = row_names(x);
  const int depth = around == nullptr ? 0 : around->depth + 1;
  if (depth >= kMaxFrameDepth || names.rows < 0 || IS_S4_OBJECT(x) || Rf_xlength(labels) != Rf_xlength(x)) return {};
  Frame out;
  out.rows = names.rows;
  out.depth = depth;
  out.family = has_class(x, "data.table") ? "data.table" : has_class(x, "tbl_df") ? "tibble" : "data.frame";
  if (is_readr_result(classes)) {
    add_attributes(x, {"names", "class", "row.names", "spec", "problems"}, out.attributes);
  } else {
    if (!has_implied_class(classes, out.family)) out.attributes.emplace_back("class", classes);
    add_attributes(x, {"names", "class", "row.names", ".internal.selfref"}, out.attributes);
  }
  if (names.names != R_NilValue && around != nullptr) out.attributes.emplace_back("row.names", names.names);
  if (!has_portable_frame_attributes(out)) {
    lose_form(context, losses, "has attributes without a portable form, so only R can read the data frame");
    return {};
  }
  if (names.names != R_NilValue && around == nullptr) {
    out.columns.push_back({Name(), true, describe_atomic(context, names.names, true)});
  }
  for (R_xlen_t i = 0; i < Rf_xlength(x); ++i) {
    context.path.enter(labels, i);
    std::optional<Atomic> column = describe_column(context, VECTOR_ELT(x, i), out);
    if (!column) lose_form(context, losses, "has no portable form, so only R can read the data frame");
    context.path.leave();
    if (!column) return {};
    const SEXP label = STRING_ELT(labels, i);
    out.columns.push_back({label == NA_STRING ? Name() : Name(utf8_text(context, label)), false, std::move(*column)});
  }
  return out;
}

}  // namespace instep
