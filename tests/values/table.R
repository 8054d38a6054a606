# R's side of the table of values. Requests (see service.R):
#
#   W code       evaluates code and stores its value: three lines (outcome, loss, text) and the manifest
#   S manifest   reads a value and stores it again: three lines and the manifest
#   B manifest   reads what became of the last value of W: three lines
#
# An outcome is `refused`, with the error's code as text; `same`, when what is read is what was stored, or what R reads
# of it itself; or `read`.

last <- new.env()

# A value in a line, the same in every run.
sketch <- function(x) {
  if (inherits(x, "instep_foreign")) return(format(x))
  if (isS4(x)) return(sprintf("%s %s", class(x), paste(dim(x), collapse = " x ")))
  if (is.data.frame(x)) return(sprintf("%s(%s)", class(x)[[1]], sketch_elements(x)))
  if (is.list(x) && !is.object(x)) return(sprintf("list(%s)", sketch_elements(x)))
  if (is.list(x) && !inherits(x, "instep_pairs")) return(sprintf("<%s>", class(x)[[1]]))
  if (inherits(x, "integer64")) return(sprintf("integer64(%s)", paste(bit64::as.character.integer64(x), collapse = ", ")))
  text <- paste(deparse(x, 500, control = c("keepNA", "keepInteger", "niceNames", "showAttributes")), collapse = " ")
  gsub("\\s+", " ", text)
}

sketch_elements <- function(x) {
  row_names <- if (is.data.frame(x) && .row_names_info(x) > 0) list(row.names = attr(x, "row.names"))
  x <- c(as.list(x), row_names)
  texts <- vapply(unname(x), sketch, "")
  labels <- names(x)
  paste(if (is.null(labels)) texts else paste(encodeString(labels), texts, sep = " = "), collapse = ", ")
}

# Objects with an environment have another one after reading, which has the same in it.
is_same <- function(x, y) {
  if (inherits(x, "data.table")) return(isTRUE(all.equal(x, y)))
  identical(x, y, num.eq = FALSE) || is.object(x) && identical(serialize(x, NULL), serialize(y, NULL)) ||
    is.function(x) && is.function(y) && identical(x, y, ignore.environment = TRUE)
}

report <- function(outcome, loss = "", text = "", manifest = raw()) {
  text <- gsub("\n", " ", text)
  c(charToRaw(enc2utf8(paste0(outcome, "\n", loss, "\n", text, "\n"))), manifest)
}

refusal <- function(cnd) {
  code <- if (is.null(cnd$code)) class(cnd)[[1]] else cnd$code
  report("refused", text = code)
}

losses_of <- function(encoded) paste(unique(vapply(encoded$losses, \(loss) loss$code, "")), collapse = " ")

write_code <- function(code) {
  value <- eval(parse(text = code, keep.source = FALSE, encoding = "UTF-8"), new.env(parent = globalenv()))
  on.exit(if (inherits(value, "connection")) close(value))
  encoded <- encode_inline(value)
  last$value <- decode_inline(encoded$manifest)
  outcome <- if (is_same(value, last$value)) "same" else "read"
  report(outcome, losses_of(encoded), sketch(last$value), encoded$manifest)
}

read_and_store <- function(manifest) {
  value <- suppressWarnings(decode_inline(manifest), classes = "instep_warning_loss")
  encoded <- encode_inline(value)
  report("read", losses_of(encoded), sketch(value), encoded$manifest)
}

read_back <- function(manifest) {
  value <- decode_inline(manifest)
  report(if (is_same(last$value, value)) "same" else "read", text = sketch(value))
}

answer <- function(kind, body) {
  tryCatch(
    switch(kind,
      W = write_code(`Encoding<-`(rawToChar(body), "UTF-8")),
      S = read_and_store(body),
      B = read_back(body)
    ),
    instep_error = refusal
  )
}

here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
source(file.path(here, "service.R"))
