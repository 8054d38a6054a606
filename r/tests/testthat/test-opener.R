# An opener in this process, and a way to give it commands.
local_opener <- function(object, env = parent.frame()) {
  directory <- withr::local_tempdir(.local_envir = env)
  opener <- new.env(parent = emptyenv())
  manifest <- put_value(object, directory)
  list(
    open = answer_command(opener, list(open = list(manifest = manifest, object_directory = directory))),
    call = \(fun, ...) {
      values <- list(...)
      arguments <- lapply(seq_along(values), \(i) {
        list(name = (names(values) %||% rep("", length(values)))[[i]], manifest = put_value(values[[i]], directory))
      })
      event <- answer_command(opener, list(call = list(
        `function` = fun, arguments = arguments, object_directory = directory
      )))
      if (is.null(event$failure)) decode_value(event$result$manifest, directory_reader(directory)) else event$failure
    }
  )
}

model <- function() stats::lm(dist ~ speed, datasets::cars)

test_that("functions get the object first, then what is given by position and by name", {
  opener <- local_opener(model())
  expect_identical(opener$open, list(result = list(manifest = raw())))
  new <- data.frame(speed = c(10, 20))
  expect_identical(opener$call("predict", new), stats::predict(model(), new))
  expect_identical(opener$call("stats::predict", newdata = new), stats::predict(model(), new))
  expect_identical(opener$call("confint", "speed", level = 0.5), stats::confint(model(), "speed", level = 0.5))
})

test_that("a function of the object's packages is found", {
  skip_if_not_installed("Matrix")
  expect_identical(find_function("nnzero", "Matrix"), Matrix::nnzero)
  expect_error(find_function("nnzero", character()), class = "instep_error_function")
})

test_that("an error has its class, its call and all calls", {
  failure <- local_opener(model())$call("predict", data.frame(other = 1))
  expect_identical(unlist(failure$classes), c("simpleError", "error", "condition"))
  expect_identical(failure$message, "object 'speed' not found")
  expect_match(failure$traceback, "predict.lm(object", fixed = TRUE)
  expect_identical(failure$details[[1]], list(key = "call", value = "eval(predvars, data, env)"))
})

test_that("what only R can open is whole in its manifest", {
  summary <- local_opener(model())$call("summary")
  expect_identical(summary$r.squared, base::summary(model())$r.squared)
})
