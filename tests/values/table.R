# R's side of the table of values. Requests (see service.R):
#
#   W code       evaluates code and stores its value: three lines (outcome, loss, text) and the manifest
#   S manifest   reads a value and stores it again: three lines and the manifest
#   B manifest   reads what became of the last value of W: three lines
#
# An outcome is `refused`, with the error's code as text; `same`, when what is read is what was stored, or what R reads
# of it itself; or `read`.

last <- new.env()

# A value in a line, the same in every run. Only the outer levels are shown: there can be hundreds.
sketch <- function(x, levels = 10) {
  if (levels == 0) return("...")
  if (inherits(x, "instep_foreign")) return(format(x))
  if (isS4(x)) return(sprintf("%s %s", class(x), paste(dim(x), collapse = " x ")))
  if (is.data.frame(x)) return(sprintf("%s(%s)", class(x)[[1]], sketch_elements(x, levels)))
  if (is.list(x) && !is.object(x)) return(sprintf("list(%s)", sketch_elements(x, levels)))
  if (is.list(x) && !inherits(x, "instep_pairs")) return(sprintf("<%s>", class(x)[[1]]))
  if (inherits(x, "integer64")) return(sprintf("integer64(%s)", paste(bit64::as.character.integer64(x), collapse = ", ")))
  text <- paste(deparse(x, 500, control = c("keepNA", "keepInteger", "niceNames", "showAttributes")), collapse = " ")
  gsub("\\s+", " ", text)
}

sketch_elements <- function(x, levels) {
  row_names <- if (is.data.frame(x) && .row_names_info(x) > 0) list(row.names = attr(x, "row.names"))
  x <- c(as.list(x), row_names)
  texts <- vapply(unname(x), sketch, "", levels - 1)
  labels <- names(x)
  paste(if (is.null(labels)) texts else paste(encodeString(labels), texts, sep = " = "), collapse = ", ")
}

report <- function(outcome, loss = "", text = "", manifest = raw()) {
  text <- gsub("\n", " ", text)
  c(charToRaw(enc2utf8(paste0(outcome, "\n", loss, "\n", text, "\n"))), manifest)
}

refusal <- function(cnd) {
  code <- if (is.null(cnd$code)) class(cnd)[[1]] else cnd$code
  report("refused", text = code)
}

codes_of <- function(losses) paste(unique(vapply(losses, \(loss) loss$code, "")), collapse = " ")

write_code <- function(code) {
  value <- eval(parse(text = code, keep.source = FALSE, encoding = "UTF-8"), new.env(parent = globalenv()))
  on.exit(if (inherits(value, "connection")) close(value))
  encoded <- encode_inline(value)
  last$value <- decode_inline(encoded$manifest)
  outcome <- if (is_same(value, last$value)) "same" else "read"
  report(outcome, codes_of(encoded$losses), sketch(last$value), encoded$manifest)
}

read_and_store <- function(manifest) {
  lost <- list()
  value <- decode_inline(manifest, heed = \(losses, name) lost <<- losses)
  encoded <- encode_inline(value)
  report("read", codes_of(c(lost, encoded$losses)), sketch(value), encoded$manifest)
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
source(file.path(here, "compare.R"))
source(file.path(here, "..", "..", "proto", "conformance", "workers", "r", "service.R"))
