test_that("a namespace is chosen, lifted, and as by default again", {
  withr::defer(set_default_namespace())
  withr::local_envvar(INSTEP_USER = "ada", INSTEP_NAMESPACE = NA)
  expect_identical(set_default_namespace(), "user:ada")
  expect_identical(get_namespace(), "user:ada")
  expect_identical(set_namespace("nightly"), "nightly")
  expect_identical(get_namespace(), "nightly")
  expect_null(set_namespace(NULL))
  expect_null(get_namespace())
  for (wrong in list("", 3, NA_character_, c("a", "b"))) {
    expect_error(set_namespace(wrong), class = "instep_error_tag_invalid")
  }
})

test_that("the environment names another default", {
  withr::defer(set_default_namespace())
  withr::local_envvar(INSTEP_NAMESPACE = "team")
  expect_identical(set_default_namespace(), "team")
  withr::local_envvar(INSTEP_NAMESPACE = "")
  expect_null(get_namespace())
})
