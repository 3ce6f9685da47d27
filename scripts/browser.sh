#!/usr/bin/env bash
# Clicks through the pages of a demo server in a real browser, on the embedded set-up and on PostgreSQL
# with Redis. Needs a built server and the addresses that scripts/services.sh exports.
set -euo pipefail
cd "$(dirname "$0")/.."

server="${CARGO_TARGET_DIR:-target}/debug/belfry"
home=$(mktemp -d "${TMPDIR:-/tmp}/belfry-browser.XXXXXX")
server_pid=""
provider_pid=""

stop_server() {
  local pid
  for pid in $server_pid $provider_pid; do
    { kill "$pid" && wait "$pid"; } >/dev/null 2>&1 || true
  done
  server_pid="" provider_pid=""
}
trap 'stop_server; rm -rf "$home"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

is_ready() {
  python3 - "$1/readyz" <<'PYTHON'
import sys, urllib.request
try:
    urllib.request.urlopen(sys.argv[1], timeout=2)
except OSError:
    sys.exit(1)
PYTHON
}

# story NAME [SERVER OPTION…]: serves a fresh demo, with a provider to sign in through, and runs the browser tests
# against it.
story() {
  local name=$1 port url provider_port secret="a secret of the tests"
  shift
  port=$(scripts/free-port.sh)
  url="http://127.0.0.1:$port"
  # To a browser another name is another site, as a provider is one.
  provider_port=$(scripts/free-port.sh)
  node tests/oidc/provider.js "$provider_port" "$url/auth/oidc/callback" "$secret" localhost \
    >"$home/$name-provider.log" 2>&1 &
  provider_pid=$!
  # The tests sign in more often than a person would, and bring servers of their own to send to.
  BELFRY_LIMITS__ENABLED=false BELFRY_OUTBOUND__ALLOW_LOOPBACK=true \
    BELFRY_PUSH__WEB__SUBJECT=mailto:ops@belfry.test \
    BELFRY_AUTH__OIDC__ISSUER="http://localhost:$provider_port" BELFRY_AUTH__OIDC__CLIENT_ID=belfry \
    BELFRY_AUTH__OIDC__CLIENT_SECRET="$secret" BELFRY_AUTH__OIDC__NAME="The Office" \
    "$server" serve --demo --listen "127.0.0.1:$port" --data-dir "$home/$name" "$@" >"$home/$name.log" 2>&1 &
  server_pid=$!
  for _ in $(seq 1800); do
    is_ready "$url" && break
    kill -0 "$server_pid" 2>/dev/null || break
    sleep 0.1
  done
  is_ready "$url" || { echo "the $name server did not start:" >&2; cat "$home/$name.log" >&2; exit 1; }
  echo "-- $name"
  (cd tests/browser && BELFRY_URL=$url npm test) ||
    { echo "warnings of the $name server:" >&2; grep -E '"(WARN|ERROR)"' "$home/$name.log" >&2; exit 1; }
  stop_server
}

scripts/install.sh oidc
(cd tests/browser && npm ci --no-audit --no-fund --silent)

story embedded

database="belfry_browser_$$"
psql -q "$BELFRY_TEST_POSTGRES_URL" -c "CREATE DATABASE $database"
story production --database-url "${BELFRY_TEST_POSTGRES_URL%/*}/$database" \
  --redis-url "$BELFRY_TEST_REDIS_URL"
psql -q "$BELFRY_TEST_POSTGRES_URL" -c "DROP DATABASE $database"
