# Teaches: retry and catch. A step that fails is tried again; what fails for good is stored, and the flow goes on.
#
# Run:     Rscript examples/catch/catch.R run
# Prints:
#     Attempt 0 failed; retry at once.
#     fitted 2 of 3 regions
#     west failed: no_sales: no sales in the west

library(instep)

sales <- list(north = c(3, 5, 4), west = numeric(), south = c(8, 6))

# Reads from a server that is slow to wake up.
ask <- function(self) {
  if (current("retry_count") == 0L) {
    stop("the server sleeps")
  }
  self$regions <- names(sales)
}

# Fails for a region without sales. The class of the condition is kept.
fit <- function(self) {
  self$region <- self$input
  values <- sales[[self$region]]
  if (length(values) == 0L) {
    stop(errorCondition(paste("no sales in the", self$region), class = "no_sales"))
  }
  self$model <- mean(values)
}

# Tells what worked from what did not. What a step stored before its error is there.
gather <- function(self, inputs) {
  failed <- vapply(inputs, \(one) !is.null(one$problem), NA)
  self$count <- sum(!failed)
  self$problems <- lapply(inputs[failed], \(one) paste0(one$region, " failed: ", one$problem$type, ": ", one$problem$exception))
}

report <- function(self) {
  cat("fitted", self$count, "of", length(sales), "regions\n")
  for (problem in self$problems) {
    cat(problem, "\n")
  }
}

# retry(times = 2): up to 2 tries more, each from the same inputs. catch(var = ): the error becomes self$problem, which
# is NULL if there was none.
flow("Catch", doc = "Fits a model per region, and does not give up all of them for one.") |>
  step("start", ask, retry(times = 2), next_step = "fit", foreach = "regions") |>
  step("fit", fit, catch(var = "problem", print_exception = FALSE), next_step = "gather") |>
  step("gather", gather, next_step = "end") |>
  step("end", report) |>
  run()
