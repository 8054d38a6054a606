#!/bin/sh
# Has all workers show that they keep to the protocol, and writes docs/conformance.md from what they showed. The worker in
# TypeScript takes part when examples/typescript is built.
set -eu
cd "$(dirname "$0")/.."
kit=$PWD/proto/conformance
reports=proto/conformance/reports
python_values=".venv/bin/python proto/conformance/workers/python/values.py"
r_values="Rscript proto/conformance/workers/r/values.R"
typescript=$PWD/examples/typescript/conformance
failed=""

worker() { # LANGUAGE FILE COMMAND...
  language=$1 file=$2
  shift 2
  .venv/bin/instep-conformance worker --report "$reports/worker-$language.json" \
    --known-failing "$kit/known-failing/$language.txt" --file "$file" -- "$@" || failed="$failed $language"
}

worker python "$kit/workers/python/steps.py" .venv/bin/python -P -m instep._worker
worker r "$kit/workers/r/steps.R" Rscript -e 'instep:::worker_main()'
[ ! -x "$typescript/steps.js" ] ||
  worker typescript "$typescript/steps.ts" node --enable-source-maps "$typescript/steps.js"

.venv/bin/instep-conformance value --report $reports/value-python.json --reader "$r_values" -- $python_values ||
  failed="$failed values-python"
.venv/bin/instep-conformance value --report $reports/value-r.json --reader "$python_values" -- $r_values ||
  failed="$failed values-r"

[ ! -f "$typescript/values.js" ] ||
  .venv/bin/instep-conformance value --report $reports/value-typescript.json \
    --known-failing "$kit/known-failing/typescript-values.txt" -- node "$typescript/values.js" ||
  failed="$failed values-typescript"

.venv/bin/python -m instep_conformance.page $reports docs/conformance.md
[ -z "$failed" ] || { echo "Not as expected:$failed" >&2; exit 1; }
