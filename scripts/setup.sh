#!/bin/sh
# Sets up this checkout: finds a Python that is new enough and hands over to scripts/instep_setup.
# PYTHON=/path/to/python chooses the interpreter.
set -eu
cd "$(dirname "$0")/.."

seen=""
for candidate in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11 python; do
  [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 || continue
  if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    exec "$candidate" -m scripts.instep_setup
  fi
  seen="$seen; $candidate is $("$candidate" --version 2>&1 | head -n 1)"
done

echo "set-up: Instep needs Python 3.11 or later${seen:-; there is no Python here}." >&2
echo "set-up: Install one (Debian 12 or later: apt-get install python3), or name it: PYTHON=/path/to/python3 make setup" >&2
exit 1
