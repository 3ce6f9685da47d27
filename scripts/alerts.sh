#!/usr/bin/env bash
# Checks with promtool the alert rules, their unit tests, the configuration that scrapes, and every expression of the
# dashboard. Uses the promtool there is, or unpacks the one of Debian's package prometheus into target/tools, without
# installing anything.
set -euo pipefail
cd "$(dirname "$0")/.."

promtool=$(command -v promtool || true)
if [[ -z $promtool ]]; then
  promtool=$PWD/target/tools/prometheus/usr/bin/promtool
  if [[ ! -x $promtool ]]; then
    download=$(mktemp -d)
    trap 'rm -rf "$download"' EXIT
    chmod 777 "$download"
    # A machine whose lists are missing or old has them read once more, if it may.
    fetch() { (cd "$download" && apt-get download -qq prometheus); }
    fetch || { apt-get update -qq && fetch; } || {
      echo "WARNING: ALERT RULES WERE NOT CHECKED: there is no promtool, and Debian's cannot be fetched"
      exit 0
    }
    mkdir -p target/tools/prometheus
    dpkg-deb -x "$download"/prometheus_*.deb target/tools/prometheus
  fi
fi

# The dashboard's expressions as rules, because rules are what promtool reads. Grafana puts a length in the place of
# its own variable.
panels=$PWD/target/tools/dashboard.rules.yml
mkdir -p "${panels%/*}"
python3 - deploy/grafana/dashboards/belfry.json >"$panels" <<'PYTHON'
import json, sys
panels = json.load(open(sys.argv[1]))["panels"]
found = [target["expr"] for panel in panels for target in panel.get("targets", [])]
rules = [{"record": f"panel:{place}", "expr": expr.replace("$__rate_interval", "5m")} for place, expr in enumerate(found)]
print(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
PYTHON

cd deploy/prometheus
"$promtool" check rules "$panels"
"$promtool" check config prometheus.yml
"$promtool" test rules belfry.test.yml
