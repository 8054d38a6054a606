test_that("a message comes back as it was", {
  event <- list(loaded = list(
    language = "r", file = "/fl\u00fc\u00df.R", pid = 2^40, functions = c("a", "b"), can_fork = TRUE,
    fragment = list(
      flow = "X",
      steps = list(list(name = "a", transition = list(kind = "TRANSITION_KIND_LINEAR", targets = "b")))
    )
  ))
  back <- message_decode("HostEvent", message_encode("HostEvent", event))
  expect_identical(back$loaded$pid, 2^40)
  expect_identical(back$loaded$file, "/fl\u00fc\u00df.R")
  expect_identical(back$loaded$functions, c("a", "b"))
  expect_identical(back$loaded$fragment$steps[[1L]]$transition$kind, "TRANSITION_KIND_LINEAR")
})

test_that("what is not set has a name all the same, so that `$` finds no longer one", {
  task <- message_decode("Task", raw())
  expect_true("joins_next" %in% names(task))
  expect_null(task$joins_next)
  expect_identical(task$joins, list())
  expect_identical(task$tags, character())
})

test_that("text in another encoding is written as UTF-8", {
  latin <- iconv("\u00e9", "UTF-8", "latin1")
  bytes <- message_encode("KeyValue", list(key = "k", value = latin))
  expect_identical(message_decode("KeyValue", bytes)$value, "\u00e9")
})

test_that("bytes may hold zeros", {
  bytes <- as.raw(c(0, 255, 0))
  digest <- message_decode("WorkerBootstrap", message_encode("WorkerBootstrap", list(token = bytes)))
  expect_identical(digest$token, bytes)
})

test_that("values that protobuf would damage are refused", {
  expect_error(message_encode("KeyValue", list(key = NA_character_)), "can't be NA")
  expect_error(message_encode("Digest", list(size = NA)), "can't be NA")
  expect_error(message_encode("Digest", list(size = 2^54)), "in range")
  expect_error(message_encode("Digest", list(size = 1.5)), "whole number")
  expect_error(message_encode("KeyValue", list(key = c("a", "b"))), "takes one value")
  expect_error(message_encode("KeyValue", list(kye = "a")), "no field")
  expect_error(message_encode("HostEvent", list(loaded = list(fragment = "x"))), "takes a list")
  expect_error(message_encode("StepSpec", list(isolation = "ISOLATION_MAGIC")), "no value")
  expect_error(message_encode("Nonsense", list()), "no message type")
})

test_that("damaged bytes are refused", {
  bytes <- message_encode("KeyValue", list(key = "key", value = "value"))
  expect_error(message_decode("KeyValue", utils::head(bytes, -1L)), "no KeyValue")
})

test_that("key values are sorted by key", {
  entries <- key_values(list(b = 1L, B = 2L, a = "x"))
  expect_identical(vapply(entries, \(entry) entry$key, ""), c("B", "a", "b"))
  expect_identical(key_values_decode(entries), c(B = "2", a = "x", b = "1"))
})
