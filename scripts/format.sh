#!/bin/sh
# Formats Python, the contract, and R where Air is installed.
set -eu
cd "$(dirname "$0")/.."
.venv/bin/ruff format .
.venv/bin/ruff check --fix --quiet .
.venv/bin/buf format -w
if command -v air >/dev/null 2>&1; then
  air format r examples
else
  echo "Air is not installed: R sources are left as they are."
fi
