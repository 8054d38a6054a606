#!/bin/sh
# Runs the R package's own tests against the installed package.
set -eu
cd "$(dirname "$0")/.."
mkdir -p .cache
rm -f .cache/testthat-summary
exec Rscript scripts/test_r.R "$PWD/.cache/testthat-summary" "$@"
