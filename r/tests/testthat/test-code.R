# The digest of a step's function `f` in code of its own, loaded as a host or as Rscript loads it.
digest <- function(..., keep_source = TRUE) {
  place <- new.env(parent = globalenv())
  eval(parse(text = c(...), keep.source = keep_source), place)
  code_digest(place$f)
}

test_that("layout and comments are no part of the code", {
  plain <- digest("f <- function(self, n = 2) { self$x <- n + 1 }")
  expect_identical(digest("f <- function(self,", "n = 2) {", "  # more", "  self$x <- n+1", "}"), plain)
  expect_identical(digest("f <- function(self, n = 2) { self$x <- n + 1 }", keep_source = FALSE), plain)
  expect_false(digest("f <- function(self, n = 3) { self$x <- n + 1 }") == plain)
  expect_false(digest("f <- function(self, n = 2) { self$x <- n + 1L }") == plain)
})

test_that("what a function reaches by name is part of its code", {
  using <- \(...) digest("f <- function(self) g(self$x)", "g <- function(x) x * k", ...)
  base <- using("k <- 2", "h <- 1")
  expect_identical(using("k <- 2", "h <- 5"), base)
  expect_false(using("k <- 3", "h <- 1") == base)
  expect_false(digest("f <- function(self) g(self$x)", "g <- function(x) x + k", "k <- 2") == base)
})

test_that("functions that are reached by text, in lists and from closures are part of the code", {
  by_text <- \(body) digest("f <- function(self) do.call(\"g\", list(1))", paste("g <- function(x)", body))
  expect_false(by_text("x") == by_text("-x"))
  in_list <- \(body) digest("f <- function(self) tools$g(1)", paste("tools <- list(g = function(x)", body, ")"))
  expect_false(in_list("x") == in_list("-x"))
  made <- \(n) digest("make <- function(n) function(self) self$x <- n", paste0("f <- make(", n, ")"))
  expect_false(made(1) == made(2))
  expect_identical(made(1), made(1))
  held <- \(n) digest("f <- function(self) state$n", "state <- new.env()", paste("state$n <-", n))
  expect_false(held(1) == held(2))
})

test_that("functions that call each other have a digest", {
  both <- \(n) digest("f <- function(self) g(1)", paste("g <- function(x) if (x > 9) x else f(x +", n, ")"))
  expect_identical(both(1), both(1))
  expect_false(both(1) == both(2))
})

test_that("of what can't be evaluated no digest is known", {
  expect_identical(digest("f <- function(self) k", "delayedAssign(\"k\", stop(\"no\"))"), "")
})

test_that("the code of another R file's function is that of the file, and of those that it names", {
  folder <- withr::local_tempdir()
  write <- \(name, ...) writeLines(c(...), file.path(folder, name))
  of <- \(reference) step_code(reference, folder)
  write("models.R", "source(\"more.R\")", "fit <- function(self) help()")
  write("more.R", "help <- function() 1")
  before <- of(r_function("models.R", "fit"))
  expect_true(nzchar(before))
  expect_identical(of(r_function("models.R", "fit")), before)
  write("more.R", "help <- function() 2")
  expect_false(of(r_function("models.R", "fit")) == before)
  expect_identical(of(r_function("none.R", "fit")), "")
  expect_identical(of(py_function("prep.py", "fit")), "")
})

test_that("elements are no names, and of a config its value counts", {
  using <- \(...) digest("f <- function(self) self$settings$n", ...)
  expect_identical(using("settings <- 1"), using("settings <- 2"))
  reading <- \(value, ...) digest(..., paste0("settings <- instep::config('s', default_value = '", value, "')"),
    "f <- function(self) settings$n")
  expect_identical(reading("{\"n\": 1}"), reading("{\"n\": 1}", "", ""))
  expect_false(reading("{\"n\": 1}") == reading("{\"n\": 2}"))
})

test_that("methods of a generic function are reached with it", {
  generics <- \(method) {
    eval(parse(text = paste("predict.instep_test <- function(object, ...)", method)), globalenv())
    eval(parse(text = "setGeneric('instep_area', \\(x) standardGeneric('instep_area'))"), globalenv())
    eval(parse(text = paste("setMethod('instep_area', 'numeric', \\(x)", method, ")")), globalenv())
    withr::defer(rm(list = c("predict.instep_test", ls(globalenv(), pattern = "instep_area", all.names = TRUE)),
      envir = globalenv()))
    c(digest("f <- function(self) predict(self$model)"), digest("f <- function(self) instep_area(self$x)"),
      digest("f <- function(self) fitted(self$model)"))
  }
  first <- generics("1")
  expect_identical(generics("1"), first)
  expect_identical(generics("2") == first, c(FALSE, FALSE, TRUE))
})
