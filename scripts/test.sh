#!/bin/sh
# Runs all tests: R's, then Python's with the whole-system tests. Ends with what both runners counted.
set -u
cd "$(dirname "$0")/.."

scripts/test_r.sh
r=$?
.venv/bin/python -m pytest -n 2 --dist loadfile -q
python=$?

echo
cat .cache/testthat-summary 2>/dev/null || echo "testthat: did not finish"
[ "$r" -eq 0 ] && [ "$python" -eq 0 ] && { echo "All tests passed."; exit 0; }
echo "Tests failed: R exit status $r, Python exit status $python." >&2
exit 1
