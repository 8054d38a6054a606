point <- function(x, y) structure(list(x = x, y = y), class = "point")

test_that("an object of a registered class is its portable form with the name of the type", {
  local_types()
  expect_identical(register_type("geo.point", "point"), "geo.point")
  node <- manifest_of(point(1, 2))$nodes[[1]]
  expect_identical(node$registered_type, "geo.point")
  expect_identical(unlist(lapply(node$record$names, \(name) name$text)), c("x", "y"))
  expect_true(encode_value(point(1, 2))$portable)
  expect_kept(point(1, 2))
})

test_that("registered types come back at any depth", {
  local_types()
  register_type("geo.point", "point")
  register_type("geo.segment", c("segment", "line"))
  segment <- structure(list(from = point(1, 2), to = point(3, NA)), class = c("segment", "line"))
  expect_kept(list(a = segment, b = list(1L, list(point("a", NULL), segment))))
  expect_true(encode_value(list(list(segment)))$portable)
  value <- list(segment, deep = list(point(1, 2)))
  expect_identical(encode_value(round_trip(value))$digest, encode_value(value)$digest)
})

test_that("objects of every type of R can be registered", {
  local_types()
  register_type("lib.celsius", "celsius")
  register_type("lib.model", c("steps", "data.frame"), as.list, \(form) {
    structure(form, class = c("steps", "data.frame"), row.names = seq_along(form[[1]]))
  })
  register_type("lib.counter", "counter", \(x) x$count, \(form) {
    structure(list2env(list(count = form)), class = "counter")
  })
  expect_kept(structure(c(a = 21.5, b = NA), class = "celsius"))
  expect_kept(structure(data.frame(x = 1:2, y = c("a", NA)), class = c("steps", "data.frame")))
  counter <- structure(list2env(list(count = 3L)), class = "counter")
  expect_true(encode_value(list(counter))$portable)
  expect_identical(round_trip(list(counter))[[1]]$count, 3L)
})

test_that("S4 objects can be registered", {
  local_types()
  methods::setClass("Span", representation(from = "numeric", to = "numeric"), where = environment())
  register_type("lib.span", "Span", \(x) c(x@from, x@to), \(form) methods::new("Span", from = form[1], to = form[2]))
  expect_identical(round_trip(list(methods::new("Span", from = 1, to = 2)))[[1]]@to, 2)
})

test_that("a reader that has not registered the type reads the portable form", {
  local_types()
  register_type("geo.point", "point")
  encoded <- encode_value(list(p = point(1, 2)))
  the$types <- list()
  expect_identical(decode_value(encoded$manifest), list(p = list(x = 1, y = 2)))
})

test_that("an object with a class more or less is of another type", {
  local_types()
  register_type("geo.point", "point")
  expect_false(encode_value(structure(point(1, 2), class = c("pixel", "point")))$portable)
  expect_kept(structure(point(1, 2), class = c("pixel", "point")))
})

test_that("objects that R alone can open stay so inside of a form", {
  local_types()
  register_type("geo.point", "point")
  encoded <- encode_value(point(1, \(x) x))
  expect_false(encoded$portable)
  closed <- decode_value(encoded$manifest, allow_opaque = FALSE)
  expect_s3_class(closed, "point", exact = TRUE)
  expect_s3_class(closed$y, "instep_foreign")
})

test_that("calls and symbols are given to the functions and not evaluated", {
  local_types()
  register_type("lib.rule", "rule", \(x) deparse(x), \(form) structure(str2lang(form), class = "rule"))
  rule <- structure(quote(stop("evaluated")), class = "rule")
  expect_identical(round_trip(list(rule)), list(rule))
})

test_that("items of a foreach are those of the object", {
  local_types()
  register_type("lib.shelf", "shelf", \(x) list(books = unclass(x)), \(form) structure(form$books, class = "shelf"))
  manifest <- encode_value(structure(list("a", "b"), class = "shelf"))$manifest
  expect_identical(decode_item(manifest, 1), "b")
})

