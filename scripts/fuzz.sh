#!/usr/bin/env bash
# Makes up requests from the server's own OpenAPI document and sends them to a demo server, as nobody, as a client,
# as an expert and as an administrator:
#
#   scripts/fuzz.sh            # few for each operation, the same ones every time
#   scripts/fuzz.sh 500 7      # more for each operation, from another seed
#
# Needs scripts/install.sh fuzz and a built target/debug/belfry; BELFRY_BIN names another one.
set -euo pipefail
cd "$(dirname "$0")/.."

root=$PWD
examples=${1:-8}
seed=${2:-1}
server=${BELFRY_BIN:-target/debug/belfry}
home=$(mktemp -d "${TMPDIR:-/tmp}/belfry-fuzz.XXXXXX")
server_pid=""

tear_down() {
  trap - EXIT INT TERM
  [[ -z $server_pid ]] || { kill "$server_pid" && wait "$server_pid"; } >/dev/null 2>&1 || true
  rm -rf "$home"
}
trap tear_down EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Limits would refuse most of it; tokens must last as long as the longest run.
BELFRY_LIMITS__ENABLED=false BELFRY_AUTH__ACCESS_MINUTES=1440 RUST_LOG=warn,actix_http=off \
  "$server" serve --demo --data-dir "$home/data" --listen 127.0.0.1:0 >"$home/out" 2>"$home/log" &
server_pid=$!
for _ in $(seq 600); do
  base=$(sed -n 's/^Belfry is ready at //p' "$home/out")
  [[ -z $base ]] || break
  kill -0 "$server_pid" 2>/dev/null || { cat "$home/log" >&2; exit 1; }
  sleep 0.1
done
[[ -n $base ]] || { echo "fuzz.sh: the server did not start" >&2; exit 1; }

export FUZZ_BASE=$base PYTHONPATH=$root/tests/fuzz PYTHONDONTWRITEBYTECODE=1 SCHEMATHESIS_HOOKS=callers
failed=()
for caller in nobody client1 expert1 admin; do
  arguments=()
  phases=examples,coverage,fuzzing
  if [[ $caller != nobody ]]; then
    token=$(target/fuzz/bin/python -c 'import callers, sys; print(callers.token(sys.argv[1]))' "$caller")
    # What everybody is refused alike need not be tried by everybody, unless there is time.
    # Signing out everywhere is left to nobody, who cannot: it would end the caller's own run.
    [[ $# -gt 0 || $caller == admin ]] || phases=examples,fuzzing
    arguments=(--header "Authorization: Bearer $token" --exclude-path /api/v1/auth/logout)
  fi
  printf '\n-- %s\n' "$caller"
  # It keeps what it found where it stands.
  (cd "$home" && "$root/target/fuzz/bin/schemathesis" --config-file "$root/tests/fuzz/schemathesis.toml" --no-color \
    run "$base/openapi.json" --phases "$phases" --max-examples "$examples" --seed "$seed" "${arguments[@]}") \
    >"$home/report" 2>&1 || failed+=("$caller")
  if [[ " ${failed[*]} " == *" $caller "* ]]; then cat "$home/report"; else sed -n '/= SUMMARY/,$p' "$home/report"; fi
done
# Whatever made the server log a failure is a finding, too.
if grep -E '"level":"ERROR"|panicked' "$home/log"; then failed+=("the log"); fi
[[ ${#failed[@]} -eq 0 ]] || { echo "fuzz.sh: found something as ${failed[*]}" >&2; exit 1; }
