#!/bin/sh
# Builds examples/typescript and the programs that use it: a worker in a third language, which the tests run.
set -eu
cd "$(dirname "$0")/.."
exec .venv/bin/python -m scripts.instep_setup.typescript
