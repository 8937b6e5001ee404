#!/usr/bin/env bash
# Runs in the container: every proof in order, one line each, and the total.
set -u
cd /boot-test
# shellcheck source=tests/boot/inside/tools.sh
. ./tools.sh
. ./starting.sh
. ./trouble.sh
. ./packaging.sh
exec >report 2>&1

begin_sandbox || echo "# the sandbox did not start"
# The order matters: each proof finds what the one before left.
for proof in "${STARTING[@]}" "${TROUBLE[@]}" "${PACKAGING[@]}"; do
    prove "$proof"
done
journalctl --no-pager --output=short-monotonic >journal
echo "$passed passed, $failed failed"
