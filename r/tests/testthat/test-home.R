test_that("the store is the nearest one above, unless the environment names one", {
  top <- withr::local_tempdir()
  below <- file.path(top, "a", "b")
  dir.create(below, recursive = TRUE)
  dir.create(file.path(top, ".instep"))
  withr::local_envvar(INSTEP_HOME = NA)
  expect_identical(store_home(below), normalizePath(file.path(top, ".instep")))
  withr::local_envvar(INSTEP_HOME = below)
  expect_identical(store_home(top), normalizePath(below))
})

test_that("a store that is missing is an error that says where it was looked for", {
  withr::local_envvar(INSTEP_HOME = file.path(tempdir(), "none"))
  expect_error(store_home(), "none", class = "instep_error_store_missing")
})
