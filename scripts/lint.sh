#!/bin/sh
# Checks format and style of all sources, and the contract. Changes nothing.
set -eu
cd "$(dirname "$0")/.."
.venv/bin/ruff format --check .
.venv/bin/ruff check .
.venv/bin/buf lint
.venv/bin/buf format -d --exit-code
scripts/lint_breaking.sh
if command -v air >/dev/null 2>&1; then
  air format --check r examples
else
  echo "Air is not installed: the format of R sources was not checked."
fi
