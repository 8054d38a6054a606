test_that("options become arguments of the command", {
  arguments <- command_arguments(
    list(folds = 3, max_workers = 2L, tag = c("a", "b"), on_loss = "error", fast = TRUE, cuts = c("x", "y")),
    character(), FALSE
  )
  expect_identical(arguments, c(
    "run", "--folds", "3", "--max-workers", "2", "--tag", "a", "--tag", "b",
    "--on-loss", "error", "--fast", "true", "--cuts", "x,y"
  ))
})

test_that("what was typed comes after what the script gives, so that it wins", {
  expect_identical(
    command_arguments(list(folds = 3), c("--quiet", "run", "--folds", "5"), FALSE),
    c("--quiet", "run", "--folds", "3", "--folds", "5")
  )
  expect_identical(command_arguments(list(folds = 3), "check", FALSE), "check")
})

test_that("without command and options a script only checks, and the prompt runs", {
  expect_null(command_arguments(list(), character(), FALSE))
  expect_identical(command_arguments(list(), character(), TRUE), "run")
})

test_that("resuming takes a step or TRUE", {
  expect_identical(command_arguments(list(resume = TRUE), character(), FALSE), "resume")
  expect_identical(
    command_arguments(list(resume = "fit", origin_run_id = "7", quiet = TRUE), character(), FALSE),
    c("--quiet", "resume", "fit", "--origin-run-id", "7")
  )
})

test_that("what a run takes over, and what goes before the command, are options as any", {
  expect_identical(
    command_arguments(
      list(reuse = TRUE, branch = "b", production = TRUE, with = c("retry:times=2", "catch"), quiet = FALSE),
      character(), FALSE
    ),
    c("--branch", "b", "--production", "run", "--reuse", "--with", "retry:times=2", "--with", "catch")
  )
  expect_identical(
    command_arguments(list(resume = TRUE, changed = TRUE, max_workers = 2), character(), FALSE),
    c("resume", "--changed", "--max-workers", "2")
  )
})

test_that("a config comes too late for run()", {
  expect_error(command_arguments(list(config = "a"), character(), FALSE), class = "instep_error_argument")
})

test_that("numbers keep their value", {
  expect_identical(format_plain(c(0.1, 5, 1e-20)), c("0.1", "5", "0.00000000000000000001"))
  expect_identical(as.numeric(format_plain(1 / 3)), 1 / 3)
  expect_identical(format_plain(10000000L), "10000000")
})

test_that("options without a name are refused", {
  expect_error(command_arguments(list(3), character(), FALSE), class = "instep_error_argument")
})

test_that("a script with a space in its name is found", {
  file <- withr::local_tempfile(pattern = "a b", fileext = ".R", lines = "")
  expect_identical(rscript_file(c("R", paste0("--file=", gsub(" ", "~+~", file, fixed = TRUE)))), file)
  expect_identical(rscript_file(c("R", paste0("--file=", file), "--args", "--file=c")), file)
  expect_null(rscript_file(c("R", "-e", "1")))
})
