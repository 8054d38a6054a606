test_that("the report of a failure is what the command line calls an error", {
  expect_identical(failure_report(c("a traceback", "Error: first", "Error: second", "  What:  it")), c("second", "  What:  it"))
  expect_null(failure_report("killed"))
})

test_that("errors have their classes in R's spelling", {
  refuse <- function(type) abort_refused(list(type = type, message = "No {such} thing."), call = NULL)
  expect_error(refuse("ParameterInvalidError"), "No {such} thing.", fixed = TRUE, class = "instep_error_parameter_invalid")
  expect_error(refuse("UsageError"), class = "instep_error_argument")
})

test_that("options go to the command with their exact values", {
  request <- command_options(list(folds = 4, rate = 0.1 + 0.2, tag = c("a", "b"), changed = TRUE, quiet = TRUE, x = NULL))
  expect_identical(request$command, "run")
  expect_identical(jsonlite::parse_json(request$command_options), list(
    folds = "4", rate = "0.30000000000000004", tag = list("a", "b"), changed = TRUE
  ))
  expect_identical(request$program_options, "{\"quiet\":true}")
  expect_identical(command_options(list(resume = "fit"))[c("command", "command_options")], list(
    command = "resume", command_options = "{\"step\":\"fit\"}"
  ))
  expect_identical(command_options(list(resume = TRUE))$command_options, "")
  expect_identical(command_options(list(resume = FALSE))$command, "run")
  expect_error(command_options(list(folds = NA)), "folds", class = "instep_error_argument")
  expect_error(command_options(list(4)), class = "instep_error_argument")
})

test_that("output is shown in whole lines, and the rest at the end", {
  show <- line_relay()
  text <- charToRaw(enc2utf8("one\ntw\u00f6"))
  expect_output(show(text[1:7]), "^one$")
  expect_silent(show(text[-(1:7)]))
  expect_output(show(raw()), "tw\u00f6", fixed = TRUE)
})

test_that("a flow file is in R or Python, and there", {
  folder <- withr::local_tempdir()
  expect_error(file_language(file.path(folder, "a.txt")), "a.txt", class = "instep_error_argument")
  expect_error(file_language(file.path(folder, "a.R")), "a.R", class = "instep_error_argument")
  file.create(file.path(folder, c("a.R", "a.py")))
  expect_identical(file_language(file.path(folder, "a.R")), "r")
  expect_identical(file_language(file.path(folder, "a.py")), "python")
})

test_that("hints name functions of this package only where these look into the same store", {
  folder <- normalizePath(withr::local_tempdir())
  dir.create(file.path(folder, "mine", ".instep"), recursive = TRUE)
  withr::local_envvar(INSTEP_HOME = NA)
  withr::local_dir(file.path(folder, "mine"))
  expect_identical(program_from_here("a.R", "r", file.path(folder, "mine", ".instep")), "")
  expect_identical(program_from_here("/b/a.py", "python", "/b/.instep"), "python /b/a.py")
})

test_that("a program's end, what it tells, and what it writes are seen", {
  skip_on_os("windows")
  pairs <- list(events = socket_pair_(), errors = socket_pair_(), output = socket_pair_())
  for (id in c("1", "2")) {
    run <- list(started = list(run = list(flow = "X", run_id = id)))
    fd_send_frame_(pairs$events[[2L]], message_encode("CommandEvent", run))
  }
  pid <- spawn_(c("sh", "-c", "echo out; echo err >&2; exit 3"), character(), integer(), FALSE,
    c(pairs$output[[2L]], pairs$errors[[2L]])
  )
  for (pair in pairs) fd_close_(pair[[2L]])
  expect_output(ended <- attend_command(pid, vapply(pairs, \(pair) pair[[1L]], 0L)), "^out$")
  expect_identical(ended[c("status", "said", "interrupted")], list(status = 3L, said = "err", interrupted = FALSE))
  expect_identical(ended$run$run_id, "2")
  expect_null(ended$error)
  for (pair in pairs) fd_close_(pair[[1L]])
})
