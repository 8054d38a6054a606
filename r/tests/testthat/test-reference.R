test_that("a reference names a file and a function", {
  reference <- py_function("prep.py", "prep")
  expect_identical(reference[c("language", "file", "name")], list(language = "python", file = "prep.py", name = "prep"))
  expect_output(print(reference), "prep\\(\\) of prep.py")
})

test_that("a reference needs both", {
  expect_error(r_function("models.R"), class = "instep_error_argument")
  expect_error(py_function("prep.py", 3), class = "instep_error_argument")
  expect_error(program_function("draw.js", 3), class = "instep_error_argument")
})
