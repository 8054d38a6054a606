#!/bin/sh
# Rewrites constraints.txt from what .venv holds now. To move to newer versions: upgrade in .venv, run the tests, run this.
set -eu
cd "$(dirname "$0")/.."
{
  echo "# The versions that Instep is developed and tested with. Made by scripts/pin.sh."
  .venv/bin/python -m pip list --format=freeze --disable-pip-version-check --exclude-editable |
    grep -v -i -E '^(pip|setuptools|wheel|uv)=='
} > constraints.txt
