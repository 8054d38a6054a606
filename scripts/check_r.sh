#!/bin/sh
# R CMD check of the R package, without network. An error or a warning fails; notes are shown.
# The package's tests are left out: `make test` runs them.
set -eu
cd "$(dirname "$0")/.."
work=.cache/check
rm -rf "$work"
mkdir -p "$work"
cd "$work"
R CMD build --no-build-vignettes ../../r >build.log 2>&1 || { cat build.log; exit 1; }

# R would ask the network for the time, and CRAN what other packages need: here an empty repository answers.
mkdir -p repository/src/contrib
: >repository/src/contrib/PACKAGES
echo "options(repos = c(CRAN = 'file://$PWD/repository'))" >profile.R
export R_PROFILE="$PWD/profile.R" _R_CHECK_SYSTEM_CLOCK_=0 _R_CHECK_FORCE_SUGGESTS_=false MAKEFLAGS="-j$(nproc)"
R CMD check --no-manual --no-tests instep_*.tar.gz | tee check.log
if ! grep -E -q '^Status: (OK|[0-9]+ NOTEs?)$' check.log; then
  echo "R CMD check found errors or warnings." >&2
  exit 1
fi
