#!/bin/sh
# Writes docs/values.md from what becomes of values, docs/statements.md from the marks of tests, and r/NAMESPACE and r/man
# from the roxygen comments of the installed package's sources.
set -eu
cd "$(dirname "$0")/.."
Rscript -e 'if (!requireNamespace("roxygen2", quietly = TRUE)) stop("Writing docs needs the R package roxygen2 (Debian: r-cran-roxygen2).", call. = FALSE)' \
        -e 'roxygen2::roxygenise("r", load_code = "installed")'
(cd tests && ../.venv/bin/python -m values.table)
.venv/bin/python -m scripts.statements