test_that("an error of to_portable() names type, artifact and path", {
  local_types()
  register_type("geo.point", "point", \(x) stop("no way"))
  error <- expect_error(encode_value(list(fits = list(1, point(1, 2))), "result"), class = "instep_error_value_encode")
  expect_match(conditionMessage(error), "Artifact \"result\"", fixed = TRUE)
  expect_match(conditionMessage(error), "self$result$fits[[2]] is of the registered type 'geo.point'", fixed = TRUE)
  expect_identical(error$code, "TYPE_FAILED")
  expect_identical(error$path, "self$result$fits[[2]]")
  expect_identical(conditionMessage(error$parent), "no way")
})

test_that("an error of from_portable() names type, artifact and path", {
  local_types()
  register_type("geo.point", "point")
  manifest <- encode_value(list(fits = list(1, point(1, 2))))$manifest
  register_type("geo.point", "point", from_portable = \(form) stop("no way"))
  error <- expect_error(decode_value(manifest, name = "result"), class = "instep_error_value_decode")
  expect_match(conditionMessage(error), "self$result$fits[[2]] is of the registered type 'geo.point'", fixed = TRUE)
  expect_identical(error$path, "self$result$fits[[2]]")
  expect_identical(error$code, "TYPE_FAILED")
  expect_identical(conditionMessage(error$parent), "no way")
})

test_that("from_portable() must give an object of the class", {
  local_types()
  register_type("geo.point", "point")
  manifest <- encode_value(point(1, 2))$manifest
  register_type("geo.point", "point", from_portable = \(form) form)
  error <- expect_error(decode_value(manifest, name = "result"), class = "instep_error_value_decode")
  expect_match(
    conditionMessage(error), "result is of the registered type 'geo.point', whose from_portable() gives an object of",
    fixed = TRUE
  )
})

test_that("to_portable() must give what every language can read", {
  local_types()
  register_type("geo.point", "point", identity)
  expect_error(encode_value(point(1, 2)), "a value of a registered type", class = "instep_error_value_encode")
  register_type("geo.point", "point", \(x) {
    force(x) # else the function would hold the frames of its call
    \() x
  })
  expect_error(encode_value(point(1, 2)), "only one language can read", class = "instep_error_value_encode")
})

test_that("names and classes are checked", {
  local_types()
  for (name in list("", "1a", "a b", strrep("a", 101), "gr\u00f6\u00dfe", "a\n", "instep.point", NA, 1)) {
    expect_error(register_type(name, "point"), class = "instep_error_argument")
  }
  for (class in list(NULL, character(), NA_character_, "factor", c("tbl_df", "tbl", "data.frame"), "instep_self")) {
    expect_error(register_type("my.type", class), class = "instep_error_argument")
  }
  expect_error(register_type("my.type", "point", 1), class = "instep_error_argument")
  expect_error(register_type("my.type", "point", from_portable = 1), class = "instep_error_argument")
})

test_that("a name and a class belong to each other alone", {
  local_types()
  register_type("geo.point", "point")
  expect_error(register_type("geo.dot", "point"), "registered as .geo.point.", class = "instep_error_argument")
  expect_error(register_type("geo.point", "dot"), "registered as .geo.point.", class = "instep_error_argument")
})

test_that("the name of a type at any node of a manifest gives a value or a clear error", {
  local_types()
  register_type("geo.point", "point")
  value <- list(
    point(1, 2), c(a = 1), factor("x"), matrix(1:4, 2, dimnames = list(c("a", "b"), NULL)), data.frame(x = factor("y")),
    Matrix::Matrix(diag(3), sparse = TRUE), \(x) x, structure(1, note = "z")
  )
  for (i in seq_along(manifest_of(value)$nodes)) {
    bytes <- message_encode("Manifest", {
      manifest <- manifest_of(value)
      manifest$nodes[[i]]$registered_type <- "geo.point"
      manifest
    })
    outcome <- tryCatch(decode_value(bytes), instep_error_value_decode = \(cnd) "refused")
    expect_true(is.list(outcome) || identical(outcome, "refused"))
  }
})
