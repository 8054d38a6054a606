# How client objects are shown: on one line what it is and how it fared, below it what a person asks next.

#' @export
format.instep_client <- function(x, ...) {
  bare <- unclass(x)
  facts <- switch(bare$kind,
    run = run_facts(get_run(bare)$run),
    step = step_facts(get_step(bare)),
    task = task_facts_text(get_task(bare), bare$attempt),
    artifact = artifact_facts(get_artifact(bare)$artifact)
  )
  paste0("<instep ", bare$kind, " ", client_path(bare), if (length(facts) > 0L) ": ", facts, ">")
}

#' @export
print.instep_client <- function(x, ...) {
  bare <- unclass(x)
  details <- switch(bare$kind,
    flow = flow_details(bare), run = run_details(bare), step = NULL, task = task_details(bare)
  )
  cat(format(x), "\n", sep = "")
  for (name in names(details)) {
    cat(detail_lines(name, details[[name]]), sep = "\n")
  }
  invisible(x)
}

#' @export
str.instep_client <- function(object, ...) cat(" ", format(object), "\n", sep = "")

detail_lines <- function(name, text) {
  text <- first_line(text)
  lines <- strwrap(text, width = max(getOption("width") - 13L, 20L))
  paste0("  ", format(c(name, rep("", max(length(lines) - 1L, 0L))), width = 10L), lines)
}

first_line <- function(text) strsplit(paste0(trimws(text), "\n"), "\n", fixed = TRUE)[[1L]][[1L]]

run_facts <- function(run) {
  caught <- if (isTRUE(run$caught)) ", with an error that was caught"
  paste0(state_name(run$state), caught)
}

step_facts <- function(step) {
  counts <- c(succeeded = step$succeeded, failed = step$failed)
  counts <- counts[counts > 0]
  ended <- if (length(counts) > 0L) paste(counts, names(counts))
  paste(c(language_mark(step$language), counted(step$tasks, "task"), ended), collapse = ", ")
}

task_facts_text <- function(task, number) {
  attempt <- chosen_attempt(task$attempts, number)
  status <- state_name(if (is.null(number)) task$state else attempt$state)
  paste(c(
    paste0(status, if (isTRUE(attempt$caught)) ", with an error that was caught"),
    if (!is.null(task$cloned_from)) paste0("cloned from run ", task$cloned_from$run_id),
    if (!is.null(task$index)) paste("index", task$index),
    if (length(task$attempts) > 1L) paste("attempt", attempt$number)
  ), collapse = ", ")
}

artifact_facts <- function(artifact) paste0(artifact$summary, ", ", format_size(artifact$size))

flow_details <- function(x) {
  latest <- run_records(x, n = 1)
  list(latest = if (length(latest) > 0L) {
    paste0("run ", latest[[1L]]$run_id, ", ", run_facts(latest[[1L]]), ", ", run_times(latest[[1L]]))
  } else {
    "no run in this namespace"
  })
}

run_details <- function(x) {
  run <- get_run(x)$run
  steps <- rev(list_steps(x))
  list(
    started = run_times(run),
    by = run$user,
    tags = paste(run$user_tags, collapse = ", "),
    resumes = if (nzchar(run$origin_run_id)) paste("run", run$origin_run_id),
    failed = if (!is.null(run$failure)) {
      where <- if (nzchar(run$failed_step)) paste0("step ", run$failed_step, ", task ", run$failed_task_id, ": ")
      paste0(where, failure_line(run$failure))
    },
    steps = paste(texts(steps, "name"), collapse = ", ")
  ) |> filled_details()
}

task_details <- function(x) {
  task <- get_task(x)
  attempt <- chosen_attempt(task$attempts, x$attempt)
  names <- list_artifacts(x)
  list(
    started = if (!is.null(attempt)) times_text(attempt$leased_unix_ms, attempt$finished_unix_ms),
    error = if (!is.null(attempt$failure)) failure_line(attempt$failure),
    artifacts = paste(names[!startsWith(names, "_")], collapse = ", "),
    because = task$reason
  ) |> filled_details()
}

filled_details <- function(details) Filter(\(text) length(text) > 0L && nzchar(text), details)

run_times <- function(run) times_text(run$created_unix_ms, run$finished_unix_ms)

times_text <- function(began, ended) {
  took <- if (!is.null(ended)) paste0(", took ", format_duration((ended - began) / 1000))
  paste0(format(instant(began, tz = ""), "%Y-%m-%d %H:%M:%S"), took)
}

failure_line <- function(failure) {
  type <- if (length(failure$classes) > 0L) sub(".*[.]", "", failure$classes[[1L]])
  cut_line(paste(c(type, first_line(failure$message)), collapse = ": "), 160L)
}

language_mark <- function(language) {
  known <- c(r = "R", python = "Python")
  if (language %in% names(known)) known[[language]] else language
}

counted <- function(count, noun) paste0(count, " ", noun, if (count != 1) "s")

#' @export
print.instep_data <- function(x, ...) {
  cat(paste0("<instep data of ", client_path(unclass(x)), ">\n"))
  cat(detail_lines("artifacts", paste(names(x), collapse = ", ")), sep = "\n")
  invisible(x)
}
