#!/usr/bin/env bash
# Installs the named tools where they are missing: cc, postgres, redis, chromium, dkim with apt, and those of
# scripts/tools.txt and scripts/fuzz.txt from PyPI into target/tools and target/fuzz, and the OpenID Connect provider of
# tests/oidc (oidc) from npm.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=()
lists=()
provider=""
for tool in "$@"; do
  case $tool in
    cc) command -v cc >/dev/null || packages+=(build-essential) ;;
    postgres) compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || packages+=(postgresql) ;;
    redis) command -v redis-server >/dev/null || packages+=(redis-server) ;;
    chromium) [[ -x ${CHROMIUM:-/usr/bin/chromium} ]] || packages+=(chromium) ;;
    dkim) /usr/bin/python3 -c 'import dkim, nacl' 2>/dev/null || packages+=(python3-dkim python3-nacl) ;;
    tools | fuzz)
      # What stands there is what the list names.
      cmp -s "scripts/$tool.txt" "target/$tool/installed.txt" && continue
      lists+=("$tool")
      python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3-venv)
      ;;
    oidc) cmp -s tests/oidc/package-lock.json tests/oidc/node_modules/installed.json || provider=yes ;;
    *) echo "install.sh: unknown tool $tool" >&2; exit 2 ;;
  esac
done

if [[ ${#packages[@]} -gt 0 ]]; then
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
fi

for list in "${lists[@]}"; do
  echo "Installing the tools of scripts/$list.txt"
  rm -rf "target/$list"
  python3 -m venv "target/$list"
  "target/$list/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --require-hashes --requirement "scripts/$list.txt"
  cp "scripts/$list.txt" "target/$list/installed.txt"
done

if [[ -n $provider ]]; then
  echo "Installing the provider of tests/oidc"
  (cd tests/oidc && npm ci --no-audit --no-fund --silent && cp package-lock.json node_modules/installed.json)
fi
