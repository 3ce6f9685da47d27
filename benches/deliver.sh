#!/usr/bin/env bash
# Deliveries to a provider that takes everything at once, beside the same statements in plain SQL, in rounds that take
# turns so that both meet the same machine; then events at a steady rate, alone and in a flood. See benches/README.md.
#
#   ROUNDS=3 COUNT=100000 WORKERS=1024 COURIERS=2 SECONDS_EACH=10 PROFILE=release benches/deliver.sh
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${ROUNDS:-3}
count=${COUNT:-100000}
workers=${WORKERS:-1024}
couriers=${COURIERS:-2}
seconds=${SECONDS_EACH:-10}
profile=${PROFILE:-release}
# A courier claims half of its places at once.
lot=$((workers / 2))

if [[ -z ${BELFRY_BENCH_WITH_SERVICES:-} ]]; then
  scripts/install.sh cc postgres redis
  options=()
  [[ $profile != release ]] || options=(--release)
  cargo build "${options[@]}" --example deliver
  BELFRY_BENCH_WITH_SERVICES=1 BELFRY_TEST_DURABLE=1 exec scripts/services.sh "$0" "$@"
fi

built="${CARGO_TARGET_DIR:-target}/$profile"
[[ $profile != dev ]] || built="${CARGO_TARGET_DIR:-target}/debug"
home=$(mktemp -d "${TMPDIR:-/tmp}/belfry-deliver.XXXXXX")
trap 'rm -rf "$home"' EXIT
server=${BELFRY_TEST_POSTGRES_URL%/*}
export RUST_LOG=off

# fresh NAME: an empty database of its own.
fresh() {
  psql -qX "$BELFRY_TEST_POSTGRES_URL" -c "DROP DATABASE IF EXISTS $1" -c "CREATE DATABASE $1"
}
deliver() {
  "$built/examples/deliver" --count "$count" --workers "$workers" --couriers "$couriers" --seconds "$seconds" "$@"
}

# drained NAME …: what a courier drains, and what the statements alone do.
drained() {
  local name=$1
  shift
  fresh hub
  deliver --database-url "$server/hub" "$@" fill drain | sed "s/\"drain\"/\"$name\"/" | tee -a "$home/lines" >&2
  fresh bare
  deliver --database-url "$server/bare" "$@" fill
  # Until the queue is empty, and not further: an empty claim costs nothing.
  pgbench -n -c "$couriers" -j "$couriers" -M prepared -t $((count / lot / couriers)) -D lot=$lot \
    -f benches/pgbench/deliver.sql "$server/bare" 2>"$home/pgbench.log" |
    awk -v lot=$lot -v name="plain $name" \
      '/^tps/ { printf "{\"scenario\": \"%s\", \"per_second\": %d}\n", name, $3 * lot }' |
    tee -a "$home/lines" >&2
}

for round in $(seq "$rounds"); do
  echo "round $round of $rounds" >&2
  drained mails
  drained short --short
done
fresh calm
deliver --database-url "$server/calm" event flood >&2

python3 - "$home/lines" <<'PYTHON'
import json, statistics, sys

rates = {}
for line in open(sys.argv[1]):
    seen = json.loads(line)
    rates.setdefault(seen["scenario"], []).append(seen["per_second"])
middle = {name: statistics.median(values) for name, values in rates.items()}
for name, rate in middle.items():
    print(f"{name:18} {rate:9.0f}/s   {sorted(rates[name])}")
for name in ("mails", "short"):
    print(f"{name} / plain: {middle[name] / middle['plain ' + name]:.2f}")
PYTHON
