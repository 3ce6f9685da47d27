#!/usr/bin/env bash
# Works out domain/tests/zones/zones.txt anew, the clock changes and slots that the tests compare ours with:
#
#   scripts/zones.sh           writes it
#   scripts/zones.sh --check   says whether it is what would be written
#
# After an update of chrono-tz, set RELEASE and PACKAGE in generate.py to its IANA release first.
set -euo pipefail
cd "$(dirname "$0")/.."

package=$(sed -n 's/^PACKAGE = "\(.*\)"/\1/p' domain/tests/zones/generate.py)
home=$(mktemp -d "${TMPDIR:-/tmp}/belfry-zones.XXXXXX")
trap 'rm -rf "$home"' EXIT
python3 -m venv "$home"
"$home/bin/pip" install --quiet --disable-pip-version-check "tzdata==$package"
"$home/bin/python" domain/tests/zones/generate.py "$@"
