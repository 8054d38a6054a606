#!/bin/sh
# Fuzzes both decoders with a million inputs, or as many as INPUTS says, and writes docs/fuzzing.md. The R package is
# compiled with gcc's sanitizers into .cache/fuzz for it, apart from the installed one.
set -eu
cd "$(dirname "$0")/.."
work=$PWD/.cache/fuzz
rm -rf "$work/r"
mkdir -p "$work/library"
cp -R r "$work/r"
rm -f "$work"/r/src/*.o "$work"/r/src/*.so
sanitizers="-fsanitize=address,undefined -fno-sanitize=vptr"
cat >"$work/Makevars" <<END
CXX17FLAGS = -O1 -g -fno-omit-frame-pointer $sanitizers -fno-sanitize-recover=undefined
SHLIB_CXX17LDFLAGS = -shared $sanitizers
END
# Without a test of loading: only a process that has loaded the sanitizers' libraries first can load it.
R_MAKEVARS_USER=$work/Makevars R CMD INSTALL --no-docs --no-test-load --library="$work/library" "$work/r"
cd tests
exec ../.venv/bin/python -m values.fuzz --inputs "${INPUTS:-1000000}" --seed "${SEED:-1}" --sanitized "$work/library" --report
