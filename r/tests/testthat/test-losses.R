make_attempt <- function(on_loss, ...) {
  attempt <- new.env()
  task <- list(on_loss = paste0("LOSS_POLICY_", on_loss))
  attempt$self <- make_self(..., task = task)
  attempt$task <- self_state(attempt$self)$task
  attempt$session <- list(object_root = local_objects(parent.frame()))
  attempt$timings <- list()
  the$told <- character()
  attempt
}

noon <- as.Date("2024-02-29") + 0.5

stored_files <- function(attempt) list.files(attempt$session$object_root, recursive = TRUE)

told <- function(expression) capture.output(invisible(expression), type = "message")

test_that("a loss is told once for each artifact and rule", {
  attempt <- make_attempt("WARN")
  attempt$self$dates <- list(a = noon, b = noon)
  attempt$self$when <- list(noon, as.POSIXlt("2024-02-29", tz = "UTC"))
  lines <- told(outcome <- success(attempt))
  expect_identical(lines, c(
    "Loss DATE_FRACTION in artifact 'dates' at self$dates$a: it has dates with a time of day, which is left out.",
    "Loss DATE_FRACTION in artifact 'when' at self$when[[1]]: it has dates with a time of day, which is left out.",
    "Loss POSIXLT in artifact 'when' at self$when[[2]]: it is POSIXlt, which is stored as POSIXct."
  ))
  expect_length(outcome$success$outputs, 2L)
  expect_identical(told(success(attempt)), character())
})

test_that("a loss that is ignored is not told", {
  attempt <- make_attempt("IGNORE")
  attempt$self$when <- noon
  expect_identical(told(outcome <- success(attempt)), character())
  expect_identical(outcome$success$outputs[[1L]]$name, "when")
})

test_that("a loss that is an error stops the attempt before anything is written", {
  attempt <- make_attempt("ERROR")
  attempt$self$before <- stats::runif(1e5)
  attempt$self$when <- list(x = noon)
  condition <- expect_error(success(attempt), class = "instep_error_value_loss")
  expect_identical(stored_files(attempt), character())
  expect_identical(failure_kind(condition, "INTERNAL"), "FAILURE_KIND_OUTPUT_ENCODE")
  message <- condition_failure(condition)$message
  expect_match(message, "Artifact when can't be stored without loss, as `on_loss` demands.", fixed = TRUE)
  expect_match(message, " DATE_FRACTION at self$when$x: it has dates with a time of day, which", fixed = TRUE)
  expect_identical(condition[c("artifact", "path", "code")], list(
    artifact = "when", path = "self$when$x", code = "DATE_FRACTION"
  ))
})

test_that("an attempt that failed leaves what is stored without loss", {
  attempt <- make_attempt("ERROR")
  attempt$self$before <- 1
  attempt$self$when <- noon
  expect_identical(vapply(partial_outputs(attempt), \(output) output$name, ""), "before")
})

test_that("what was read and not changed has no losses to heed", {
  model <- local({
    big <- stats::runif(3e5)
    list(new.env(), y ~ x)
  })
  expect_identical(loss_codes(model), "ENVIRONMENT_CAPTURED")
  attempt <- suppressWarnings(make_attempt("ERROR", model = model))
  expect_s3_class(attempt$self$model[[2L]], "formula")
  expect_length(success(attempt)$success$outputs, 0L)
})

rounded <- function(fixture = "nanoseconds") {
  manifest <- python_manifest(fixture)
  list(name = "when", artifact = list(hash = "b3:00", size = length(manifest)), manifest = manifest)
}

reading <- function(on_loss) {
  the$told <- character()
  new_self(make_task(list(rounded()), on_loss = paste0("LOSS_POLICY_", on_loss)), no_fetch)
}

test_that("a loss in reading is told, an error, or ignored", {
  self <- reading("WARN")
  line <- "Loss NANOSECONDS in artifact 'when' at self$when: it has times finer than a microsecond, which are rounded."
  expect_identical(told(self$when), line)
  expect_identical(told(new_self(self_state(self)$task, no_fetch)$when), character())
  expect_identical(told(reading("IGNORE")$when), character())
  condition <- expect_error(reading("ERROR")$when, "can't be read without loss", class = "instep_error_value_loss")
  expect_identical(failure_kind(condition, "INTERNAL"), "FAILURE_KIND_INPUT_DECODE")
  expect_identical(condition[c("artifact", "path", "code")], list(
    artifact = "when", path = "self$when", code = "NANOSECONDS"
  ))
})

test_that("a loss in reading names the place inside the artifact", {
  place <- function(read) {
    heeded <- NULL
    read(rounded("nanoseconds_inside")$manifest, heed = \(losses, name) heeded <<- losses)
    vapply(heeded, \(loss) loss$path, "")
  }
  expect_identical(place(\(...) decode_value(..., name = "x")), "self$x$b[[2]]$when")
  expect_identical(place(\(manifest, ...) decode_item(manifest, 1, ..., name = "x")), "self$x[[2]][[2]]$when")
})

test_that("a task that says nothing about losses warns", {
  expect_identical(task_on_loss(make_task()), "warn")
})
