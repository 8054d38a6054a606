# How sizes, durations and times are written for people: as the command line writes them.

format_size <- function(bytes) {
  if (bytes < 1000) {
    return(paste(bytes, "B"))
  }
  unit <- min(floor(log(bytes * 1.00005, 1000)), 3)
  sprintf("%.1f %s", bytes / 1000^unit, c("kB", "MB", "GB")[[unit]])
}

format_duration <- function(seconds) {
  seconds <- max(seconds, 0)
  if (seconds < 60) {
    return(sprintf(if (seconds < 1) "%.2f s" else "%.1f s", seconds))
  }
  minutes <- round(seconds) %/% 60
  if (minutes < 60) {
    return(sprintf("%d min %d s", minutes, round(seconds) %% 60))
  }
  sprintf("%d h %d min", minutes %/% 60, minutes %% 60)
}
