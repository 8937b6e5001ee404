#!/usr/bin/env bash
# Runs in the container: every check in order, one line each, and the total.
set -u
cd /boot-test
# shellcheck source=tests/boot/inside/tools.sh
. ./tools.sh
. ./first_hour.sh
. ./starting.sh
. ./page.sh
. ./oneroster.sh
. ./failures.sh
. ./packaging.sh
exec >report 2>&1

begin_sandbox || echo "# the sandbox did not start"
# The order matters: each check starts from the state that the previous one left.
for proof in "${FIRST_HOUR[@]}" "${STARTING[@]}" "${PAGE[@]}" "${ONEROSTER[@]}" "${FAILURES[@]}" "${PACKAGING[@]}"; do
    check "$proof"
done
journalctl --no-pager --output=short-monotonic >journal
echo "$passed passed, $failed failed"
