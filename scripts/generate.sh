#!/bin/sh
# Writes what is generated: messages from proto/, the server's SQL, and the R package's table of its C++ functions.
set -eu
cd "$(dirname "$0")/.."
.venv/bin/python scripts/generate.py
.venv/bin/python -m instep_server.db.generate
Rscript -e 'if (!requireNamespace("decor", quietly = TRUE)) stop("Registering C++ functions needs the R package decor (Debian: r-cran-decor).", call. = FALSE)' \
        -e 'cpp11::cpp_register("r", quiet = TRUE)'
