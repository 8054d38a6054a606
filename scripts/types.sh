#!/bin/sh
# Checks Python types. Each tree of tests by itself, since their files may have the same names; tests need no
# annotations, but what they do is checked. Those of the whole system use the server's rig, too.
set -eu
cd "$(dirname "$0")/.."
.venv/bin/mypy python/src server/src proto/conformance/src scripts benchmarks
for tests in tests proto/conformance/tests python/tests server/tests; do
  MYPYPATH=$tests:server/tests .venv/bin/mypy --allow-untyped-defs --allow-incomplete-defs --allow-untyped-calls "$tests"
done
