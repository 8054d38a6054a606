#!/bin/sh
# Runs the main example, then lets each language read what the other wrote.
set -eu
cd "$(dirname "$0")/../examples/pricing"
../../.venv/bin/python pricing.py run
echo
../../.venv/bin/python show.py
Rscript show.R
