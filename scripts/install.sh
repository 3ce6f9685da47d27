#!/usr/bin/env bash
# Installs the named tools with apt where they are missing: cc, postgres, redis, chromium.
set -euo pipefail

packages=()
for tool in "$@"; do
  case $tool in
    cc) command -v cc >/dev/null || packages+=(build-essential) ;;
    postgres) compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || packages+=(postgresql) ;;
    redis) command -v redis-server >/dev/null || packages+=(redis-server) ;;
    chromium) [[ -x ${CHROMIUM:-/usr/bin/chromium} ]] || packages+=(chromium) ;;
    *) echo "install.sh: unknown tool $tool" >&2; exit 2 ;;
  esac
done
[[ ${#packages[@]} -eq 0 ]] && exit 0

echo "Installing ${packages[*]}"
as_root=()
if [[ $(id -u) -ne 0 ]]; then
  command -v sudo >/dev/null || {
    echo "install.sh: please install ${packages[*]}, or run this as root or with sudo" >&2
    exit 1
  }
  as_root=(sudo)
fi
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
