# Installs packages from the user's CRAN: Rscript r_cran.R LIBRARY PACKAGE...
# Ends with status 2 when no CRAN answers.
arguments <- commandArgs(TRUE)
target <- arguments[[1]]
packages <- arguments[-1]

repositories <- getOption("repos")
if (identical(unname(repositories["CRAN"]), "@CRAN@")) {
  repositories["CRAN"] <- utils::getCRANmirrors(local.only = TRUE)[1, "URL"]
}
options(timeout = 8)
known <- tryCatch(
  rownames(utils::available.packages(repos = repositories, ignore_repo_cache = TRUE)),
  error = \(e) character(),
  warning = \(w) character()
)
if (!all(packages %in% known)) quit(status = 2)

options(timeout = 300)
utils::install.packages(packages, lib = target, repos = repositories, Ncpus = max(1L, parallel::detectCores()))
quit(status = if (all(packages %in% rownames(utils::installed.packages(lib.loc = c(target, .libPaths()))))) 0 else 1)
