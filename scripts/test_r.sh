#!/bin/sh
# Runs the R package's own tests against the installed package.
set -eu
cd "$(dirname "$0")/.."
mkdir -p .cache
rm -f .cache/testthat-summary
# Without this, snapshots are not compared.
NOT_CRAN=true Rscript scripts/test_r.R "$PWD/.cache/testthat-summary" "$@"
