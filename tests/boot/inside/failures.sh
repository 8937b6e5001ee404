# Checks: an invalid file, a missing secret, a stuck, killed or stopped daemon.

FAILURES=(
    a_reload_applies_a_valid_file
    a_hook_runs_a_program_that_the_unit_permits
    a_reload_of_an_invalid_file_keeps_the_old_configuration_and_reports_it
    a_missing_credential_is_reported
    the_watchdog_replaces_a_stuck_daemon
    a_daemon_that_is_killed_repeatedly_is_always_restarted
    a_hung_journal_stops_nothing
    a_stop_during_a_run_takes_five_seconds_at_most
    an_invalid_configuration_is_not_restarted
)

a_reload_applies_a_valid_file() {
    local pid
    pid=$(shown MainPID)
    slow_at 0.5
    systemctl reload rollbook.service || return 1
    within 10 grep -q '"slow"' /run/rollbook/status.json && is MainPID "$pid" && is ActiveState active
}

# As docs/reference/hooks.md says it.
a_hook_runs_a_program_that_the_unit_permits() {
    local found
    mkdir -p /usr/local/lib/rollbook
    printf '#!/bin/sh\nset -eu\n{ echo "$(id -un) $ROLLBOOK_JOB"; cat; } >/var/lib/rollbook/told\n' >/usr/local/lib/rollbook/import-roster
    chmod 755 /usr/local/lib/rollbook/import-roster
    printf '[Service]\nExecPaths=/usr/local/lib/rollbook /usr/bin/sh /usr/bin/cat /usr/bin/id\n' | drop_in programs || return 1
    cp /etc/rollbook/rollbook.toml before
    cat >>/etc/rollbook/rollbook.toml <<'TOML'
[hooks.import_roster]
program = "/usr/local/lib/rollbook/import-roster"
after   = ["quick"]
changes = true
TOML
    systemctl restart rollbook.service && rollbook --state /var/lib/rollbook check || return 1
    within 10 query_returns "SELECT count(*) FROM rollbook_hooks" 1 || return 1
    # The next run brings the row back.
    sqlite3 /var/lib/rollbook/mirror.db ".timeout 10000" "DELETE FROM webuntis_users WHERE rowid = (SELECT max(rowid) FROM webuntis_users)" || return 1
    within 20 grep -q '"change":"added"' /var/lib/rollbook/told
    found=$?
    rollbook --state /var/lib/rollbook hooks
    grep -q '^rollbook quick$' /var/lib/rollbook/told || found=1
    cp before /etc/rollbook/rollbook.toml
    rm /etc/systemd/system/rollbook.service.d/programs.conf
    systemctl daemon-reload
    systemctl restart rollbook.service || return 1
    return $found
}

a_reload_of_an_invalid_file_keeps_the_old_configuration_and_reports_it() {
    local pid runs
    pid=$(shown MainPID)
    cp /etc/rollbook/jobs/quick.toml good
    sed -i 's/^schedule/schedul/' /etc/rollbook/jobs/quick.toml
    systemctl reload rollbook.service
    within 10 status_contains "the configuration on disk was refused" || return 1
    status_contains "quick.toml:3: " && is MainPID "$pid" && is ActiveState active || return 1
    rollbook --state /var/lib/rollbook status 2>&1 | grep -qF "quick.toml:3: " || return 1
    journalctl --unit=rollbook --priority=err | grep -q 'the old one stays' || return 1
    runs=$(mirror "SELECT count(*) FROM rollbook_runs WHERE job = 'quick'")
    within 10 query_returns "SELECT count(*) > $runs FROM rollbook_runs WHERE job = 'quick'" 1 || return 1
    cp good /etc/rollbook/jobs/quick.toml
    systemctl reload rollbook.service
    within 10 status_lacks refused
}

a_missing_credential_is_reported() {
    mv /etc/rollbook/webuntis_password.cred kept
    systemctl restart rollbook.service && is ActiveState active || return 1
    within 20 query_returns "SELECT outcome FROM rollbook_runs WHERE job = 'quick' ORDER BY run DESC LIMIT 1" parked
    local found=$?
    mirror "SELECT message FROM rollbook_runs WHERE job = 'quick' ORDER BY run DESC LIMIT 1"
    mv kept /etc/rollbook/webuntis_password.cred
    systemctl restart rollbook.service && rollbook --state /var/lib/rollbook resume quick || return 1
    within 20 query_returns "SELECT outcome FROM rollbook_runs WHERE job = 'quick' ORDER BY run DESC LIMIT 1" ok || return 1
    return $found
}

the_watchdog_replaces_a_stuck_daemon() {
    local pid
    printf '[Service]\nWatchdogSec=3s\n' | drop_in watchdog || return 1
    systemctl restart rollbook.service || return 1
    pid=$(shown MainPID)
    kill -STOP "$pid"
    within 20 pid_is_new "$pid" || return 1
    journalctl --unit=rollbook | grep -q "Watchdog timeout" || return 1
    journalctl --unit=rollbook | grep -q "Failed with result 'watchdog'" || return 1
    is NRestarts 1
}

a_daemon_that_is_killed_repeatedly_is_always_restarted() {
    local pid count
    printf '[Service]\nRestartSec=100ms\n' | drop_in watchdog || return 1
    systemctl restart rollbook.service || return 1
    # More often than systemd permits by default.
    for count in 1 2 3 4 5 6 7; do
        pid=$(shown MainPID)
        kill -KILL "$pid"
        within 10 pid_is_new "$pid" || return 1
    done
    is NRestarts 7 && query_returns "PRAGMA integrity_check" ok
}

a_hung_journal_stops_nothing() {
    local journal end=0
    journal=$(systemctl show --property=MainPID --value systemd-journald.service)
    kill -STOP "$journal"
    # As many lines as its socket accepts, and one that blocks.
    timeout 5 bash -c 'while echo MESSAGE=full | logger --journald; do :; done'
    timeout 15 systemctl restart rollbook.service && is ActiveState active || end=1
    kill -CONT "$journal"
    return $end
}

a_stop_during_a_run_takes_five_seconds_at_most() {
    local begun took
    within 30 slow_reads users || return 1
    begun=$(date +%s%N)
    systemctl stop rollbook.service
    took=$((($(date +%s%N) - begun) / 1000000))
    echo "it took $took ms"
    [ "$took" -le 5000 ] && is Result success && is ExecMainStatus 0 || return 1
    [ ! -e /run/rollbook/status.json ] && query_returns "PRAGMA integrity_check" ok || return 1
    query_returns "SELECT outcome FROM rollbook_runs WHERE job = 'slow' ORDER BY run DESC LIMIT 1" interrupted
}

an_invalid_configuration_is_not_restarted() {
    sed -i 's/^schedule/schedul/' /etc/rollbook/jobs/quick.toml
    ! systemctl start rollbook.service || { echo "it reported ready"; return 1; }
    # If systemd restarted it, the state would be activating and not failed.
    is ActiveState failed && is ExecMainStatus 78 && is NRestarts 0 || return 1
    journalctl --unit=rollbook --lines=30 | grep -qF "quick.toml:3:1" || return 1
    cp good /etc/rollbook/jobs/quick.toml
    systemctl start rollbook.service
}
