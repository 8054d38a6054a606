# Answers requests on standard input, one after the other, until it ends.
#
# A request is one byte for its kind, four for the length (little-endian), and the body. An answer is `0` or, with an
# error's message, `1`, and then length and body. All bytes of a value are in its manifest. `answer` is a function of
# kind and body.

serve <- function(answer) {
  input <- file("stdin", "rb")
  output <- file("/dev/stdout", "wb", raw = TRUE)
  while (length(kind <- readBin(input, "raw", 1)) == 1) {
    body <- readBin(input, "raw", readBin(input, "integer", 1, endian = "little"))
    failed <- FALSE
    result <- tryCatch(answer(rawToChar(kind), body), error = \(cnd) {
      failed <<- TRUE
      charToRaw(enc2utf8(conditionMessage(cnd)))
    })
    writeBin(charToRaw(if (failed) "1" else "0"), output)
    writeBin(length(result), output, endian = "little")
    writeBin(result, output)
    flush(output)
  }
  close(output)
  close(input)
}

serve(answer)
