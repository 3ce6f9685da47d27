#!/usr/bin/env bash
# Checks the alert rules with promtool and runs their unit tests. Uses the promtool there is, or unpacks the one of
# Debian's package prometheus into target/tools, without installing anything.
set -euo pipefail
cd "$(dirname "$0")/.."

promtool=$(command -v promtool || true)
if [[ -z $promtool ]]; then
  promtool=$PWD/target/tools/prometheus/usr/bin/promtool
  if [[ ! -x $promtool ]]; then
    download=$(mktemp -d)
    trap 'rm -rf "$download"' EXIT
    chmod 755 "$download"
    (cd "$download" && apt-get download -q prometheus)
    mkdir -p target/tools/prometheus
    dpkg-deb -x "$download"/prometheus_*.deb target/tools/prometheus
  fi
fi
cd deploy/prometheus
"$promtool" check rules belfry.rules.yml
"$promtool" test rules belfry.test.yml
