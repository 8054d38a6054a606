script <- c(
  "f <- function(self) {",
  "  self$x <- 1",
  "}",
  "flow(\"Named\") |>",
  "  parameter(\"folds\", default = 5L) |>",
  "  step(\"start\", f, next_step = \"end\") |>",
  "  step(",
  "    next_step = character(),",
  "    step = \"end\"",
  "  )",
  "instep::step(g, 'other')"
)

local_script <- function(lines = script, env = parent.frame()) {
  file <- withr::local_tempfile(fileext = ".R", .local_envir = env)
  writeLines(lines, file)
  normalizePath(file)
}

test_that("calls are found by the text that they are given", {
  sites <- call_sites(local_script())
  expect_identical(sites$kind, c("flow", "parameter", "step", "step", "step"))
  expect_identical(sites$name, c("Named", "folds", "start", "end", "other"))
  expect_identical(sites$line, c(4L, 5L, 6L, 7L, 11L))
})

test_that("a file that can't be parsed has no calls", {
  expect_identical(nrow(call_sites(local_script("flow("))), 0L)
})

test_that("a place is the first one at or after the line that was noted", {
  sites <- data.frame(kind = "step", name = "a", line = c(3L, 9L))
  expect_identical(exact_location(list(file = "/f.R", line = 5L), "step", "a", "/f.R", sites)$line, 9L)
  expect_identical(exact_location(NULL, "step", "a", "/f.R", sites)$line, 3L)
  expect_identical(exact_location(NULL, "step", "b", "/f.R", sites)$line, 0L)
  expect_identical(exact_location(list(file = "/g.R", line = 5L), "step", "a", "/f.R", sites)$line, 5L)
})

test_that("functions that were parsed without sources get them back", {
  file <- local_script(c("inner <- 2", script[1:3], "g <- function(n = 1) n"))
  code <- parse(file, keep.source = FALSE)
  environment <- new.env()
  fun <- eval(code[[2L]][[3L]], environment)
  expect_null(attr(fun, "srcref"))
  made <- flow("X") |> step("a", fun)
  linked <- relink_sources(made, file)$steps$a$reference$body
  expect_identical(srcref_location(attr(linked, "srcref")), list(file = file, line = 2L))
  expect_identical(environment(linked), environment)
})
