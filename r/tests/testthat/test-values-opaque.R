# holds: 15.6
test_that("models, functions, calls, S4 objects and environments come back as they were", {
  fit <- stats::lm(mpg ~ wt, mtcars)
  expect_equal(round_trip(fit), fit, ignore_attr = TRUE)
  expect_kept(quote(a + b))
  expect_kept(as.name("x"))
  expect_kept(expression(a, b))
  expect_equal(deparse(round_trip(y ~ x)), "y ~ x")
  expect_kept(sum)
  expect_kept(numeric_version("1.2.3"))
  expect_equal(round_trip(\(x) x + 1)(2), 3)
  env <- new.env()
  env$a <- 1
  expect_equal(round_trip(env)$a, 1)
})

test_that("what only R reads is one node, and its neighbours stay portable", {
  encoded <- encode_value(list(r2 = 0.9, fit = stats::lm(mpg ~ wt, mtcars)))
  expect_false(encoded$portable)
  nodes <- message_decode("Manifest", encoded$manifest)$nodes
  expect_false(is.null(nodes[[2]]$vector))
  opaque <- nodes[[3]]$opaque
  expect_equal(opaque$language, "r")
  expect_equal(opaque$codec, "r-serialize3")
  expect_equal(opaque$classes[[1]], "lm")
  expect_match(opaque$preview, "List of")
})

test_that("functions that share an environment still share it", {
  counter <- function() {
    n <- 0
    list(add = \() n <<- n + 1, get = \() n)
  }
  x <- round_trip(list(a = 1, b = list(counter = counter(), c = 2)))
  x$b$counter$add()
  expect_equal(x$b$counter$get(), 1)
  env <- new.env()
  y <- round_trip(list(env, "a", list(env)))
  expect_identical(y[[1]], y[[3]][[1]])
})

test_that("pointers and connections are refused before anything is stored, with their path", {
  con <- rawConnection(raw())
  on.exit(close(con))
  error <- expect_error(
    encode_value(list(fits = list(1, 2, list(con = con))), "result"),
    class = "instep_error_value_encode"
  )
  expect_equal(error$path, "self$result$fits[[3]]$con")
  expect_equal(error$code, "OPAQUE_HANDLE")
  holder <- new.env()
  holder$inner <- list(con)
  error <- expect_error(encode_value(list(a = holder), "x"), class = "instep_error_value_encode")
  expect_equal(error$path, "self$x$a$inner[[1]]")
  error <- expect_error(encode_value(local(\() con, list2env(list(con = con))), "x"), class = "instep_error_value_encode")
  expect_match(error$path, "con", fixed = TRUE)
})

test_that("an S4 object of a class that a script defines is kept", {
  methods::setClass("ScriptSize", methods::representation(n = "numeric"), where = globalenv())
  on.exit(methods::removeClass("ScriptSize", where = globalenv()))
  expect_kept(list(size = methods::new("ScriptSize", n = 1)))
})

test_that("a pointer that is empty, and the one of data.table, are no obstacle", {
  expect_kept(list(methods::new("externalptr")))
  skip_if_not_installed("data.table")
  holder <- new.env()
  holder$table <- data.table::data.table(a = 1)
  expect_equal(round_trip(holder)$table$a, 1)
})

test_that("large captured variables are told with their names and sizes", {
  make <- function() {
    big <- stats::runif(3e5)
    small <- 1
    function(x) x
  }
  loss <- encode_value(make(), "f", on_loss = "ignore")$losses[[1]]
  expect_equal(loss$code, "ENVIRONMENT_CAPTURED")
  expect_match(loss$message, "^carries 2 MiB of captured environments along: `big` \\(2.3 MiB\\), ")
  expect_warning(encode_value(make(), "f"), "is stored with environments that it has captured")
  expect_equal(loss_codes(list2env(list(big = stats::runif(3e5)))), character())
})

test_that("the flow itself can't be stored, but may be captured", {
  self <- structure(new.env(), class = "instep_self")
  error <- expect_error(encode_value(list(a = self), "x"), class = "instep_error_value_encode")
  expect_equal(error$code, "FLOW_OBJECT")
  step <- function(self) {
    assign("con", rawConnection(raw()), self)
    on.exit(close(get("con", self)))
    round_trip(list(fit = stats::lm(mpg ~ wt, mtcars), f = \() self))
  }
  expect_s3_class(step(self)$f(), "instep_detached")
})

test_that("objects are opened only when that is allowed", {
  encoded <- encode_value(\(x) x)
  closed <- decode_value(encoded$manifest, allow_opaque = FALSE)
  expect_s3_class(closed, "instep_foreign")
  expect_identical(encode_value(closed)$digest, encoded$digest)
  withr::local_envvar(INSTEP_ALLOW_OPAQUE = "false")
  closed <- decode_value(encoded$manifest)
  expect_error(closed$a, "INSTEP_ALLOW_OPAQUE", class = "instep_error_opaque_foreign")
})

test_that("previews are short and without addresses", {
  long <- structure(list(text = strrep("\u00e9", 5000), env = new.env()), class = "thing")
  text <- preview(long)
  expect_lte(nchar(text, "bytes"), 1024)
  expect_no_match(preview(structure(list(env = new.env()), class = "thing")), "0x")
  make <- \() structure(list(env = new.env(parent = emptyenv())), class = "thing")
  expect_identical(encode_value(make())$digest, encode_value(make())$digest)
})

test_that("a package that is not installed is a warning", {
  expect_warning(check_packages("no.such.package", "1.0"), class = "instep_warning_package")
  expect_silent(check_packages("stats", "1.0"))
})
