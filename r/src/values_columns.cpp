// Which logical type is decoded how.
#include "values_columns.h"

#include <algorithm>
#include <cpp11/function.hpp>
#include <map>

#include "values_error.h"

namespace instep {
namespace {

using Decode = cpp11::sexp (*)(const Slice&, const ColumnHints&);

cpp11::sexp decode_bigint(const Slice& slice, const ColumnHints& hints) {
  cpp11::sexp out = decode_text(slice, hints);
  set_class(out, {"instep_bigint"});
  return out;
}

cpp11::sexp decode_decimal(const Slice& slice, const ColumnHints& hints) {
  cpp11::sexp out = decode_text(slice, hints);
  set_class(out, {"instep_decimal"});
  return out;
}

cpp11::sexp decode_json(const Slice& slice, const ColumnHints& hints) {
  cpp11::sexp out = decode_text(slice, hints);
  set_class(out, {"json"});
  return out;
}

const std::map<std::string, Decode>& decoders() {
  static const std::map<std::string, Decode> table = {
      {"bool", decode_bool},         {"int8", decode_int8},       {"int16", decode_int16},
      {"int32", decode_int32},       {"int64", decode_int64},     {"uint8", decode_uint8},
      {"uint16", decode_uint16},     {"uint32", decode_uint32},   {"uint64", decode_uint64},
      {"float16", decode_float16},   {"float32", decode_float32}, {"float64", decode_float64},
      {"complex128", decode_complex}, {"string", decode_text},    {"bytes", decode_bytes},
      {"bigint", decode_bigint},     {"decimal", decode_decimal}, {"json", decode_json},
      {"date", decode_date},         {"instant", decode_instant}, {"naive", decode_naive},
      {"duration", decode_duration}, {"time", decode_time},       {"factor", decode_factor},
      {"list", decode_cells},
  };
  return table;
}

}  // namespace

void expect(const Slice& slice, std::initializer_list<ArrowType> types) {
  const bool found = std::find(types.begin(), types.end(), slice.field.type) != types.end();
  require(found, "A column's Arrow type does not fit its logical type.");
}

void set_attribute(SEXP x, const char* name, SEXP value) {
  cpp11::safe[Rf_setAttrib](x, cpp11::safe[Rf_install](name), value);
}

void set_class(SEXP x, std::initializer_list<const char*> classes) {
  cpp11::sexp value = allocate(STRSXP, static_cast<std::int64_t>(classes.size()));
  R_xlen_t i = 0;
  for (const char* name : classes) SET_STRING_ELT(value, i++, cpp11::safe[Rf_mkChar](name));
  cpp11::safe[Rf_setAttrib](x, R_ClassSymbol, value);
}

bool is_installed(const char* package) {
  static std::map<std::string, bool> known;
  const auto found = known.find(package);
  if (found != known.end()) return found->second;
  cpp11::sexp answer = cpp11::package("instep")["has_package"](package);
  return known[package] = LOGICAL(answer)[0] != 0;
}

cpp11::sexp decode_column(const Slice& slice, const std::string& logical, const ColumnHints& hints) {
  const auto found = decoders().find(logical);
  if (found == decoders().end()) throw DecodeError("A column has the unknown logical type " + logical + ".");
  return found->second(slice, hints);
}

}  // namespace instep
