#!/usr/bin/env bash
# Checks `rollbook serve oneroster` by the contract: school.toml is served over the mirror of a simulated vendor.
#
#   tests/oneroster/demo.sh [PROGRAM]
#
# PROGRAM is target/debug/rollbook unless another one is named. See run.sh for what it needs.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
program=${1:-"$here/../../target/debug/rollbook"}
command -v python3 >/dev/null || { echo "skipped: python3 is missing"; [ "${ROLLBOOK_ONEROSTER-}" != must ]; exit; }
folder=$(mktemp -d "${TMPDIR:-/tmp}/rollbook-oneroster.XXXXXX")
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$folder"' EXIT

# Below the ports that the kernel gives to other sockets.
port=$(python3 - <<'EOF'
import socket
for port in range(21000, 30000, 10):
    with socket.socket() as one:
        if one.connect_ex(("127.0.0.1", port)) and not one.close():
            print(port)
            break
EOF
)
wait_for() { # FILE TEXT
    for _ in $(seq 300); do
        ! grep -q "$2" "$1" 2>/dev/null || return 0
        sleep 0.1
    done
    cat "$1"
    exit 1
}

"$program" sandbox --init "$folder/school" --port "$port" >"$folder/vendors" 2>&1 &
wait_for "$folder/vendors" "Ctrl-C stops"
rollbook() { "$program" --config "$folder/school" "$@"; }
rollbook sync webuntis >/dev/null
mkdir -p "$folder/school/exports"
cp "$here/school.toml" "$folder/school/exports/"
rollbook export school >"$folder/exported"
client() { # NAME SCOPES
    rollbook serve client "$1" >"$folder/$1"
    sed -n '/^\[clients/,/^secret_sha256/p' "$folder/$1"
    echo "scopes = [$2]"
}
secret() { sed -n 's/^client secret  *//p' "$folder/$1"; }
{
    echo 'bundle = "school"'
    client all '"roster.readonly", "roster-demographics.readonly"'
    client few '"roster-core.readonly"'
} >"$folder/school/oneroster.toml"
rollbook check >/dev/null
rollbook serve oneroster --listen 127.0.0.1:0 --log text >/dev/null 2>"$folder/served" &
wait_for "$folder/served" "OneRoster service on"
origin=$(sed -n 's/.*OneRoster service on \(http[^ ]*\)\/$/\1/p' "$folder/served")

ROLLBOOK_ONEROSTER=${ROLLBOOK_ONEROSTER-} "$here/run.sh" "$origin/ims/oneroster/v1p1" "$origin/token" all "$(secret all)" \
    --limited few "$(secret few)" --absent ""
