// Atomic vectors: which logical type they have, and how their memory becomes an Arrow column.
#include <langinfo.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>

using std::size_t;
#include <R_ext/Riconv.h>

#include <cpp11/protect.hpp>

#include "values_encode.h"
#include "values_error.h"

namespace instep {
namespace {

constexpr double kMicro = 1e6;
constexpr std::int64_t kMissingLong = std::numeric_limits<std::int64_t>::min();

SEXP attribute(SEXP x, const char* name) { return Rf_getAttrib(x, Rf_install(name)); }

bool is_text_scalar(SEXP x) { return TYPEOF(x) == STRSXP && Rf_length(x) == 1 && STRING_ELT(x, 0) != NA_STRING; }

bool class_has(SEXP classes, const char* name) {
  for (R_xlen_t i = 0; i < Rf_xlength(classes); ++i) {
    if (std::strcmp(CHAR(STRING_ELT(classes, i)), name) == 0) return true;
  }
  return false;
}

// ---- text

bool is_ascii(SEXP text) {
  const char* bytes = CHAR(text);
  const std::size_t size = LENGTH(text);
  std::size_t i = 0;
  for (std::uint64_t word; i + 8 <= size; i += 8) {
    std::memcpy(&word, bytes + i, 8);
    if ((word & 0x8080808080808080) != 0) return false;
  }
  return std::all_of(bytes + i, bytes + size, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// Converts a string that is marked or believed to be in `encoding`. False when it is not.
bool convert(SEXP text, const char* encoding, std::string& out) {
  void* converter = Riconv_open("UTF-8", encoding);
  if (converter == reinterpret_cast<void*>(-1)) return false;
  const char* input = CHAR(text);
  std::size_t input_left = LENGTH(text);
  out.resize(4 * input_left + 8);
  char* output = out.data();
  std::size_t output_left = out.size();
  const std::size_t status = Riconv(converter, &input, &input_left, &output, &output_left);
  Riconv_close(converter);
  if (status == static_cast<std::size_t>(-1)) return false;
  out.resize(out.size() - output_left);
  return is_utf8(out);
}

// True when unmarked text beyond ASCII is to be taken as UTF-8: in a UTF-8 locale, and in the C locale, which says
// nothing about encodings.
bool native_is_utf8() {
  const char* codeset = nl_langinfo(CODESET);
  return std::strcmp(codeset, "UTF-8") == 0 || std::strcmp(codeset, "ANSI_X3.4-1968") == 0 ||
         std::strcmp(codeset, "US-ASCII") == 0;
}

// How a string has to be treated.
enum class TextForm { kUtf8, kConverted, kBad };

TextForm text_form(SEXP text, std::string& converted) {
  if (text == NA_STRING || is_ascii(text)) return TextForm::kUtf8;
  const cetype_t mark = Rf_getCharCE(text);
  if (mark == CE_BYTES) return TextForm::kBad;
  if (mark == CE_UTF8 || (mark == CE_NATIVE && native_is_utf8())) {
    return is_utf8({CHAR(text), static_cast<std::size_t>(LENGTH(text))}) ? TextForm::kUtf8 : TextForm::kBad;
  }
  return convert(text, mark == CE_LATIN1 ? "latin1" : "", converted) ? TextForm::kConverted : TextForm::kBad;
}

[[noreturn]] void refuse_text(const std::string& path) {
  throw EncodeError("STRING_ENCODING", path,
                    "is text that is not valid in its encoding. Convert it with iconv() or store its bytes with "
                    "charToRaw().");
}

// ---- numbers

// Rounds seconds (or other units) to microseconds. False when the result is out of range.
bool to_micros(double value, double factor, std::int64_t& out) {
  const double micros = std::nearbyint(value * factor);
  if (!(std::fabs(micros) < 9.2e18)) return false;
  out = static_cast<std::int64_t>(micros);
  return true;
}

[[noreturn]] void refuse_range(EncodeContext& context, const char* code, const char* what, R_xlen_t index) {
  throw EncodeError(code, context.path.text() + "[" + std::to_string(index + 1) + "]",
                    std::string("is a ") + what + " out of range or infinite.");
}

// A number of an integer or double vector; missing ones are NaN.
double number_at(SEXP x, R_xlen_t i) {
  if (TYPEOF(x) == REALSXP) return REAL(x)[i];
  const int value = INTEGER(x)[i];
  return value == NA_INTEGER ? NA_REAL : value;
}

// Times have one missing value only.
bool is_missing_time(double value, bool& saw_nan) {
  if (!std::isnan(value)) return false;
  saw_nan |= !R_IsNA(value);
  return true;
}

void note_nan(EncodeContext& context, bool saw_nan) {
  if (saw_nan) context.lose("TIME_NAN", "has NaN for a time, which becomes NA");
}

void note_storage(Atomic& out, SEXP x, EncodeContext& context) {
  if (TYPEOF(x) == INTSXP) out.attributes.emplace_back("r.storage", context.arena.keep(Rf_mkString("integer")));
}

Column make_column(ArrowType type, Storage storage, const void* data, std::int64_t rows, std::string zone = "") {
  return {ArrowField{"v", type, true, std::move(zone), 0, {}}, storage, data, rows, {}};
}

void describe_date(EncodeContext& context, SEXP x, Atomic& out) {
  const R_xlen_t size = Rf_xlength(x);
  auto* days = context.arena.allocate<std::int32_t>(size);
  bool is_fractional = false, saw_nan = false;
  for (R_xlen_t i = 0; i < size; ++i) {
    const double value = number_at(x, i);
    const double day = std::floor(value);
    if (is_missing_time(value, saw_nan)) {
      days[i] = NA_INTEGER;
    } else if (std::fabs(day) <= std::numeric_limits<std::int32_t>::max()) {
      is_fractional |= day != value;
      days[i] = static_cast<std::int32_t>(day);
    } else {
      refuse_range(context, "DATE_RANGE", "date", i);
    }
  }
  note_nan(context, saw_nan);
  if (is_fractional) context.lose("DATE_FRACTION", "has dates with a time of day, which is left out");
  note_storage(out, x, context);
  out.logical = "date";
  out.column = make_column(ArrowType::kDate32, Storage::kInteger, days, size);
}

// The zone's name when it is one that Python knows; else UTC and a note.
void describe_zone(EncodeContext& context, SEXP x, Atomic& out) {
  const SEXP zone = attribute(x, "tzone");
  const SEXP offset = attribute(x, "instep_tz");
  if (is_text_scalar(offset)) {
    out.params.push_back({"tz", utf8_text(context, STRING_ELT(offset, 0))});
  } else if (is_text_scalar(zone) && LENGTH(STRING_ELT(zone, 0)) > 0) {
    out.params.push_back({"tz", utf8_text(context, STRING_ELT(zone, 0))});
  } else {
    out.attributes.emplace_back("r.tzone", zone);
  }
}

void describe_instant(EncodeContext& context, SEXP x, Atomic& out) {
  const R_xlen_t size = Rf_xlength(x);
  auto* micros = context.arena.allocate<std::int64_t>(size);
  bool saw_nan = false;
  for (R_xlen_t i = 0; i < size; ++i) {
    const double seconds = number_at(x, i);
    if (is_missing_time(seconds, saw_nan)) {
      micros[i] = kMissingLong;
    } else if (!to_micros(seconds, kMicro, micros[i])) {
      refuse_range(context, "INSTANT_RANGE", "time", i);
    }
  }
  note_nan(context, saw_nan);
  note_storage(out, x, context);
  const SEXP zone = attribute(x, "tzone");
  const bool is_naive = Rf_asLogical(attribute(x, "instep_naive")) == 1 && is_text_scalar(zone) &&
                        std::strcmp(CHAR(STRING_ELT(zone, 0)), "UTC") == 0;
  out.logical = is_naive ? "naive" : "instant";
  if (!is_naive) describe_zone(context, x, out);
  out.column = make_column(ArrowType::kTimestampMicro, Storage::kLong, micros, size, is_naive ? "" : "UTC");
}

// Seconds in a unit of difftime; 0 when there is no such unit.
double unit_seconds(const std::string& units) {
  if (units == "secs") return 1;
  if (units == "mins") return 60;
  if (units == "hours") return 3600;
  if (units == "days") return 86400;
  return units == "weeks" ? 604800 : 0;
}

std::string units_of(SEXP x) {
  const SEXP units = attribute(x, "units");
  return is_text_scalar(units) ? CHAR(STRING_ELT(units, 0)) : "";
}

// A difftime, or a time of day when each value is one. `x` has units that unit_seconds() knows.
void describe_duration(EncodeContext& context, SEXP x, bool is_time, Atomic& out) {
  const std::string units = units_of(x);
  const double factor = kMicro * unit_seconds(units);
  const R_xlen_t size = Rf_xlength(x);
  auto* micros = context.arena.allocate<std::int64_t>(size);
  bool moved = false, saw_nan = false;
  for (R_xlen_t i = 0; i < size; ++i) {
    const double value = number_at(x, i);
    if (is_missing_time(value, saw_nan)) {
      micros[i] = kMissingLong;
      continue;
    }
    if (!to_micros(value, factor, micros[i])) refuse_range(context, "DURATION_RANGE", "difference of times", i);
    moved |= static_cast<double>(micros[i]) / factor != value;
  }
  note_nan(context, saw_nan);
  if (moved) context.lose("DURATION_ROUNDED", "has differences of times finer than a microsecond, which are rounded");
  note_storage(out, x, context);
  out.logical = is_time ? "time" : "duration";
  if (!is_time) out.params.push_back({"units", units});
  out.column = make_column(is_time ? ArrowType::kTime64Micro : ArrowType::kDurationMicro, Storage::kLong, micros, size);
}

bool is_time_of_day(SEXP x, SEXP classes) {
  if (!class_has(classes, "hms") && Rf_asLogical(attribute(x, "instep_time")) != 1) return false;
  if (units_of(x) != "secs") return false;
  for (R_xlen_t i = 0; i < Rf_xlength(x); ++i) {
    const double seconds = number_at(x, i);
    if (!std::isnan(seconds) && !(seconds >= 0 && std::nearbyint(seconds * kMicro) < 86400 * kMicro)) return false;
  }
  return true;
}

// True when `x` is a factor that holds together: character levels, each once, and codes that name them.
bool is_sound_factor(SEXP x) {
  const SEXP levels = attribute(x, "levels");
  if (TYPEOF(x) != INTSXP || TYPEOF(levels) != STRSXP || ATTRIB(levels) != R_NilValue) return false;
  if (cpp11::safe[Rf_any_duplicated](levels, FALSE) != 0) return false;
  const int count = Rf_length(levels);
  const int* codes = INTEGER(x);
  return std::all_of(codes, codes + Rf_xlength(x),
                     [&](int code) { return code == NA_INTEGER || (code >= 1 && code <= count); });
}

// Position of the missing level, counted from 1; 0 for none.
int missing_level(SEXP levels) {
  for (int i = 0; i < Rf_length(levels); ++i) {
    if (STRING_ELT(levels, i) == NA_STRING) return i + 1;
  }
  return 0;
}

// The levels without the missing one. Codes of it become null; the notes tell how to undo that.
void describe_factor(EncodeContext& context, SEXP x, bool ordered, Atomic& out) {
  Arena& arena = context.arena;
  const R_xlen_t size = Rf_xlength(x);
  const int* codes = INTEGER(x);
  out.levels = attribute(x, "levels");
  const int gap = missing_level(out.levels);
  auto* stored = arena.allocate<std::int32_t>(size);
  std::vector<int> missing;
  for (R_xlen_t i = 0; i < size; ++i) {
    if (codes[i] == NA_INTEGER && gap != 0) missing.push_back(static_cast<int>(i) + 1);
    if (codes[i] == NA_INTEGER || codes[i] == gap) {
      stored[i] = NA_INTEGER;
    } else {
      stored[i] = codes[i] - (gap != 0 && codes[i] > gap ? 2 : 1);
    }
  }
  if (gap != 0) {
    const SEXP kept = arena.keep(Rf_allocVector(STRSXP, Rf_length(out.levels) - 1));
    for (int i = 0, j = 0; i < Rf_length(out.levels); ++i) {
      if (i != gap - 1) SET_STRING_ELT(kept, j++, STRING_ELT(out.levels, i));
    }
    out.levels = kept;
    out.attributes.emplace_back("r.na_level", arena.keep(Rf_ScalarInteger(gap)));
    if (!missing.empty()) {
      const SEXP where = arena.keep(Rf_allocVector(INTSXP, static_cast<R_xlen_t>(missing.size())));
      std::copy(missing.begin(), missing.end(), INTEGER(where));
      out.attributes.emplace_back("r.na_codes", where);
    }
  }
  out.logical = "factor";
  out.is_vector = true;
  out.params.push_back({"ordered", ordered ? "true" : "false"});
  out.column = make_column(ArrowType::kInt32, Storage::kInteger, stored, size);
}

void describe_text(EncodeContext& context, SEXP x, SEXP classes, Atomic& out) {
  out.logical = class_is(classes, {"instep_bigint"})    ? "bigint"
                : class_is(classes, {"instep_decimal"}) ? "decimal"
                : class_is(classes, {"json"})           ? "json"
                                                        : "string";
  out.column = make_column(ArrowType::kUtf8, Storage::kText, utf8_elements(context, x), Rf_xlength(x));
}

void describe_complex(SEXP x, Atomic& out) {
  out.logical = "complex128";
  out.column = make_column(ArrowType::kStruct, Storage::kComplex, COMPLEX(x), Rf_xlength(x));
  out.column.field.nullable = false;
  out.column.field.children = {ArrowField{"re", ArrowType::kFloat64, true, "", 0, {}},
                               ArrowField{"im", ArrowType::kFloat64, true, "", 0, {}}};
}

void describe_raw(EncodeContext& context, SEXP x, bool is_column, Atomic& out) {
  if (!is_column && ATTRIB(x) == R_NilValue) {
    auto* cell = context.arena.allocate<SEXP>(1);
    *cell = x;
    out.logical = "bytes";
    out.is_scalar = true;
    out.column = make_column(ArrowType::kLargeBinary, Storage::kBinary, cell, 1);
    return;
  }
  out.logical = "uint8";
  out.attributes.emplace_back("r.type", context.arena.keep(Rf_mkString("raw")));
  out.column = make_column(ArrowType::kUint8, Storage::kByte, RAW(x), Rf_xlength(x));
}

// The class that reading the logical type gives back by itself.
bool class_is_implied(SEXP classes, const Atomic& out) {
  const std::string& logical = out.logical;
  if (logical == "date") return class_is(classes, {"Date"});
  if (logical == "instant" || logical == "naive") return class_is(classes, {"POSIXct", "POSIXt"});
  if (logical == "duration") return class_is(classes, {"difftime"});
  if (logical == "bigint" || logical == "decimal" || logical == "json") return true;
  if (logical != "factor") return false;
  return out.params[0].value == "true" ? class_is(classes, {"ordered", "factor"}) : class_is(classes, {"factor"});
}

// Attributes that the logical type stands for.
bool is_implied(const char* name, const std::string& logical) {
  const auto any = [&](std::initializer_list<const char*> names) {
    return std::any_of(names.begin(), names.end(), [&](const char* other) { return std::strcmp(name, other) == 0; });
  };
  if (any({"names", "dim", "dimnames", "class"})) return true;
  if (logical == "instant") return any({"tzone", "instep_tz"});
  if (logical == "naive") return any({"tzone", "instep_naive"});
  if (logical == "duration") return any({"units"});
  if (logical == "time") return any({"units"});
  return logical == "factor" && any({"levels"});
}

void describe_number(EncodeContext& context, SEXP x, SEXP classes, Atomic& out) {
  const R_xlen_t size = Rf_xlength(x);
  const R_xlen_t last = Rf_xlength(classes) - 1;
  const std::string kind = last < 0 ? "" : CHAR(STRING_ELT(classes, last));
  if (kind == "Date") return describe_date(context, x, out);
  if (class_has(classes, "POSIXct")) return describe_instant(context, x, out);
  if (kind == "difftime" && unit_seconds(units_of(x)) > 0) {
    return describe_duration(context, x, is_time_of_day(x, classes), out);
  }
  if (kind == "factor" && is_sound_factor(x)) return describe_factor(context, x, class_has(classes, "ordered"), out);
  if (TYPEOF(x) == INTSXP) {
    out.logical = "int32";
    out.column = make_column(ArrowType::kInt32, Storage::kInteger, INTEGER(x), size);
  } else if (class_has(classes, "integer64")) {
    out.logical = "int64";
    out.column = make_column(ArrowType::kInt64, Storage::kLong, REAL(x), size);
  } else {
    out.logical = "float64";
    out.column = make_column(ArrowType::kFloat64, Storage::kDouble, REAL(x), size);
  }
}

}  // namespace

bool class_is(SEXP classes, std::initializer_list<const char*> names) {
  if (Rf_length(classes) != static_cast<int>(names.size())) return false;
  R_xlen_t i = 0;
  return std::all_of(names.begin(), names.end(),
                     [&](const char* name) { return std::strcmp(CHAR(STRING_ELT(classes, i++)), name) == 0; });
}

std::string utf8_text(EncodeContext& context, SEXP x) {
  std::string converted;
  switch (text_form(x, converted)) {
    case TextForm::kUtf8:
      return {CHAR(x), static_cast<std::size_t>(LENGTH(x))};
    case TextForm::kConverted:
      return converted;
    default:
      refuse_text(context.path.text());
  }
}

const SEXP* utf8_elements(EncodeContext& context, SEXP x) {
  const R_xlen_t size = Rf_xlength(x);
  const SEXP* elements = cpp11::safe[STRING_PTR_RO](x);
  SEXP copy = nullptr;
  std::string converted;
  for (R_xlen_t i = 0; i < size; ++i) {
    const TextForm form = text_form(elements[i], converted);
    if (form == TextForm::kUtf8) continue;
    if (form == TextForm::kBad) refuse_text(context.path.text() + "[" + std::to_string(i + 1) + "]");
    if (copy == nullptr) {
      copy = context.arena.keep(cpp11::safe[Rf_shallow_duplicate](x));
      elements = STRING_PTR_RO(copy);
    }
    SET_STRING_ELT(copy, i, cpp11::safe[Rf_mkCharLenCE](converted.data(), static_cast<int>(converted.size()), CE_UTF8));
  }
  return elements;
}

bool has_class(SEXP x, const char* name) { return class_has(Rf_getAttrib(x, R_ClassSymbol), name); }

SEXP plain_class(EncodeContext& context, SEXP x) {
  const SEXP classes = Rf_getAttrib(x, R_ClassSymbol);
  if (!class_has(classes, "instep_scalar") && !class_has(classes, "instep_list")) return classes;
  if (Rf_length(classes) == 1) return R_NilValue;
  const SEXP rest = context.arena.keep(Rf_allocVector(STRSXP, Rf_length(classes) - 1));
  for (R_xlen_t i = 0, j = 0; i < Rf_xlength(classes); ++i) {
    const char* name = CHAR(STRING_ELT(classes, i));
    if (std::strcmp(name, "instep_scalar") != 0 && std::strcmp(name, "instep_list") != 0) {
      SET_STRING_ELT(rest, j++, STRING_ELT(classes, i));
    }
  }
  return rest;
}

Atomic describe_atomic(EncodeContext& context, SEXP x, bool is_column) {
  Atomic out;
  const SEXP classes = plain_class(context, x);
  switch (TYPEOF(x)) {
    case LGLSXP:
      out.logical = "bool";
      out.column = make_column(ArrowType::kBool, Storage::kLogical, LOGICAL(x), Rf_xlength(x));
      break;
    case CPLXSXP:
      describe_complex(x, out);
      break;
    case STRSXP:
      describe_text(context, x, classes, out);
      break;
    case RAWSXP:
      describe_raw(context, x, is_column, out);
      break;
    default:
      describe_number(context, x, classes, out);
  }
  out.is_scalar |= has_class(x, "instep_scalar") && Rf_xlength(x) == 1;
  out.is_vector |= class_has(classes, "AsIs");
  if (has_class(x, "instep_list")) {
    out.is_vector = true;
    out.params.push_back({"family", "list"});
  }
  if (classes != R_NilValue && !class_is_implied(classes, out)) out.attributes.emplace_back("class", classes);
  for (SEXP cell = ATTRIB(x); cell != R_NilValue; cell = CDR(cell)) {
    const char* name = CHAR(PRINTNAME(TAG(cell)));
    if (!is_implied(name, out.logical)) out.attributes.emplace_back(name, CAR(cell));
  }
  return out;
}

}  // namespace instep
