test_that("a path must have as many parts as its kind", {
  expect_error(flow_client("a/b"), "FLOW", class = "instep_error_invalid_pathspec")
  expect_error(run_client("a"), "FLOW/RUN", class = "instep_error_invalid_pathspec")
  expect_error(task_client("a/1/b"), class = "instep_error_invalid_pathspec")
  expect_error(step_client("a//b"), class = "instep_error_invalid_pathspec")
})

test_that("a field that does not exist is an error that names the fields", {
  run <- new_client("run", list(flow = "X", run_id = "1"), home = tempdir())
  expect_error(run$stpes, "steps", class = "instep_error_argument")
  expect_identical(run$pathspec, "X/1")
  expect_identical(run$path_components, c("X", "1"))
  expect_identical(run$parent$id, "X")
})

test_that("objects that are reached keep store and namespace, and only tasks and artifacts an attempt", {
  task <- new_client("task", list(flow = "X", run_id = "1", step = "a", task_id = "2"), 1L, "/store", "user:ada")
  step <- task$parent
  expect_identical(unclass(step)[c("attempt", "home", "namespace")], list(
    attempt = NULL, home = "/store", namespace = "user:ada"
  ))
  expect_identical(step$pathspec, "X/1/a")
  expect_identical(unclass(reach_client(unclass(task), "artifact", list()))$attempt, 1L)
})

test_that("fields are completed", {
  run <- new_client("run", list(flow = "X", run_id = "1"), home = tempdir())
  expect_setequal(.DollarNames(run, "^add"), c("add_tag", "add_tags"))
  expect_length(run, 1L)
})

test_that("every reason of an error has a class", {
  expect_identical(error_reason("ERROR_REASON_STEP_UNKNOWN"), "step_unknown")
  detail <- message_encode("ErrorDetail", list(
    reason = "ERROR_REASON_RUN_UNKNOWN", metadata = key_values(list(run = "7"))
  ))
  answer <- list(code = 5L, message = "There is no run {7}.", detail = detail)
  error <- expect_error(abort_call("ControlService/GetRun", answer), "run {7}",
    fixed = TRUE, class = "instep_error_run_unknown"
  )
  expect_identical(error$metadata, c(run = "7"))
})

test_that("trouble of the transport is no verdict", {
  answer <- list(code = 14L, message = "connection refused", detail = raw())
  expect_error(abort_call("ControlService/GetRun", answer), class = "instep_error_transport")
})

test_that("a server that is not there is trouble of the transport", {
  connection <- connect(paste0("unix:", tempfile()), "00")
  expect_error(rpc(connection, "ControlService/ListFlows", list(), 500L), class = "instep_error_transport")
})
