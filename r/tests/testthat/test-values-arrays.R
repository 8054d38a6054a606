test_that("matrices and arrays of every type keep dimensions and their names", {
  expect_kept(matrix(1:6, 2))
  expect_kept(matrix(c(1.5, NA, NaN, 4), 2, dimnames = list(NULL, c("a", "b"))))
  expect_kept(matrix(letters[1:4], 2, dimnames = list(rows = c("x", "y"), NULL)))
  expect_kept(matrix(c(TRUE, NA), 1))
  expect_kept(array(1i, c(2, 1, 2)))
  expect_kept(array(stats::runif(24), 2:4, list(c("a", "b"), NULL, letters[1:4])))
  expect_kept(matrix(numeric(), 0, 3, dimnames = list(NULL, c("a", "b", "c"))))
  expect_kept(array(0L, c(2, 0, 3)))
  expect_kept(matrix(stats::rnorm(1e5), 100))
})

test_that("arrays of one dimension and tables stay what they are", {
  expect_kept(array(1:3, 3))
  expect_kept(table(c("a", "b", "a"), c(1, 2, 2)))
  expect_kept(table(c("a", "b", "a")))
})

test_that("arrays with a class keep it", {
  expect_kept(structure(as.Date(c("2024-01-01", NA)), dim = c(1L, 2L)))
  expect_kept(structure(factor(c("a", "b")), dim = c(2L, 1L)))
})

test_that("arrays of Python in either order have the same cells in R", {
  expected <- aperm(array(as.double(0:23), c(4, 3, 2)))
  expect_identical(python_value("array_c"), expected)
  expect_identical(python_value("array_f"), expected)
  expect_identical(python_value("matrix_c"), matrix(as.double(0:2699), 45, byrow = TRUE))
  expect_identical(python_value("array_0d"), 1.5)
})

test_that("sparse matrices keep their layout, explicit zeros and names", {
  skip_if_not_installed("Matrix")
  column <- Matrix::sparseMatrix(i = c(1, 3, 2), j = c(1, 1, 3), x = c(1, 0, NA), dims = c(3, 3))
  expect_kept(column)
  expect_kept(methods::as(column, "RsparseMatrix"))
  expect_kept(methods::as(column, "TsparseMatrix"))
  expect_kept(methods::as(column, "nMatrix"))
  expect_kept(methods::as(column != 0, "CsparseMatrix"))
  dimnames(column) <- list(letters[1:3], NULL)
  expect_kept(column)
  expect_true(encode_value(column)$portable)
})

test_that("sparse matrices of Python are those of package Matrix", {
  skip_if_not_installed("Matrix")
  expected <- matrix(c(1, 0, 0, 2, 0, 3), 2)
  expect_identical(as.matrix(python_value("sparse_csc")), expected)
  expect_identical(as.matrix(python_value("sparse_csr")), expected)
  expect_identical(as.matrix(python_value("sparse_coo")), expected)
})
