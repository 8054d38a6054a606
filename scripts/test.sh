#!/bin/sh
# Runs all tests: R's, then Python's with the whole-system tests, for which a worker in TypeScript is built. Ends with what both runners counted.
set -u
cd "$(dirname "$0")/.."

scripts/typescript.sh
typescript=$?
scripts/test_r.sh
r=$?
# Tests of commands wait more than they compute, so two for each core; one that has none left takes half of another's.
.venv/bin/python -m pytest -n $((2 * $(nproc))) --dist worksteal -q --durations=40
python=$?

echo
cat .cache/testthat-summary 2>/dev/null || echo "testthat: did not finish"
[ "$typescript" -eq 0 ] && [ "$r" -eq 0 ] && [ "$python" -eq 0 ] && { echo "All tests passed."; exit 0; }
echo "Tests failed: R exit status $r, Python exit status $python, building examples/typescript $typescript." >&2
exit 1
