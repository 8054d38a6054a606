# The conformance flow in R: see instep_conformance/flow.py.

nothing <- function(self) NULL

echo <- function(self) self$copy <- self$value

add <- function(self) self$total <- self$a + self$b

tell <- function(self) {
  facts <- c("flow_name", "step_name", "run_id", "task_id", "retry_count")
  self$told <- vapply(facts, \(fact) as.character(instep::current(fact)), "", USE.NAMES = FALSE)
}

big <- function(self) self$numbers <- as.double(seq_len(self$count) - 1)

total <- function(self) self$total <- sum(self$numbers)

fail <- function(self) {
  self$before <- 1L
  stop(errorCondition(strrep(self$message, self$times), class = "empty_tank"))
}

fail_deep <- function(self) {
  error <- NULL
  for (level in self$depth:0) {
    error <- errorCondition(paste("level", level), class = "deep_error", parent = error)
  }
  stop(error)
}

write <- function(self) {
  for (i in seq_len(self$times)) {
    cat(self$text)
    cat(self$error, file = stderr())
  }
}

wait <- function(self) {
  cat("waiting\n")
  while (!file.exists(self$until)) {
    Sys.sleep(0.02)
  }
  cat("woke\n")
  self$done <- TRUE
}

split <- function(self) self$items <- c(10L, 20L, 30L)

item <- function(self) self$seen <- self$input

choose <- function(self) self$way <- self$value

join <- function(self, inputs) self$total <- sum(unlist(instep::gather_inputs(inputs, "x")))

overwrite <- function(self) self$value <- 2

environment <- function(self) {
  variables <- Sys.getenv()
  self$seen <- paste(c(paste0(names(variables), "=", variables), commandArgs()), collapse = "\n")
}

quit <- function(self) base::quit(status = 3)
