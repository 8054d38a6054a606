// Dates, instants, durations and times of day.
#include <cmath>
#include <cpp11/function.hpp>
#include <limits>

#include "values_columns.h"
#include "values_error.h"

namespace instep {
namespace {

// Divides whole microseconds (or days) into the unit of R. As integers when the writer had them and they fit.
cpp11::sexp quotients(const Slice& slice, double divisor, bool as_integer) {
  cpp11::sexp out = allocate(REALSXP, slice.count);
  double* values = REAL(out);
  bool whole = true;
  each<std::int64_t>(
      slice,
      [&](std::int64_t at, std::int64_t x) {
        values[at] = static_cast<double>(x) / divisor;
        whole &= std::fabs(values[at]) <= std::numeric_limits<int>::max() && values[at] == std::trunc(values[at]);
      },
      [&](std::int64_t at) { values[at] = NA_REAL; });
  if (!as_integer || !whole) return out;
  return cpp11::safe[Rf_coerceVector](out, INTSXP);
}

// Nanoseconds to the nearest microsecond first, so that both units read alike.
cpp11::sexp instants(const Slice& slice, const ColumnHints& hints, bool has_zone) {
  expect(slice, {ArrowType::kTimestampMicro, ArrowType::kTimestampNano});
  require(slice.field.timezone.empty() != has_zone, "A column's Arrow type does not fit its logical type.");
  if (slice.field.type == ArrowType::kTimestampMicro) return quotients(slice, 1e6, hints.is_integer);
  cpp11::sexp out = allocate(REALSXP, slice.count);
  double* values = REAL(out);
  bool is_exact = true;
  each<std::int64_t>(
      slice,
      [&](std::int64_t at, std::int64_t x) {
        is_exact &= x % 1000 == 0;
        const std::int64_t micros = x / 1000 + (x % 1000 >= 500) - (x % 1000 < -500);
        values[at] = static_cast<double>(micros) / 1e6;
      },
      [&](std::int64_t at) { values[at] = NA_REAL; });
  if (!is_exact) {
    cpp11::package("instep")["signal_loss"]("NANOSECONDS", hints.path == nullptr ? "" : hints.path->text(),
                                            "has times finer than a microsecond, which are rounded");
  }
  return out;
}

bool is_offset(const std::string& zone) {
  return zone.size() == 6 && (zone[0] == '+' || zone[0] == '-') && zone[3] == ':';
}

double unit_micros(const std::string& units) {
  if (units == "mins") return 6e7;
  if (units == "hours") return 3.6e9;
  if (units == "days") return 8.64e10;
  return units == "weeks" ? 6.048e11 : 1e6;
}

}  // namespace

cpp11::sexp decode_instant(const Slice& slice, const ColumnHints& hints) {
  cpp11::sexp out = instants(slice, hints, true);
  set_class(out, {"POSIXct", "POSIXt"});
  const std::string* zone = find_param(*hints.params, "tz");
  if (hints.tzone) {
    set_attribute(out, "tzone", *hints.tzone);
  } else if (zone != nullptr && is_offset(*zone)) {
    // R has no zones that are mere offsets.
    set_attribute(out, "tzone", text_scalar("UTC"));
    set_attribute(out, "instep_tz", text_scalar(*zone));
  } else {
    set_attribute(out, "tzone", text_scalar(zone == nullptr || zone->empty() ? "UTC" : *zone));
  }
  return out;
}

cpp11::sexp decode_naive(const Slice& slice, const ColumnHints& hints) {
  cpp11::sexp out = instants(slice, hints, false);
  set_class(out, {"POSIXct", "POSIXt"});
  set_attribute(out, "tzone", text_scalar("UTC"));
  set_attribute(out, "instep_naive", cpp11::safe[Rf_ScalarLogical](TRUE));
  return out;
}

cpp11::sexp decode_date(const Slice& slice, const ColumnHints& hints) {
  expect(slice, {ArrowType::kDate32});
  cpp11::sexp out = allocate(REALSXP, slice.count);
  double* values = REAL(out);
  each<std::int32_t>(
      slice, [&](std::int64_t at, std::int32_t x) { values[at] = x; },
      [&](std::int64_t at) { values[at] = NA_REAL; });
  if (hints.is_integer) out = cpp11::safe[Rf_coerceVector](out, INTSXP);
  set_class(out, {"Date"});
  return out;
}

cpp11::sexp decode_duration(const Slice& slice, const ColumnHints& hints) {
  expect(slice, {ArrowType::kDurationMicro});
  const std::string* stored = find_param(*hints.params, "units");
  const std::string units = stored == nullptr ? "secs" : *stored;
  require(units == "secs" || unit_micros(units) != 1e6, "A duration has an unknown unit.");
  cpp11::sexp out = quotients(slice, unit_micros(units), hints.is_integer);
  set_class(out, {"difftime"});
  set_attribute(out, "units", text_scalar(units));
  return out;
}

cpp11::sexp decode_time(const Slice& slice, const ColumnHints& hints) {
  expect(slice, {ArrowType::kTime64Micro});
  each<std::int64_t>(
      slice,
      [](std::int64_t, std::int64_t x) {
        require(x >= 0 && x < std::int64_t{86400} * 1000000, "A time of day is not within a day.");
      },
      [](std::int64_t) {});
  cpp11::sexp out = quotients(slice, 1e6, hints.is_integer);
  set_attribute(out, "units", text_scalar("secs"));
  if (is_installed("hms")) {
    set_class(out, {"hms", "difftime"});
  } else {
    set_class(out, {"difftime"});
    set_attribute(out, "instep_time", cpp11::safe[Rf_ScalarLogical](TRUE));
  }
  return out;
}

}  // namespace instep
