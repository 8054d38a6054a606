# Values that R stores for directory seeds, beside the test vectors. See seeds.py.
#
#   Rscript seeds.R DIR

instep::register_type("fuzz.pair", class = "pair")

deep <- 1.5
for (level in 1:60) deep <- if (level %% 2 == 0) list(deep) else list(x = deep)

values <- list(
  mixed = list(a = list(1L, "x", NULL, as.raw(1:3)), 2.5, c(u = TRUE)),
  deep = deep,
  records = lapply(1:12, \(i) list(id = i, name = paste0("n", i), score = i / 2, tags = c("a", NA))),
  iris = iris[1:5, ],
  row_names = mtcars[1:3, 1:4],
  tibble = tibble::tibble(x = c(1.5, NA), y = list(1:2, "a")),
  data_table = data.table::data.table(x = c(1.5, 2.5), y = c("a", NA)),
  cells = data.frame(l = I(list(1:2, NULL)), m = I(matrix(1:4, 2)), t = as.POSIXct(c("2024-01-01", NA), tz = "UTC")),
  na_level = addNA(factor(c("x", NA), levels = "x")),
  attributes = structure(c(1L, NA), class = "special", note = list(a = 1, b = "x")),
  dates = structure(c(0L, NA, -1L), class = "Date"),
  local_time = structure(c(0, NA, 1.7e9 + 0.25), class = c("POSIXct", "POSIXt")),
  hours = as.difftime(c(1, NA, -2.5), units = "hours"),
  time = structure(c(0, NA, 86399.5), units = "secs", class = "difftime", instep_time = TRUE),
  integer64 = bit64::as.integer64(c("9007199254740993", NA, "-9223372036854775807")),
  dimnames = matrix(c(1i, 2, 3, NA), 2, dimnames = list(rows = c("r1", "r2"), NULL)),
  logical_array = array(c(TRUE, NA), c(2, 1, 3)),
  text_matrix = matrix(c("a", NA, "\u00fc", ""), 2),
  raws = structure(as.raw(1:20), note = "n"),
  scalars = list(instep::scalar(1L), I("a"), instep::scalar("text")),
  json = structure("{\"a\": 1}", class = "json"),
  sparse = as(Matrix::Matrix(diag(3), sparse = TRUE), "generalMatrix"),
  registered = list(structure(list(a = 1.5, b = "x"), class = "pair"), n = structure(list(a = NULL, b = list(2L)), class = "pair")),
  opaque = list(f = function(x) x + 1, n = 1L)
)

directory <- commandArgs(trailingOnly = TRUE)[1]
for (name in names(values)) {
  manifest <- instep:::encode_value(values[[name]], on_loss = "ignore", inline = TRUE)$manifest
  writeBin(manifest, file.path(directory, paste0(name, ".bin")))
}
