#!/usr/bin/env bash
# Judges every crate the lock file names by deny.toml: its licence, where it comes from, and what is known
# against it. The advisories live in a repository of their own. Where that cannot be reached, a copy fetched
# earlier is used; where there is none, this says so and is no failure. An advisory that applies is one.
set -euo pipefail
cd "$(dirname "$0")/.."

PATH=$PWD/target/tools/bin:$PATH
deny=(cargo-deny --locked --workspace --log-level error)

"${deny[@]}" check licenses bans sources

fetched=$(mktemp)
trap 'rm -f "$fetched"' EXIT
if timeout 90 "${deny[@]}" fetch db >"$fetched" 2>&1; then
  "${deny[@]}" --offline check advisories
elif compgen -G "${CARGO_HOME:-$HOME/.cargo}/advisory-dbs/*/crates" >/dev/null; then
  echo "WARNING: the advisory database cannot be reached; these are the advisories fetched before:"
  "${deny[@]}" --offline check advisories
else
  cat "$fetched"
  echo "WARNING: ADVISORIES WERE NOT CHECKED: their database cannot be reached and was never fetched here."
fi
