# holds: 15.7
test_that("a decorator keeps what it was given, and nothing else", {
  expect_identical(retry(times = 3)$arguments, list(times = 3))
  expect_identical(retry()$arguments, list())
  expect_identical(retry(tims = 3)$arguments, list(tims = 3))
  expect_identical(timeout(minutes = 1, seconds = 30)$arguments, list(seconds = 30, minutes = 1))
  expect_identical(decorator("retry", times = 2)$arguments, list(times = 2))
  expect_identical(project(name = "diamonds")$name, "project")
  expect_identical(decorator("project", name = "diamonds")$arguments, list(name = "diamonds"))
})

# holds: 15.7
test_that("arguments are named in full, without doubles", {
  expect_error(retry(3), "must be named", class = "instep_error_argument")
  expect_error(decorator("retry", 3), "must be named", class = "instep_error_argument")
  expect_error(environment_variables("a"), "must be named", class = "instep_error_argument")
  expect_error(decorator("retry", times = 1, times = 2), "times", class = "instep_error_argument")
  expect_error(environment_variables(A = "1", A = "2"), "twice", class = "instep_error_argument")
  expect_identical(names(retry(time = 3)$arguments), "time")
})

test_that("arguments are made of what JSON has", {
  expect_error(retry(times = NA), class = "instep_error_argument")
  expect_error(retry(on = quote(x)), class = "instep_error_argument")
  expect_error(decorator("x", at = Sys.time()), class = "instep_error_argument")
  expect_error(decorator("x", at = list(1, sum)), class = "instep_error_argument")
  sent <- \(...) decorator_message(decorator("x", ...), NULL)$arguments
  expect_identical(sent(a = 3, b = 2.5, c = "\u00e4", d = TRUE), "{\"a\":3,\"b\":2.5,\"c\":\"\u00e4\",\"d\":true}")
  expect_identical(sent(on = c("a", "b"), memory = c(4000, 16000), none = NULL), paste0(
    "{\"on\":[\"a\",\"b\"],\"memory\":[4000,16000],\"none\":null}"
  ))
  expect_null(sent())
})

# holds: 15.7
test_that("the values of environment variables are text as written", {
  values <- environment_variables(A = "TRUE", B = TRUE, C = 1e6, D = "")$arguments$vars
  expect_identical(values, list(A = "TRUE", B = "TRUE", C = "1000000", D = ""))
  expect_identical(environment_variables(A = "1")$name, "environment")
  expect_error(environment_variables(A = c("a", "b")), class = "instep_error_argument")
})

test_that("steps and flows take decorators", {
  made <- flow("X", project(name = "diamonds")) |> step("a", \(self) NULL, retry(times = 2), catch(var = "problem"))
  expect_identical(vapply(made$steps$a$decorators, \(decorator) decorator$name, ""), c("retry", "catch"))
  expect_identical(made$decorators[[1L]]$name, "project")
  expect_error(flow("X", 3), class = "instep_error_argument")
  expect_error(flow("X", includes = "a.py"), "includes", class = "instep_error_argument")
})

test_that("a decorator is placed in the call that it stands in, or where it was made", {
  file <- withr::local_tempfile(fileext = ".R", lines = c(
    "often <- instep::retry(times = 1)",
    "instep::flow(\"X\",",
    "  instep::project(name = \"p\")) |>",
    "  instep::step(\"a\", next_step = \"b\",",
    "    instep::decorator(\"retry\", times = 2),",
    "    instep::timeout(seconds = 3)) |>",
    "  instep::step(\"b\", often)"
  ))
  expect_null(load_file(normalizePath(file)))
  withr::defer({
    the$including <- FALSE
    the$flow <- NULL
    rm("often", envir = globalenv())
  })
  fragment <- flow_fragment(the$flow, normalizePath(file))
  lines <- \(decorators) vapply(decorators, \(decorator) as.integer(decorator$location$line), 0L)
  expect_identical(lines(fragment$decorators), 3L)
  expect_identical(lines(fragment$steps[[1L]]$decorators), c(5L, 6L))
  expect_identical(lines(fragment$steps[[2L]]$decorators), 1L)
})
