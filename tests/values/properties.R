# R's side of the property tests. Requests (see service.R):
#
#   E manifest   decodes, encodes again, and gives the manifest
#   M bytes      makes a value out of random bytes and gives its manifest
#   R manifest   decodes what became of the last value made; gives nothing, or how it differs from what it should be

# ---- making values
#
# Each choice takes a byte; when there are none left, all choices are the first. So few and small bytes make small
# values, and the search for the smallest bytes that fail ends at a value that a person can read.

choices <- new.env()

choose <- function(n) {
  choices$at <- choices$at + 1
  if (choices$at > length(choices$bytes)) 1L else as.integer(choices$bytes[[choices$at]]) %% as.integer(n) + 1L
}

pick <- function(pool, n) pool[vapply(seq_len(n), \(i) choose(length(pool)), 1L)]

texts <- c("a", "", NA, "NA", "gr\u00fc\u00df", "\U0001f600", "tab\there", "b")

time_of_day <- function(x) structure(x, units = "secs", class = "difftime", instep_time = TRUE)

makers <- list(
  integer = \(n) pick(c(1L, NA, 0L, -.Machine$integer.max, .Machine$integer.max), n),
  double = \(n) pick(c(1, NA, NaN, 0, -0, Inf, -Inf, pi, 1e300, 5e-324), n),
  logical = \(n) pick(c(TRUE, NA, FALSE), n),
  text = \(n) pick(texts, n),
  complex = \(n) pick(c(1+2i, NA, complex(real = NaN, imaginary = 1), complex(real = -0, imaginary = Inf)), n),
  factor = \(n) factor(pick(c("x", NA, "y"), n), levels = c("y", "x", "unused")),
  ordered = \(n) factor(pick(c("x", NA, "y"), n), levels = c("y", "x"), ordered = TRUE),
  na_level = \(n) addNA(factor(pick(c("x", NA), n), levels = "x")),
  date = \(n) structure(pick(c(0, NA, -1, 19782, 2932896), n), class = "Date"),
  whole_date = \(n) structure(pick(c(0L, NA, -1L), n), class = "Date"),
  instant = \(n) structure(pick(c(0, NA, 1.7e9 + 0.25, -1), n), class = c("POSIXct", "POSIXt"),
                           tzone = pick(c("UTC", "Europe/Berlin", ""), 1)),
  local_time = \(n) structure(pick(c(0, NA, 1.7e9), n), class = c("POSIXct", "POSIXt")),
  duration = \(n) as.difftime(pick(c(1, NA, -2.5), n), units = pick(c("secs", "mins", "hours", "days", "weeks"), 1)),
  integer64 = \(n) pick(bit64::as.integer64(c("9007199254740993", NA, "-9223372036854775807")), n),
  time = \(n) time_of_day(pick(c(0, NA, 86399.5), n)),
  raw = \(n) pick(as.raw(c(1, 0, 255)), n),
  special = \(n) structure(pick(c(1L, NA), n), class = "special", note = "n")
)

make_atomic <- function(n) makers[[choose(length(makers))]](n)

make_vector <- function() {
  x <- make_atomic(choose(4) - 1L)
  if (choose(3) == 3 && !is.raw(x)) names(x) <- pick(texts, length(x))
  x
}

make_array <- function() {
  dims <- vapply(seq_len(choose(3)), \(i) choose(4) - 1L, 1L)
  x <- as.vector(makers[[choose(5)]](prod(dims)))
  dim(x) <- dims
  if (choose(3) == 3) dimnames(x) <- lapply(dims, \(n) if (n > 0) pick(texts, n))
  x
}

make_frame <- function() {
  rows <- choose(4) - 1L
  columns <- lapply(seq_len(choose(4) - 1L), \(i) make_atomic(rows))
  names(columns) <- make.unique(rep("v", length(columns)))
  row_names <- if (choose(3) == 3 && rows > 0) paste0("r", seq_len(rows)) else .set_row_names(rows)
  class <- if (is.character(row_names)) "data.frame" else pick(list("data.frame", c("tbl_df", "tbl", "data.frame")), 1)[[1]]
  structure(columns, row.names = row_names, class = class)
}

make_list <- function(depth) {
  x <- lapply(seq_len(choose(4) - 1L), \(i) make_value(depth - 1))
  if (choose(2) == 2) names(x) <- pick(texts, length(x))
  x
}

make_value <- function(depth = 4) {
  switch(choose(if (depth > 0) 7 else 5),
    NULL, make_vector(), make_array(), make_frame(), make_vector(), make_list(depth), make_list(depth)
  )
}

make_from <- function(bytes) {
  choices$bytes <- bytes
  choices$at <- 0L
  make_value()
}

# ---- what comes back from Python, where that is not the same

# What Python takes for a scalar: its type, or NA.
scalar_kind <- function(x) {
  if (inherits(x, "special")) x <- keep(x, unclass(x))
  if (!is.null(attr(x, "instep_time"))) return(if (length(x) == 1 && is.null(names(x)) && !is.na(x)) "time" else NA_character_)
  if (inherits(x, "integer64") && is.null(names(x))) return(if (length(x) == 1 && !is.na(x)) "integer" else NA_character_)
  is_scalar <- is.atomic(x) && length(x) == 1 && is.null(attributes(x)) && !(is.complex(x) || is.raw(x)) &&
    (is.double(x) || !is.na(x))
  if (is_scalar) typeof(x) else NA_character_
}

