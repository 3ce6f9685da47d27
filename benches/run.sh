#!/usr/bin/env bash
# Bookings, refusals, slots and a day at a branch through HTTP, beside PostgreSQL doing the same complete write by itself, in
# rounds that take turns so that both meet the same machine. See benches/README.md.
#
#   ROUNDS=3 SECONDS_EACH=10 CONNECTIONS=64 PROFILE=release benches/run.sh
#   PAST=1000000 benches/run.sh     # with so many bookings behind the experts of each round
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${ROUNDS:-3}
seconds=${SECONDS_EACH:-10}
profile=${PROFILE:-release}
connections=${CONNECTIONS:-64}
past=${PAST:-0}
experts=50
clients=100

if [[ -z ${BELFRY_BENCH_WITH_SERVICES:-} ]]; then
  scripts/install.sh cc postgres redis
  options=()
  [[ $profile != release ]] || options=(--release)
  cargo build "${options[@]}" --bin belfry --example load
  # A booking counts when it is on the disk.
  BELFRY_BENCH_WITH_SERVICES=1 BELFRY_TEST_DURABLE=1 exec scripts/services.sh "$0" "$@"
fi

built="${CARGO_TARGET_DIR:-target}/$profile"
[[ $profile != dev ]] || built="${CARGO_TARGET_DIR:-target}/debug"
home=$(mktemp -d "${TMPDIR:-/tmp}/belfry-bench.XXXXXX")
server_pid=""
stop_server() {
  [[ -z $server_pid ]] || { kill "$server_pid" && wait "$server_pid"; } >/dev/null 2>&1 || true
}
trap 'stop_server; rm -rf "$home"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

server=${BELFRY_TEST_POSTGRES_URL%/*}
psql -qX "$BELFRY_TEST_POSTGRES_URL" -c "CREATE DATABASE hub" -c "CREATE DATABASE bare"
"$built/belfry" migrate --database-url "$server/bare" >"$home/migrate.log" 2>&1
psql -qX "$server/bare" -v ON_ERROR_STOP=1 -v experts=$experts -v clients=$clients \
  -f benches/pgbench/prepare.sql

port=$(scripts/free-port.sh)
BELFRY_LIMITS__ENABLED=false RUST_LOG=warn "$built/belfry" serve --demo --listen "127.0.0.1:$port" \
  --data-dir "$home/data" --database-url "$server/hub" --redis-url "$BELFRY_TEST_REDIS_URL" \
  >"$home/hub.log" 2>&1 &
server_pid=$!
for _ in $(seq 300); do
  (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
  kill -0 "$server_pid" 2>/dev/null || { cat "$home/hub.log" >&2; exit 1; }
  sleep 0.1
done

sleep 10
idle=$(awk '/^VmRSS/ { printf "%.1f", $2 / 1024 }' "/proc/$server_pid/status")

# bare NAME FIRST: transactions per second of a script; FIRST keeps its bookings apart from earlier ones.
bare() {
  pgbench -n -c16 -j2 -M prepared -T "$seconds" -f "benches/pgbench/$1.sql" \
    -D experts=$experts -D clients=$clients -D "k=$2" "$server/bare" 2>"$home/pgbench.log" |
    awk -v name="$1" '/^tps/ { printf "{\"scenario\": \"%s\", \"per_second\": %d}\n", name, $3 }'
}

for round in $(seq "$rounds"); do
  echo "round $round of $rounds" >&2
  bare booking $((round * 2000000)) | tee -a "$home/lines" >&2
  bare booking_at_once $((round * 2000000 + 1000000)) | tee -a "$home/lines" >&2
  "$built/examples/load" --url "http://127.0.0.1:$port" --experts $experts --clients $clients \
    --connections "$connections" --seconds "$seconds" \
    --once-invited "psql -qX '$server/hub' -v ON_ERROR_STOP=1 -v past=$past -f benches/past.sql" \
    book refuse ticket me slots slots-unchanged |
    tee -a "$home/lines" >&2
  # With people of its own: those above are booked out. Nothing else goes on at the branch.
  "$built/examples/load" --url "http://127.0.0.1:$port" --experts $experts --clients $clients \
    --connections "$connections" --seconds "$seconds" mixed | tee -a "$home/lines" >&2
done

echo "memory when idle: $idle MiB"
python3 - "$home/lines" <<'PYTHON'
import json, statistics, sys

rates, slowest = {}, {}
for line in open(sys.argv[1]):
    seen = json.loads(line)
    rates.setdefault(seen["scenario"], []).append(seen["per_second"])
    if "p99_ms" in seen:
        slowest.setdefault(seen["scenario"], []).append(seen["p99_ms"])
middle = {name: statistics.median(values) for name, values in rates.items()}
for name, rate in middle.items():
    p99 = f"p99 {statistics.median(slowest[name]):7.1f} ms" if name in slowest else " " * 14
    print(f"{name:18} {rate:9.0f}/s   {p99}   {sorted(rates[name])}")
for name, limit in [
    ("book", "booking"), ("book", "booking_at_once"), ("refuse", "ticket"), ("slots", "ticket"),
    ("mixed", "ticket"),
]:
    print(f"{name} / {limit}: {middle[name] / middle[limit]:.2f}")
PYTHON
