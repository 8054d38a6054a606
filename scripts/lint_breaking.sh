#!/bin/sh
# Compares the contract with the one that others may rely on already: the main branch's, else the last commit's.
set -eu
cd "$(dirname "$0")/.."
head=$(git rev-parse --quiet --verify HEAD) || head=none
for base in origin/main main HEAD~1; do
  commit=$(git rev-parse --quiet --verify "$base^{commit}") || continue
  [ "$commit" != "$head" ] || continue
  git rev-parse --quiet --verify "$commit:proto/instep" >/dev/null || continue
  exec .venv/bin/buf breaking --against ".git#ref=$commit"
done
echo "No earlier contract to compare with."
