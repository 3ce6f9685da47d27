#!/usr/bin/env bash
# Everything that must hold before a change is taken: format, lints, the browser story on both set-ups,
# and every behaviour on both engines. The test runner's own summary comes last.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ -z ${BELFRY_TEST_WITH_SERVICES:-} ]]; then
  scripts/install.sh cc postgres redis chromium
  BELFRY_TEST_WITH_SERVICES=1 exec scripts/services.sh "$0" "$@"
fi

started=$SECONDS
step() { printf '\n== %s (%ds)\n' "$*" $((SECONDS - started)); }

step "Format"
cargo fmt --all --check

step "Lints"
cargo clippy --workspace --all-targets --quiet -- -D warnings

step "Build"
if cargo nextest --version >/dev/null 2>&1; then
  cargo nextest run --workspace --no-run
else
  cargo test --workspace --no-run
fi
cargo build

step "Browser tests"
scripts/browser.sh

step "Behaviour on both engines"
if cargo nextest --version >/dev/null 2>&1; then
  cargo nextest run --workspace
else
  # The integration tests last: their summary is the one that counts.
  cargo test --workspace --lib --bins --quiet
  cargo test --test it
fi
