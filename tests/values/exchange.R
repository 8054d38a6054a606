# Values that R and Python write for each other, and what each must read.
#
#   Rscript exchange.R write DIR     encodes every case
#   Rscript exchange.R check DIR     decodes the cases of DIR, whoever wrote them, and prints one line per difference
#   Rscript exchange.R echo IN OUT   decodes the cases of IN and encodes them again
#
# DIR holds `writer` (`r` or `python`; after an echo both, the first writer first), one CASE.manifest per case, and the
# blobs as objects/b3/<2>/<62>. The twin is exchange.py; the names of the cases are the same.

`%||%` <- function(x, y) if (is.null(x)) y else x

# A value, and what R must read instead where that differs: from Python's value of the case, or when Python read R's
# value and wrote it again.
case <- function(value, python = value, echoed = value) {
  list(value = value, python = python, echoed = echoed)
}

secs <- function(x) as.difftime(x, units = "secs")
zoned <- function(x, zone) as.POSIXct(x, tz = zone)

time_of_day <- function(x) {
  class <- if (nzchar(system.file(package = "hms"))) c("hms", "difftime") else "difftime"
  structure(x, units = "secs", class = class, instep_time = if (length(class) == 1) TRUE)
}

handle_of <- function(class) structure(list(class = class), class = "expected_handle")

# The same record as the dataclass `Point` in exchange.py.
point <- function(x, label) structure(list(x = x, label = label), class = "point")
instep::register_type("exchange.point", class = "point")

cell_array <- function(dim) aperm(array(as.double(seq_len(prod(dim)) - 1), rev(dim)))

frame_types <- data.frame(
  f = factor(c("x", "y", "x")),
  day = as.Date(c("2024-02-29", NA, "1970-01-01")),
  at = zoned(c("2024-02-29 12:00:00", NA, "1970-01-01 00:00:00"), "UTC"),
  z = c(1+2i, 0, 0)
)

cases <- list(
  none = case(NULL),
  logical_unit = case(TRUE),
  integer_unit = case(42L),
  double_unit = case(1.5),
  string_unit = case("gr\u00fc\u00dfe \U0001f600"),
  complex_unit = case(1+2i),
  raw = case(as.raw(c(0, 1, 255))),
  integer_wide = case(3e9),
  integer64 = case(bit64::as.integer64("9007199254740993")),
  bigint = case(structure("1000000000000000000000000000000", class = "instep_bigint")),
  decimal = case(structure("1.10", class = "instep_decimal")),
  na_logical = case(NA),
  na_integer = case(NA_integer_),
  na_double = case(NA_real_),
  na_string = case(NA_character_),
  doubles = case(c(1, -0, Inf, -Inf, NaN)),
  doubles_na = case(c(1, NA, NaN)),
  integers = case(1:3),
  integers_na = case(c(1L, NA, 3L)),
  logicals_na = case(c(TRUE, NA, FALSE)),
  complexes = case(c(1+2i, 0)),
  strings = case(c("a", NA, "", "NA")),
  strings_one = case(I("a"), python = "a", echoed = "a"),
  empty_list = case(list()),
  empty_doubles = case(numeric()),
  packed_doubles = case(as.double(0:1024)),
  big_doubles = case(as.double(0:199999)),
  list_mixed = case(list(1L, "a", NULL, list(TRUE, 2.5))),
  record = case(list(a = 1L, b = "x", c = NULL)),
  nested = case(list(x = list(y = list(list(z = 1.5))))),
  partial_names = case(stats::setNames(list(1L, 2L, 3L), c("a", "", NA))),
  pairs = case(structure(list(keys = list(1L, 2L), values = list("a", "b")), class = "instep_pairs")),
  named_doubles = case(c(a = 1, b = 2)),
  named_strings = case(stats::setNames(c("x", NA), c("a", NA))),
  matrix = case(rbind(1:3, 4:6)),
  array3 = case(cell_array(c(2, 3, 4))),
  dimnames = case(matrix(c(1, 2, 3, 4), 2, dimnames = list(c("r1", "r2"), c("c1", "c2")))),
  named_dimnames = case(matrix(c(1, 2, 3, 4), 2, dimnames = list(rows = c("r1", "r2"), cols = c("c1", "c2")))),
  factor = case(factor(c("a", "b", NA, "a"), levels = c("b", "a", "c"))),
  ordered = case(factor(c("a", "b", NA, "a"), levels = c("b", "a", "c"), ordered = TRUE)),
  date = case(as.Date("2024-02-29")),
  dates = case(as.Date(c("1969-12-31", "2024-02-29", NA))),
  instant = case(zoned("2024-02-29 12:30:15.25", "Europe/Berlin")),
  instants = case(zoned(c("2024-07-01 08:00:00", NA), "America/New_York")),
  naive = case(structure(zoned("2024-01-02 03:04:05", "UTC"), instep_naive = TRUE)),
  duration = case(secs(129600)),
  difftime_days = case(as.difftime(c(1.5, NA), units = "days"), python = secs(c(129600, NA)),
                       echoed = secs(c(129600, NA))),
  time = case(time_of_day(45015.5)),
  frame = case(data.frame(i = 1:3, d = c(1.5, NA, Inf), s = c("a", NA, "c"), b = c(TRUE, FALSE, TRUE))),
  frame_types = case(frame_types),
  frame_row_names = case(data.frame(x = c(1.5, 2.5), row.names = c("r1", "r2"))),
  frame_no_columns = case(data.frame(x = 1:3)[, FALSE]),
  frame_doubled_labels = case(data.frame(a = 1:2, a = c("x", "y"), check.names = FALSE)),
  tibble = case(tibble::tibble(x = c(1.5, 2.5), y = c("a", "b"))),
  data_table = case(data.table::data.table(x = c(1.5, 2.5), y = c("a", "b"))),
  registered = case(point(1.5, "gr\u00fc\u00dfe")),
  registered_deep = case(list(points = list(point(1.5, "a"), list(point(2.5, NULL))), n = 1L)),
  registered_here = case(list(1.5, "a")),
  opaque = case(function(x) x + 1, python = handle_of("Fraction")),
  foreign_in_list = case(list(f = function(x) x + 1, n = 1L), python = list(f = handle_of("Fraction"), n = 1L))
)

