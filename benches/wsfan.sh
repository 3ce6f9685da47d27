#!/usr/bin/env bash
# Sockets through Redis beside a bare epoll server, in rounds that take turns. See benches/README.md.
#
#   WSFAN_DIR=folder-of-the-generator benches/wsfan.sh
#   N=10000 ROUNDS=5 BCASTS=6 PROFILE=release WSFAN_DIR=… benches/wsfan.sh
#
# wsfan opens N sessions for N people and publishes to them through Redis; `floor`, which comes with it, does
# nothing but pass messages from Redis to sockets, without accounts, tickets, heartbeats or resume.
set -euo pipefail
: "${WSFAN_DIR:?the folder of the generator wsfan}"
wsfan_dir=$(cd "$WSFAN_DIR" && pwd)
cd "$(dirname "$0")/.."

sessions=${N:-10000}
rounds=${ROUNDS:-5}
profile=${PROFILE:-release}
secret=thirty-two-letters-for-measuring

home=$(mktemp -d "${TMPDIR:-/tmp}/belfry-wsfan.XXXXXX")
pids=()
stop() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  pids=()
}
trap 'stop; rm -rf "$home"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

scripts/install.sh cc redis
options=()
[[ $profile != release ]] || options=(--release)
cargo build "${options[@]}" --bin belfry
built="${CARGO_TARGET_DIR:-target}/$profile"
[[ $profile != dev ]] || built="${CARGO_TARGET_DIR:-target}/debug"

# The generator with one adapter more.
generator="$home/wsfan"
mkdir "$generator"
cp -r "$wsfan_dir/Cargo.toml" "$wsfan_dir/Cargo.lock" "$wsfan_dir/src" "$generator"
chmod -R u+w "$generator"
cp benches/wsfan/belfry.rs "$generator/src/adapters/belfry.rs"
sed -i -e 's/^pub mod centrifuge;/pub mod belfry;\n&/' \
  -e 's/^        "centrifuge" => /        "belfry" => Box::new(belfry::Belfry(o.clone())),\n&/' \
  "$generator/src/adapters/mod.rs"
cargo build --release --manifest-path "$generator/Cargo.toml" --target-dir target/wsfan
wsfan=target/wsfan/release/wsfan
floor=target/wsfan/release/floor

limit=$((sessions + 1000))
[[ $(ulimit -n) == unlimited || $(ulimit -n) -ge $limit ]] || ulimit -n "$limit"

up() { # PORT PID: waits until the port answers.
  for _ in $(seq 300); do
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return
    kill -0 "$2" 2>/dev/null || { cat "$home"/*.log >&2; exit 1; }
    sleep 0.1
  done
  echo "port $1 did not open" >&2
  exit 1
}

start_redis() {
  redis_port=$(scripts/free-port.sh)
  redis-server --port "$redis_port" --bind 127.0.0.1 --save "" --appendonly no --dir "$home" \
    >"$home/redis.log" 2>&1 &
  redis_pid=$!
  pids+=("$redis_pid")
  up "$redis_port" "$redis_pid"
}

measure() { # LABEL ADAPTER PORT SERVER_PID …
  local label=$1 adapter=$2 port=$3 server=$4 more=()
  shift 4
  [[ ${BCASTS:-0} == 0 ]] || more=(--both --bcasts "$BCASTS")
  "$wsfan" --label "$label" --adapter "$adapter" -n "$sessions" --rate "${RATE:-2000}" \
    --rate-secs "${RATE_SECS:-6}" --max-count "${MAX_COUNT:-300000}" --max-secs "${MAX_SECS:-6}" \
    --addr "127.0.0.1:$port" --pub "127.0.0.1:$redis_port" --server "$server" --aux "$redis_pid" \
    --json "$home/lines" "${more[@]}" "$@"
}

# As many people as sessions, in a database of their own.
"$built/belfry" migrate --data-dir "$home/data" >"$home/migrate.log" 2>&1
python3 - "$home/data/belfry.db" "$sessions" <<'PYTHON'
import sqlite3, sys, uuid

database = sqlite3.connect(sys.argv[1])
database.executemany(
    "INSERT INTO users (id, email, password_hash, name, role, description, locale, time_zone,"
    " email_verified, disabled, auth_epoch, version, created_at, updated_at)"
    " VALUES (?, ?, '', 'Ada', 'user', '', 'en', 'UTC', 1, 0, 0, 1, ?, ?)",
    (
        (uuid.UUID(f"00000000-0000-7000-8000-{number:012x}").bytes, f"{number}@belfry.test")
        + ("2026-01-01T00:00:00+00:00",) * 2
        for number in range(int(sys.argv[2]))
    ),
)
database.commit()
PYTHON

for round in $(seq "$rounds"); do
  echo "round $round of $rounds" >&2

  start_redis
  port=$(scripts/free-port.sh)
  "$floor" "$port" "$redis_port" >"$home/floor.log" 2>&1 &
  pids+=("$!")
  up "$port" "$!"
  measure floor hub "$port" "$!"
  stop

  start_redis
  port=$(scripts/free-port.sh)
  BELFRY_AUTH__SECRET=$secret RUST_LOG=warn "$built/belfry" serve --listen "127.0.0.1:$port" \
    --data-dir "$home/data" --redis-url "redis://127.0.0.1:$redis_port" >"$home/hub.log" 2>&1 &
  pids+=("$!")
  up "$port" "$!"
  measure belfry belfry "$port" "$!" --token "jwt:$secret"
  stop
done

echo
cat "$home/lines"
