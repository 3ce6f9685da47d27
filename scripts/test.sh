#!/usr/bin/env bash
# Everything that must hold before a change is taken: format, lints, the browser story on both set-ups,
# and every behaviour on both engines. The test runner's own summary comes last.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ -z ${BELFRY_TEST_WITH_SERVICES:-} ]]; then
  scripts/install.sh cc postgres redis chromium dkim tools fuzz oidc
  BELFRY_TEST_WITH_SERVICES=1 exec scripts/services.sh "$0" "$@"
fi

started=$SECONDS
step() { printf '\n== %s (%ds)\n' "$*" $((SECONDS - started)); }

step "Format"
cargo fmt --all --check

step "Supply chain"
scripts/deny.sh

step "Alert rules and dashboard"
scripts/alerts.sh

# Clippy lints while it compiles, and cargo then builds every dependency once, where a separate `cargo clippy`
# would check all of them a second time. `make lint` is the usual way while working.
export RUSTC_WORKSPACE_WRAPPER=clippy-driver
export CLIPPY_ARGS="-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__"

step "Build and lint"
cargo build --workspace --all-targets

step "Made-up requests"
scripts/fuzz.sh

step "Browser tests"
scripts/browser.sh

step "Behaviour on both engines"
if cargo nextest --version >/dev/null 2>&1; then
  cargo nextest run --workspace --profile "$([[ -n ${CI:-} ]] && echo ci || echo default)"
else
  # The integration tests last: their summary is the one that counts.
  cargo test --workspace --exclude belfry --tests --quiet
  cargo test -p belfry --lib --bins --quiet
  cargo test -p belfry --test it
fi
