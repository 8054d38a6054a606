# Prints those packages, given as name>=version, that this R does not have.
for (wanted in strsplit(commandArgs(TRUE), ">=", fixed = TRUE)) {
  found <- tryCatch(utils::packageVersion(wanted[[1]]), error = \(e) "0")
  if (found < wanted[[2]] || identical(found, "0")) cat(wanted[[1]], "\n", sep = "")
}
