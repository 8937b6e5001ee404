# Checks: the commands of docs/reference/oneroster-service.md in their order, by root, and that the service is confined.

ONEROSTER=(
    the_units_of_the_oneroster_service_are_accepted
    the_documented_commands_make_a_bundle_that_is_served
    the_documented_commands_name_a_client
    the_documented_requests_are_answered_by_the_socket
    the_oneroster_service_is_confined
    the_oneroster_service_serves_while_the_daemon_is_stopped
    the_oneroster_service_ends_with_a_wrong_file
)

ROSTER_PAGE=/usr/share/doc/rollbook/reference/oneroster-service.md

# The commands of a section of the page that begin with this sign.
documented() {
    sed -n "/^## $1\$/,/^## /{/^\`\`\`console/,/^\`\`\`/s/^$2 //p}" "$ROSTER_PAGE"
}

roster_shown() {
    systemctl show --property="$1" --value rollbook-oneroster.service
}

the_units_of_the_oneroster_service_are_accepted() {
    local output
    output=$(systemd-analyze verify --man=no rollbook-oneroster.socket rollbook-oneroster.service 2>&1)
    [ -z "$output" ] || { echo "$output"; return 1; }
    systemd-analyze security --offline=true --threshold=3 --no-pager rollbook-oneroster.service || return 1
    ! systemctl --quiet is-enabled rollbook-oneroster.socket || { echo "the package enabled it"; return 1; }
}

the_documented_commands_make_a_bundle_that_is_served() {
    local line
    documented 'Turn it on' '#' >commands
    diff - commands <<'COMMANDS'
cp /usr/share/doc/rollbook/examples/exports/oneroster_1_1.toml .
sed -i 's/^to = .*/mode = "served"/' oneroster_1_1.toml
sed -i 's/^class_type = ""/class_type = "scheduled"/' oneroster_1_1.toml
sed -i 's/^enabled_user = ""/enabled_user = "true"/' oneroster_1_1.toml
install -D -m 644 -t /etc/rollbook/exports oneroster_1_1.toml
systemctl reload rollbook
rollbook check
rollbook export oneroster_1_1 --dry-run
rollbook export oneroster_1_1
rollbook serve client library
editor /etc/rollbook/oneroster.toml
rollbook check
systemctl enable --now rollbook-oneroster.socket
COMMANDS
    [ $? = 0 ] || return 1
    while read -r line; do
        case $line in
        # The daemon reads its files again a moment after it is told.
        "rollbook export oneroster_1_1") within 10 $line || { $line; return 1; } ;;
        "rollbook serve client"*) return 0 ;;
        *) bash -c "$line" || { echo "$line"; return 1; } ;;
        esac
    done <commands
    return 1
}

the_documented_commands_name_a_client() {
    rollbook serve client library >client || return 1
    { echo 'bundle = "oneroster_1_1"'; echo; sed -n '/^\[clients/,/^scopes/p' client; } >/etc/rollbook/oneroster.toml
    # What the page shows, with another hash.
    sed -n '/^```toml/,/^```/{/^```/d;p}' "$ROSTER_PAGE" | sed '/^scopes/q; s/"[0-9a-f]\{64\}"/""/' >shown
    sed 's/"[0-9a-f]\{64\}"/""/' /etc/rollbook/oneroster.toml | diff shown - || return 1
    rollbook check >out 2>&1 || { cat out; return 1; }
    systemctl enable --now rollbook-oneroster.socket || return 1
    [ "$(roster_shown MainPID)" = 0 ] || { echo "it runs although no one has asked"; return 1; }
}

# As documented; curl asks for the secret, here on standard input.
the_documented_requests_are_answered_by_the_socket() {
    documented 'Try it' '\$' >requests
    [ "$(wc -l <requests)" = 2 ] || { cat requests; return 1; }
    sed -n 's/^client secret  *//p' client | bash -c ". ./requests" >reply || { cat reply; return 1; }
    grep -q '^HTTP/1.1 200' reply && grep -q '"sourcedId"' reply || { cat reply; return 1; }
    [ "$(sed -n 's/^x-total-count: \([0-9]*\).*/\1/p' reply)" = "$(mirror 'SELECT count(*) FROM webuntis_users')" ] || { cat reply; return 1; }
}

the_oneroster_service_is_confined() {
    local pid state file
    pid=$(roster_shown MainPID)
    grep -q '^Seccomp:[[:space:]]*2$' "/proc/$pid/status" && grep -q '^CapEff:[[:space:]]*0000000000000000$' "/proc/$pid/status" || {
        cat "/proc/$pid/status"
        return 1
    }
    [ "$(stat --format=%U "/proc/$pid")" = rollbook ] || return 1
    [ "$(tail -n +3 "/proc/$pid/net/dev" | grep -vc '^ *lo:')" = 0 ] || { cat "/proc/$pid/net/dev"; return 1; }
    # It sees empty files and folders in place of these, and can open none.
    state=/proc/$pid/root/var/lib/rollbook
    for file in "$state/vault.db" "/proc/$pid/root/etc/rollbook/credentials" "/proc/$pid/root/run/rollbook"; do
        [ "$(stat --format=%a "$file")" = 0 ] || { stat "$file"; return 1; }
    done
    grep -E '^Vm(RSS|HWM)' "/proc/$pid/status"
}

the_oneroster_service_serves_while_the_daemon_is_stopped() {
    local pid
    pid=$(roster_shown MainPID)
    systemctl restart rollbook.service && [ "$(roster_shown MainPID)" = "$pid" ] || { echo "the daemon restarted it"; return 1; }
    systemctl stop rollbook.service rollbook-oneroster.service || return 1
    # No process has the mirror open, so its index is made anew.
    [ ! -e /var/lib/rollbook/mirror.db-shm ] || sqlite3 /var/lib/rollbook/mirror.db "SELECT 1" >/dev/null
    the_documented_requests_are_answered_by_the_socket || return 1
    systemctl start rollbook.service || return 1
    # What it left is the service's.
    all_of_the_service && the_documented_requests_are_answered_by_the_socket
}

the_oneroster_service_ends_with_a_wrong_file() {
    cp /etc/rollbook/oneroster.toml kept
    sed -i 's/^bundle/bundel/' /etc/rollbook/oneroster.toml
    ! systemctl restart rollbook-oneroster.service || { echo "it reported ready"; return 1; }
    # If systemd restarted it, the state would be activating and not failed.
    [ "$(roster_shown ActiveState) $(roster_shown ExecMainStatus) $(roster_shown NRestarts)" = "failed 78 0" ] || return 1
    journalctl --unit=rollbook-oneroster --lines=20 | grep -qF 'unknown key `bundel`' || return 1
    cp kept /etc/rollbook/oneroster.toml
    systemctl restart rollbook-oneroster.socket rollbook-oneroster.service && the_documented_requests_are_answered_by_the_socket
}
