#!/usr/bin/env bash
# Runs a command with a private PostgreSQL and Redis beside it, both on free ports of 127.0.0.1 and gone
# afterwards:
#
#   scripts/services.sh cargo nextest run
#
# The command finds them in BELFRY_TEST_POSTGRES_URL and BELFRY_TEST_REDIS_URL. Either one that is set
# already is used as it is. BELFRY_TEST_DURABLE=1 keeps PostgreSQL's fsync on, for measurements.
set -euo pipefail
[[ $# -gt 0 ]] || { echo "usage: scripts/services.sh COMMAND [ARGUMENT…]" >&2; exit 2; }

scripts=$(cd "$(dirname "$0")" && pwd)
home=$(mktemp -d "${TMPDIR:-/tmp}/belfry-services.XXXXXX")
chmod 755 "$home"
postgres_bin=""
redis_pid=""

# PostgreSQL refuses to run as root.
as_postgres() {
  if [[ $(id -u) -eq 0 ]]; then runuser -u postgres -- "$@"; else "$@"; fi
}

tear_down() {
  trap - EXIT INT TERM
  [[ -z $redis_pid ]] || { kill "$redis_pid" && wait "$redis_pid"; } >/dev/null 2>&1 || true
  [[ -z $postgres_bin ]] ||
    as_postgres "$postgres_bin/pg_ctl" -D "$home/postgres" -m immediate stop >/dev/null 2>&1 || true
  rm -rf "$home"
}
trap tear_down EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

start_postgres() {
  local bin port durability=()
  bin=$(dirname "$(compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1)")
  port=$("$scripts/free-port.sh")
  mkdir "$home/postgres"
  [[ $(id -u) -ne 0 ]] || chown postgres "$home/postgres"
  # Tests lose nothing when the machine does.
  [[ -n ${BELFRY_TEST_DURABLE:-} ]] ||
    durability=(-c fsync=off -c synchronous_commit=off -c full_page_writes=off)
  cd "$home"
  as_postgres "$bin/initdb" -D "$home/postgres" -U postgres -A trust -E UTF8 --locale=C.UTF-8 \
    --no-sync >"$home/postgres.log" 2>&1 || { cat "$home/postgres.log" >&2; exit 1; }
  postgres_bin=$bin
  as_postgres "$bin/pg_ctl" -D "$home/postgres" -w -t 60 -s -l "$home/postgres/server.log" \
    -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$home/postgres \
        -c max_connections=300 -c shared_buffers=256MB ${durability[*]}" start ||
    { cat "$home/postgres/server.log" >&2; exit 1; }
  cd - >/dev/null
  export BELFRY_TEST_POSTGRES_URL="postgres://postgres@127.0.0.1:$port/postgres"
}

start_redis() {
  local port
  port=$("$scripts/free-port.sh")
  redis-server --port "$port" --bind 127.0.0.1 --save "" --appendonly no --dir "$home" \
    --daemonize no >"$home/redis.log" 2>&1 &
  redis_pid=$!
  for _ in $(seq 100); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      export BELFRY_TEST_REDIS_URL="redis://127.0.0.1:$port"
      return
    fi
    kill -0 "$redis_pid" 2>/dev/null || break
    sleep 0.1
  done
  cat "$home/redis.log" >&2
  exit 1
}

[[ -n ${BELFRY_TEST_POSTGRES_URL:-} ]] || start_postgres
[[ -n ${BELFRY_TEST_REDIS_URL:-} ]] || start_redis
"$@"
