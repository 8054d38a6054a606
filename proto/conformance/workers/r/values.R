# Reads values and stores them again: the service of instep_conformance/value_service.py in R.

answer <- function(kind, body) {
  if (kind == "I") {
    return(charToRaw(paste0("r\ninstep-r ", packageVersion("instep"))))
  }
  value <- instep:::decode_value(body, heed = \(losses, name) NULL)
  instep:::encode_value(value, on_loss = "ignore", inline = TRUE)$manifest
}

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "service.R"))
