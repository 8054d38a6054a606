#include "values_types.h"

#include <cpp11/function.hpp>
#include <cpp11/protect.hpp>
#include <cstring>

namespace instep {
namespace {

// Where a registered type, as R makes it, has its name and its class.
constexpr R_xlen_t kName = 0, kClass = 1;

bool is_same(SEXP a, SEXP b) {
  if (Rf_xlength(a) != Rf_xlength(b)) return false;
  for (R_xlen_t i = 0; i < Rf_xlength(a); ++i) {
    if (std::strcmp(CHAR(STRING_ELT(a, i)), CHAR(STRING_ELT(b, i))) != 0) return false;
  }
  return true;
}

// The argument is quoted, so that R does not evaluate calls and symbols that are values here.
cpp11::sexp call_user(const char* name, SEXP type, SEXP argument, const std::string& path) {
  cpp11::sexp quoted = cpp11::safe[Rf_lang2](R_QuoteSymbol, argument);
  cpp11::sexp where = cpp11::safe[Rf_ScalarString](cpp11::safe[Rf_mkCharCE](path.c_str(), CE_UTF8));
  return cpp11::package("instep")[name](type, quoted, where);
}

}  // namespace

SEXP TypeRegistry::of_value(SEXP x) const {
  const R_xlen_t count = Rf_isObject(x) ? Rf_xlength(types_) : 0;
  if (count == 0) return R_NilValue;
  const SEXP classes = Rf_getAttrib(x, R_ClassSymbol);
  for (R_xlen_t i = 0; i < count; ++i) {
    const SEXP type = VECTOR_ELT(types_, i);
    if (is_same(classes, VECTOR_ELT(type, kClass))) return type;
  }
  return R_NilValue;
}

SEXP TypeRegistry::of_name(const std::string& name) const {
  for (R_xlen_t i = 0; i < Rf_xlength(types_); ++i) {
    const SEXP type = VECTOR_ELT(types_, i);
    if (type_name(type) == name) return type;
  }
  return R_NilValue;
}

std::string type_name(SEXP type) { return CHAR(STRING_ELT(VECTOR_ELT(type, kName), 0)); }

cpp11::sexp to_portable(SEXP type, SEXP x, const std::string& path) {
  return call_user("portable_form", type, x, path);
}

cpp11::sexp from_portable(SEXP type, SEXP form, const std::string& path) {
  return call_user("restored_value", type, form, path);
}

}  // namespace instep
