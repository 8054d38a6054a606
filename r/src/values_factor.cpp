// Factors.
#include <cpp11/function.hpp>

#include "values_columns.h"
#include "values_error.h"

namespace instep {
namespace {

// The levels with the missing one put back.
cpp11::sexp with_missing_level(SEXP levels, int na_level) {
  cpp11::sexp out = allocate(STRSXP, Rf_xlength(levels) + 1);
  for (R_xlen_t i = 0; i < Rf_xlength(out); ++i) {
    SET_STRING_ELT(out, i, i == na_level - 1 ? NA_STRING : STRING_ELT(levels, i - (i >= na_level)));
  }
  return out;
}

}  // namespace

cpp11::sexp decode_factor(const Slice& slice, const ColumnHints& hints) {
  expect(slice, {ArrowType::kInt32});
  require(TYPEOF(hints.levels) == STRSXP, "A factor has no levels of text.");
  cpp11::sexp levels = hints.levels;
  // Attributes such as names have no place on levels.
  if (ATTRIB(levels) != R_NilValue) levels = cpp11::package("base")["as.vector"](levels);
  require(cpp11::safe[Rf_any_duplicated](levels, FALSE) == 0, "A factor has doubled levels.");
  const std::int64_t count = Rf_xlength(levels);
  for (R_xlen_t i = 0; i < count; ++i) require(STRING_ELT(levels, i) != NA_STRING, "A factor has a missing level.");
  const int gap = hints.na_level;
  require(gap >= 0 && gap <= count + 1, "A factor has a missing level out of range.");
  cpp11::sexp out = allocate(INTSXP, slice.count);
  int* codes = INTEGER(out);
  each<std::int32_t>(
      slice,
      [&](std::int64_t at, std::int32_t x) {
        require(x >= 0 && x < count, "A factor has a code without a level.");
        codes[at] = x + 1 + (gap != 0 && x + 1 >= gap);
      },
      [&](std::int64_t at) { codes[at] = gap != 0 ? gap : NA_INTEGER; });
  if (gap != 0) levels = with_missing_level(levels, gap);
  for (R_xlen_t i = 0; i < Rf_xlength(hints.na_codes); ++i) {
    require(TYPEOF(hints.na_codes) == INTSXP, "A factor has a broken note.");
    const int where = INTEGER(hints.na_codes)[i];
    require(where >= 1 && where <= slice.count, "A factor has a broken note.");
    codes[where - 1] = NA_INTEGER;
  }
  set_attribute(out, "levels", levels);
  const std::string* ordered = find_param(*hints.params, "ordered");
  if (ordered != nullptr && *ordered == "true") {
    set_class(out, {"ordered", "factor"});
  } else {
    set_class(out, {"factor"});
  }
  return out;
}

}  // namespace instep
