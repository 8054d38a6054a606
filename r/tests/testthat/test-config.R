local_config <- function(text, env = parent.frame()) {
  withr::local_tempfile(fileext = ".json", lines = text, .local_envir = env)
}

test_that("a config is read by key, at every depth, and is not changed", {
  settings <- config("settings", default = local_config("{\"a\": {\"b\": 5, \"c\": [{\"d\": \"x\"}]}, \"e\": null}"))
  expect_identical(settings$a$b, 5L)
  expect_identical(settings[["a"]]$c[[1L]]$d, "x")
  expect_null(settings$e)
  expect_named(settings, c("a", "e"))
  expect_length(settings, 2L)
  expect_identical(as.list(settings$a), list(b = 5L, c = list(list(d = "x"))))
  expect_error(settings$none, "a.*e", class = "instep_error_config_key")
  expect_error(settings$a$x <- 1, "TypeError", class = "instep_error_config_change")
  expect_error(settings$a <- 1, "TypeError", class = "instep_error_config_change")
  expect_error(settings[["a"]][["b"]] <- 1, "TypeError", class = "instep_error_config_change")
})

test_that("values come from the environment before the default, texts before files", {
  file <- local_config("{\"from\": \"file\"}")
  named <- \() config("settings", default_value = list(from = "default"))$from
  expect_identical(named(), "default")
  withr::local_envvar(INSTEP_FLOW_CONFIG = json_text(list(settings = file)))
  expect_identical(named(), "file")
  withr::local_envvar(INSTEP_FLOW_CONFIG_VALUE = "{\"settings\": \"{\\\"from\\\": \\\"text\\\"}\"}")
  expect_identical(named(), "text")
  withr::local_envvar(INSTEP_FLOW_CONFIG_VALUE = "{\"settings\": {\"from\": \"object\"}}")
  expect_identical(named(), "object")
})

test_that("options before the command of a script are seen", {
  typed <- \(...) config_typed("s", c(...))
  expect_identical(typed("--config", "s", "a.json", "run"), list(file = "a.json"))
  expect_identical(typed("--quiet", "--config", "s", "a", "--config-value", "s", "{}", "run"), list(text = "{}"))
  expect_identical(typed("--branch", "b", "--config", "t", "b", "--config", "s", "a"), list(file = "a"))
  expect_null(typed("run", "--config", "s", "a"))
  expect_null(typed("--config", "t", "a", "run"))
})

# holds: 6.15
test_that("a function gives the value, and a parser reads the text", {
  made <- config("settings", default_value = \(context) list(name = context$parameter_name))
  expect_identical(made$name, "settings")
  lines <- \(text) as.list(stats::setNames(nm = strsplit(text, " ")[[1L]]))
  expect_named(config("s", default_value = "a b", parser = lines), c("a", "b"))
  expect_named(config("s", default_value = "{\"k\": 1}", parser = "jsonlite::fromJSON"), "k")
  expect_identical(as.character(config("s", default_value = "plain text", plain = TRUE)), "plain text")
})

test_that("what can't be a config is an error that names it", {
  expect_error(config("s", required = TRUE), "\"s\" has no value", class = "instep_error_config")
  expect_error(config("s", default = "/none.json"), "/none.json", class = "instep_error_config")
  expect_error(config("s", default_value = "{a"), "\"s\"", class = "instep_error_config")
  expect_error(config("s", default_value = "[1]"), "JSON object", class = "instep_error_config")
  expect_error(config("s", default_value = "x", parser = \(text) stop("odd")), "odd", class = "instep_error_config")
  expect_error(config("1s"), class = "instep_error_config_name")
  expect_error(config("s", default = "a", default_value = "{}"), class = "instep_error_argument")
  expect_null(as.list(config("s"))$a)
  withr::local_envvar(INSTEP_FLOW_CONFIG = "[1]")
  expect_error(config("s"), "INSTEP_FLOW_CONFIG", class = "instep_error_config")
})

test_that("a fragment carries the value of a config and its text", {
  settings <- config("my-settings", default_value = "{\"a\": [1, 2]}", help = "All.")
  spec <- flow_fragment(flow("X", settings), "/x.R")$configs[[1L]]
  expect_identical(spec$variable, "my_settings")
  expect_identical(spec$text, "{\"a\": [1, 2]}")
  expect_identical(decode_value(spec$manifest), list(a = 1:2))
  expect_type(message_encode("ConfigSpec", spec), "raw")
})

test_that("a config is stored as its JSON, so that Python reads lists, dicts, numbers and text", {
  value <- list(folds = c(0.1, 0.5), one = I("a"), depth = 3L, rest = list(1L, "b"), inner = c(a = 1L, b = 2L), day = Sys.Date())
  spec <- flow_fragment(flow("X", config("settings", default_value = value)), "/x.R")$configs[[1L]]
  nodes <- message_decode("Manifest", spec$manifest)$nodes
  families <- lapply(nodes, \(node) vapply(node$vector$params, \(param) param$value, ""))
  expect_identical(families[[2L]], "list")
  expect_identical(families[[3L]], "list")
  expect_identical(nodes[[4L]]$vector$shape, "SHAPE_UNIT")
  stored <- decode_value(spec$manifest)
  expect_identical(stored$inner, list(a = 1L, b = 2L))
  expect_identical(stored[c("folds", "one", "depth", "rest", "day")], replace(value, "one", "a")[c("folds", "one", "depth", "rest", "day")])
})

test_that("a step reads a config as it is, and stores parts of it as plain lists", {
  input <- make_input("settings", list(a = list(b = 1L)), "CONFIG")
  self <- new_self(make_task(list(input)), no_fetch)
  expect_identical(self$settings$a$b, 1L)
  expect_error(self$settings$a$b <- 2L, "TypeError", class = "instep_error_config_change")
  expect_error(self$settings <- 2L, "AttributeError", class = "instep_error_attribute")
  expect_identical(decode_value(encode_value(list(self$settings$a), inline = TRUE)$manifest), list(list(b = 1L)))
})
