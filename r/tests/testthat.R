library(testthat)
library(instep)

test_check("instep")
