# Measures how R stores and reads values, each next to its peer in the same process.
#
# `Rscript values.R CASE FOLDER REPEATS` prints a line for each measurement: its name and the numbers, in seconds or
# bytes. What is written stays in FOLDER for the program in Python, and the other way round.

invisible(loadNamespace("instep"))

columns <- 8
rows <- 12.5e6
large_rows <- 15.625e6
table_rows <- 5e6
small_count <- 1e4
missing_share <- 0.05
set.seed(1)

# Values: those of values.py.

make_frame <- function(rows, values = stats::runif) {
  as.data.frame(stats::setNames(lapply(seq_len(columns), \(i) values(rows)), paste0("x", seq_len(columns))))
}

with_missing <- function(x) {
  x[stats::runif(length(x)) < missing_share] <- NA
  x
}

make_table <- function() {
  words <- sprintf("item %06d", 0:99999)
  data.frame(
    id = with_missing(sample.int(1e6, table_rows, TRUE)),
    x = with_missing(stats::runif(table_rows)),
    flag = with_missing(stats::runif(table_rows) < 0.5),
    text = with_missing(sample(words, table_rows, TRUE)),
    grade = with_missing(factor(sample(letters[1:5], table_rows, TRUE)))
  )
}

make_records <- function() {
  lapply(seq_len(small_count), \(i) {
    list(id = i, name = paste("record", i), score = i / 7, good = i %% 2 == 0, note = NULL)
  })
}

make_scalars <- function() {
  kinds <- list(as.integer, \(i) i / 3, as.character, \(i) i %% 8 == 3)
  lapply(seq_len(small_count), \(i) kinds[[i %% 4 + 1]](i))
}

# Cases.

write_frame <- function(folder, repeats) {
  value <- make_frame(rows)
  file <- file.path(folder, "plain")
  compare(value, folder, repeats, file, plain = \() write_plain(file, value))
}

read_frame <- function(folder, repeats) {
  file <- list.files(file.path(folder, "python", "b3"), recursive = TRUE, full.names = TRUE) # one blob
  alternate(
    repeats,
    instep = \() seconds(load_value(folder, "python")),
    plain = \() seconds(readBin(file, "raw", file.size(file)))
  )
}

write_table <- function(folder, repeats) {
  value <- make_table()
  file <- file.path(folder, "table.rds")
  compare(value, folder, repeats, file, saveRDS = \() saveRDS(value, file, compress = FALSE))
}

read_table <- function(folder, repeats) {
  file <- file.path(folder, "table.rds")
  saveRDS(load_value(folder, "python"), file, compress = FALSE)
  alternate(
    repeats,
    instep = \() seconds(load_value(folder, "python")),
    readRDS = \() seconds(readRDS(file))
  )
  unlink(file)
}

small <- function(folder, repeats) {
  round_trip("records", list(make_records()), repeats)
  round_trip("scalars", make_scalars(), repeats)
}

memory <- function(folder, repeats) {
  value <- make_frame(rows, \(n) with_missing(stats::runif(n)))
  gc()
  before <- status("VmRSS")
  cat("5", file = "/proc/self/clear_refs") # the peak starts from here
  store(value, file.path(folder, "objects"))
  tell("beyond", (status("VmHWM") - before) / as.numeric(utils::object.size(value)))
}

unchanged <- function(folder, repeats) {
  objects <- file.path(folder, "objects")
  value <- list(frame = make_frame(large_rows), n = 1)
  for (name in c("first", "again")) {
    before <- written()
    stored <- store(value, objects)
    tell(name, written() - before)
    value <- instep:::decode_value(stored$manifest, \(hash, size) object_file(objects, hash))
    value$n <- 2
  }
}

# Times storing a value against a peer that writes `file`. What was stored last stays.
compare <- function(value, folder, repeats, file, ...) {
  objects <- file.path(folder, "r")
  ours <- function() {
    clear(objects)
    took <- seconds(stored <- store(value, objects))
    writeBin(stored$manifest, file.path(folder, "r.manifest"))
    took
  }
  peer <- lapply(list(...), \(write) {
    \() {
      clear(file)
      seconds(write())
    }
  })
  do.call(alternate, c(list(repeats, instep = ours), peer))
  clear(file)
}

round_trip <- function(name, values, repeats) {
  measured <- list(
    instep = \() seconds(lapply(values, \(x) {
      instep:::decode_value(instep:::encode_value(x, inline = TRUE)$manifest)
    })),
    serialize = \() seconds(lapply(values, \(x) unserialize(serialize(x, NULL, xdr = FALSE))))
  )
  names(measured) <- paste(name, names(measured), sep = ".")
  do.call(alternate, c(list(repeats), measured))
}

# Tools.

store <- function(value, objects) {
  encoded <- instep:::encode_value(value)
  dir.create(objects, showWarnings = FALSE)
  for (blob in encoded$blobs) instep:::object_put(objects, blob)
  encoded
}

object_file <- function(objects, hash) file.path(objects, "b3", substr(hash, 4, 5), substring(hash, 6))

load_value <- function(folder, language) {
  file <- file.path(folder, paste0(language, ".manifest"))
  manifest <- readBin(file, "raw", file.size(file))
  instep:::decode_value(manifest, \(hash, size) object_file(file.path(folder, language), hash))
}

write_plain <- function(path, value) {
  file <- file(path, "wb")
  on.exit(close(file))
  for (column in value) writeBin(column, file)
}

# Removes a file or folder, and lets the disk come to rest: what came before is not to be paid later.
clear <- function(path) {
  unlink(path, recursive = TRUE)
  system2("sync")
}

# Takes turns, after a round that does not count, and prints the seconds of each.
alternate <- function(repeats, ...) {
  measured <- list(...)
  took <- lapply(measured, \(x) numeric())
  for (round in seq_len(repeats + 1)) {
    for (name in names(measured)) {
      gc()
      took[[name]][round] <- measured[[name]]()
    }
  }
  for (name in names(took)) tell(name, took[[name]][-1])
}

seconds <- function(expr) {
  start <- as.numeric(Sys.time())
  force(expr)
  as.numeric(Sys.time()) - start
}

# A figure about this process's memory, in bytes.
status <- function(field) figure("/proc/self/status", field) * 1024

# The number of bytes that this process has given to write() so far.
written <- function() figure("/proc/self/io", "wchar")

figure <- function(file, field) {
  line <- grep(paste0("^", field, ":"), readLines(file), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line))
}

tell <- function(name, numbers) cat(name, format(numbers, digits = 15, scientific = FALSE, trim = TRUE), "\n")

arguments <- commandArgs(TRUE)
get(arguments[1])(arguments[2], as.integer(arguments[3]))