# Python has lists only, so a list of scalars of one type becomes a vector there.
simplify <- function(x) {
  present <- Filter(Negate(is.null), x)
  kinds <- unique(vapply(present, scalar_kind, ""))
  if (length(kinds) != 1 || is.na(kinds)) return(x)
  is_gap <- vapply(x, is.null, NA)
  if (any(is_gap) && kinds == "double" && any(vapply(present, \(y) is.na(y) && !is.nan(y), NA))) return(x)
  if (kinds == "time") return(time_of_day(vapply(x, \(y) if (is.null(y)) NA_real_ else as.double(y), 1)))
  is_long <- any(vapply(present, inherits, NA, "integer64"))
  elements <- lapply(x, \(y) if (is.null(y)) NA else if (is_long) bit64::as.integer64(y) else as.vector(y))
  if (is_long) do.call(c, lapply(elements, bit64::as.integer64)) else unlist(elements)
}

declared_list <- function(x) {
  if (is.null(names(x))) {
    vector <- simplify(x)
    if (is.atomic(vector)) return(vector)
  }
  lapply(x, declared)
}

declared_frame <- function(x) {
  for (i in seq_along(x)) x[[i]] <- declared_column(x[[i]])
  x
}

# What Python has no place for is left out: storage as integer, other attributes, units of a difftime.
declared_atomic <- function(x) {
  if (is.factor(x)) return(declared_factor(x))
  if (inherits(x, "special")) return(keep(x, unclass(x)))
  if (!is.null(attr(x, "instep_time"))) return(declared_times(x))
  if (inherits(x, "integer64")) return(declared_long(x))
  if (inherits(x, "Date")) storage.mode(x) <- "double"
  if (inherits(x, "POSIXct") && has_no_zone(x)) attr(x, "tzone") <- "UTC"
  if (inherits(x, "difftime") && !inherits(x, "hms")) units(x) <- "secs"
  x
}

# Python has no local time without a zone, and its scalar that stands for a missing time has none.
has_no_zone <- function(x) {
  is_lone_gap <- length(x) == 1 && is.null(names(x)) && is.na(x)
  is_lone_gap || !nzchar(paste(attr(x, "tzone"), collapse = ""))
}

keep <- function(x, y) {
  attributes(y) <- attributes(x)[c("names", "dim", "dimnames")]
  y
}

# Python has lists of times of day, which say nothing of their type when there is none in them.
declared_times <- function(x) {
  if (length(x) == 1 && is.null(names(x)) || !all(is.na(x))) return(x)
  if (is.null(names(x))) lapply(x, \(y) NULL) else keep(x, rep(NA_character_, length(x)))
}

declared_factor <- function(x) {
  y <- factor(as.character(x), levels = levels(x)[!is.na(levels(x))], ordered = is.ordered(x))
  names(y) <- names(x)
  y
}

# Whole numbers become the smallest type of R that holds all of them.
declared_long <- function(x) {
  if (length(x) == 0 || all(is.na(x))) return(keep(x, rep(NA_integer_, length(x))))
  x
}

# Columns have a type of their own in Python; of bytes it is a number. pandas takes NaN for missing.
declared_column <- function(x) {
  if (is.raw(x)) return(as.integer(x))
  if (is.double(x) && !is.object(x)) return(replace(x, is.na(x), NA))
  if (is.character(x) || !is.null(attr(x, "instep_time"))) return(x)
  if (inherits(x, "POSIXct") && nzchar(paste(attr(x, "tzone"), collapse = ""))) return(x)
  declared_atomic(x)
}

declared <- function(x) {
  if (is.null(x)) return(NULL)
  if (is.data.frame(x)) return(declared_frame(x))
  if (is.list(x)) return(declared_list(x))
  declared_atomic(x)
}

# ---- answering

describe <- function(x) paste(deparse(x, control = c("keepNA", "keepInteger", "niceNames", "showAttributes", "digits17")), collapse = "\n")

# How the last value differs from what was read; "" when it does not.
difference <- function(manifest) {
  actual <- decode_inline(manifest)
  expected <- declared(choices$value)
  if (identical(actual, expected, num.eq = FALSE)) return("")
  paste0("made     ", describe(choices$value), "\nexpected ", describe(expected), "\nread     ", describe(actual))
}

make_manifest <- function(bytes) {
  choices$value <- make_from(bytes)
  manifest <- encode_inline(choices$value)$manifest
  if (!identical(decode_inline(manifest), choices$value, num.eq = FALSE)) {
    stop("R does not read what it stored: ", describe(choices$value))
  }
  manifest
}

answer <- function(kind, body) {
  switch(kind,
    E = encode_inline(decode_inline(body))$manifest,
    M = make_manifest(body),
    R = charToRaw(enc2utf8(difference(body)))
  )
}

here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
source(file.path(here, "compare.R"))
source(file.path(here, "..", "..", "proto", "conformance", "workers", "r", "service.R"))