# ---- comparing

is_equal <- function(actual, expected) {
  if (inherits(expected, "expected_handle")) return(is_expected_handle(actual, expected))
  if (is.function(expected)) return(is.function(actual) && identical(deparse(actual), deparse(expected)))
  if (is.list(expected) && !is.object(expected)) {
    return(
      is.list(actual) && !is.object(actual) && length(actual) == length(expected) &&
        identical(names(actual), names(expected)) && all(unlist(Map(is_equal, actual, expected)))
    )
  }
  if (inherits(expected, "data.table")) return(isTRUE(all.equal(actual, expected)))
  identical(actual, expected, num.eq = FALSE)
}

is_expected_handle <- function(actual, expected) {
  inherits(actual, "instep_foreign") && any(endsWith(unclass(actual)$classes, unclass(expected)$class))
}

brief <- function(x) paste(utils::capture.output(utils::str(x)), collapse = " ")

# ---- files

manifest_file <- function(dir, name) file.path(dir, paste0(name, ".manifest"))

read_manifest <- function(dir, name) {
  file <- manifest_file(dir, name)
  readBin(file, "raw", file.size(file))
}

case_names <- function(dir) sub("[.]manifest$", "", list.files(dir, "[.]manifest$"))

decode_case <- function(dir, name) {
  fetch <- \(hash, size) instep:::object_path(file.path(dir, "objects"), hash)
  instep:::decode_value(read_manifest(dir, name), fetch, name = name)
}

encode_case <- function(dir, name, value) {
  objects <- file.path(dir, "objects")
  dir.create(objects, recursive = TRUE, showWarnings = FALSE)
  encoded <- instep:::encode_value(value, name)
  for (blob in encoded$blobs) instep:::object_put(objects, blob)
  writeBin(encoded$manifest, manifest_file(dir, name))
}

# ---- commands

write_cases <- function(dir) {
  for (name in names(cases)) encode_case(dir, name, cases[[name]]$value)
  writeLines("r", file.path(dir, "writer"))
}

# The number of differences.
check_cases <- function(dir) {
  expectation <- switch(readLines(file.path(dir, "writer")), r = "value", python = "python", `r python` = "echoed")
  differences <- 0
  for (name in case_names(dir)) {
    problem <- tryCatch(
      {
        actual <- decode_case(dir, name)
        expected <- cases[[name]][[expectation %||% "none"]]
        if (name %in% names(cases) && !is.null(expectation) && !is_equal(actual, expected)) {
          paste("read", brief(actual), "and not", brief(expected))
        }
      },
      error = conditionMessage
    )
    if (!is.null(problem)) {
      cat(name, ": ", problem, "\n", sep = "")
      differences <- differences + 1
    }
  }
  differences
}

echo_cases <- function(from, to) {
  dir.create(to, recursive = TRUE, showWarnings = FALSE)
  # Values that were not opened are still in the blobs that they came in.
  if (dir.exists(file.path(from, "objects"))) file.copy(file.path(from, "objects"), to, recursive = TRUE)
  for (name in case_names(from)) encode_case(to, name, decode_case(from, name))
  writeLines(paste(readLines(file.path(from, "writer")), "r"), file.path(to, "writer"))
}

main <- function(arguments) {
  switch(arguments[1],
    write = write_cases(arguments[2]),
    check = quit(status = if (check_cases(arguments[2]) > 0) 1 else 0),
    echo = echo_cases(arguments[2], arguments[3]),
    stop("Usage: Rscript exchange.R write DIR | check DIR | echo IN OUT")
  )
}

main(commandArgs(trailingOnly = TRUE))
