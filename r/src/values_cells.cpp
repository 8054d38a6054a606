// Columns of lists and structs.
#include <cpp11/function.hpp>
#include <map>

#include "values_columns.h"
#include "values_error.h"

namespace instep {
namespace {

// The logical type that an Arrow type has where nothing else says it: in cells of list columns.
const char* default_logical(ArrowType type) {
  static const std::map<ArrowType, const char*> names = {
      {ArrowType::kBool, "bool"},          {ArrowType::kInt8, "int8"},
      {ArrowType::kInt16, "int16"},        {ArrowType::kInt32, "int32"},
      {ArrowType::kInt64, "int64"},        {ArrowType::kUint8, "uint8"},
      {ArrowType::kUint16, "uint16"},      {ArrowType::kUint32, "uint32"},
      {ArrowType::kUint64, "uint64"},      {ArrowType::kFloat16, "float16"},
      {ArrowType::kFloat32, "float32"},    {ArrowType::kFloat64, "float64"},
      {ArrowType::kUtf8, "string"},        {ArrowType::kLargeUtf8, "string"},
      {ArrowType::kBinary, "bytes"},       {ArrowType::kLargeBinary, "bytes"},
      {ArrowType::kDate32, "date"},        {ArrowType::kDurationMicro, "duration"},
      {ArrowType::kTime64Micro, "time"},   {ArrowType::kTimestampMicro, "instant"},
      {ArrowType::kTimestampNano, "instant"}};
  const auto found = names.find(type);
  return found == names.end() ? "list" : found->second;
}

cpp11::sexp decode_plain(const ArrowField& field, const ArrayView& view, std::int64_t start, std::int64_t count) {
  static const Params none;
  const std::vector<ArrayView> chunks{view};
  ColumnHints hints;
  hints.params = &none;
  const bool is_naive = field.timezone.empty() &&
                        (field.type == ArrowType::kTimestampMicro || field.type == ArrowType::kTimestampNano);
  return decode_column({field, chunks, start, count}, is_naive ? "naive" : default_logical(field.type), hints);
}

cpp11::sexp decode_lists(const Slice& slice) {
  cpp11::sexp out = allocate(VECSXP, slice.count);
  slice.runs([&](const ArrayView& chunk, std::int64_t from, std::int64_t count, std::int64_t at) {
    for (std::int64_t i = 0; i < count; ++i) {
      if (!chunk.is_valid(from + i)) continue;
      const auto [start, end] = row_bounds(slice, chunk, from + i);
      SET_VECTOR_ELT(out, at + i, decode_plain(slice.field.children[0], chunk.children[0], start, end - start));
    }
  });
  return out;
}

// A matrix with one row per row. Types of R with other cells, or missing rows, become a list.
cpp11::sexp decode_fixed_lists(const Slice& slice) {
  const std::int64_t width = slice.field.list_size;
  if (slice.count == 0) {
    cpp11::sexp none = decode_plain(slice.field.children[0], ArrayView(), 0, 0);
    cpp11::sexp dim = allocate(INTSXP, 2);
    INTEGER(dim)[0] = 0;
    INTEGER(dim)[1] = static_cast<int>(width);
    set_attribute(none, "dim", dim);
    return none;
  }
  cpp11::sexp out = allocate(VECSXP, slice.count);
  slice.runs([&](const ArrayView& chunk, std::int64_t from, std::int64_t count, std::int64_t at) {
    for (std::int64_t i = 0; i < count; ++i) {
      if (!chunk.is_valid(from + i)) continue;
      SET_VECTOR_ELT(out, at + i,
                     decode_plain(slice.field.children[0], chunk.children[0], (from + i) * width, width));
    }
  });
  return cpp11::package("instep")["bind_rows_of_cells"](out, static_cast<double>(width));
}

// A struct is a named list in each row.
cpp11::sexp decode_structs(const Slice& slice) {
  const std::vector<ArrowField>& fields = slice.field.children;
  cpp11::sexp names = allocate(STRSXP, fields.size());
  for (std::size_t j = 0; j < fields.size(); ++j) {
    SET_STRING_ELT(names, j, STRING_ELT(text_scalar(fields[j].name), 0));
  }
  cpp11::sexp out = allocate(VECSXP, slice.count);
  slice.runs([&](const ArrayView& chunk, std::int64_t from, std::int64_t count, std::int64_t at) {
    for (std::int64_t i = 0; i < count; ++i) {
      cpp11::sexp row = allocate(VECSXP, fields.size());
      for (std::size_t j = 0; j < fields.size(); ++j) {
        SET_VECTOR_ELT(row, j, decode_plain(fields[j], chunk.children[j], from + i, 1));
      }
      set_attribute(row, "names", names);
      SET_VECTOR_ELT(out, at + i, row);
    }
  });
  return out;
}

}  // namespace

cpp11::sexp decode_cells(const Slice& slice, const ColumnHints&) {
  expect(slice, {ArrowType::kList, ArrowType::kLargeList, ArrowType::kFixedSizeList, ArrowType::kStruct});
  if (slice.field.type == ArrowType::kFixedSizeList) return decode_fixed_lists(slice);
  return slice.field.type == ArrowType::kStruct ? decode_structs(slice) : decode_lists(slice);
}

}  // namespace instep
