# Checks: upgrade, remove and purge, as Debian's admins expect them.

PACKAGING=(
    an_upgrade_during_a_run_keeps_the_mirror_and_continues
    a_removed_package_leaves_configuration_and_mirror
    a_purge_deletes_configuration_and_mirror
)

an_upgrade_during_a_run_keeps_the_mirror_and_continues() {
    local pid users
    within 30 slow_reads users || return 1
    users=$(mirror "SELECT count(*) FROM webuntis_users")
    pid=$(shown MainPID)
    dpkg --install --force-confold later.deb || return 1
    within 20 pid_is_new "$pid" || return 1
    query_returns "SELECT count(*) FROM webuntis_users" "$users" && query_returns "PRAGMA integrity_check" ok || return 1
    query_returns "SELECT count(*) > 0 FROM rollbook_runs WHERE job = 'slow' AND outcome = 'interrupted'" 1 || return 1
    grep -q 'sources.slow' /etc/rollbook/rollbook.toml || { echo "the admin's configuration is removed"; return 1; }
    # The interrupted reading is completed, at the vendor's full speed.
    slow_at 100
    systemctl reload rollbook.service
    within 60 query_returns "SELECT outcome FROM rollbook_runs WHERE job = 'slow' AND ended IS NOT NULL ORDER BY run DESC LIMIT 1" ok || return 1
    query_returns "SELECT count(*) FROM slow_users" "$users"
}

a_removed_package_leaves_configuration_and_mirror() {
    dpkg --remove rollbook || return 1
    is ActiveState inactive || return 1
    ! systemctl --quiet is-active rollbook-web.socket || { echo "the page's socket is open"; return 1; }
    ! systemctl --quiet is-active rollbook-oneroster.socket rollbook-oneroster.service || { echo "rosters are served"; return 1; }
    [ ! -e /usr/bin/rollbook ] && [ -e /etc/rollbook/rollbook.toml ] || return 1
    query_returns "PRAGMA integrity_check" ok
}

a_purge_deletes_configuration_and_mirror() {
    dpkg --purge rollbook || return 1
    [ ! -e /etc/rollbook ] && [ ! -e /var/lib/rollbook ] && [ ! -e /var/lib/rollbook-report ] || return 1
    ! systemctl cat rollbook.service 2>/dev/null | grep -q ExecStart=
}
