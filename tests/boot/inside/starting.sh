# Checks: the service starts, reads its credential, runs its jobs, and is confined.

STARTING=(
    the_service_reports_ready
    the_credential_is_read
    the_first_run_ends
    no_other_user_can_read_its_files
    the_service_can_execute_no_shell
    the_service_is_confined
    the_journal_has_the_fields
    an_admin_sees_its_status
)

the_service_reports_ready() {
    configure
    # With the host's key, as on a machine without a TPM.
    systemd-creds encrypt --with-key=host --name=webuntis_password secret /etc/rollbook/webuntis_password.cred || return 1
    drop_in test <<'UNIT' || return 1
[Service]
LoadCredentialEncrypted=webuntis_password:/etc/rollbook/webuntis_password.cred
SetCredential=webuntis_password:unset
RestartSec=1s
UNIT
    # The start of a notifying service ends with its notification.
    systemctl restart rollbook.service || return 1
    is Type notify && is ActiveState active && is SubState running && is NRestarts 0
}

the_credential_is_read() {
    local folder=/run/credentials/rollbook.service
    cmp secret "$folder/webuntis_password" || return 1
    ! grep -rqF "$(cat secret)" /etc/rollbook /etc/systemd /usr/lib/systemd || {
        echo "the secret is on the disk in clear text"
        return 1
    }
}

the_first_run_ends() {
    within 30 query_returns "SELECT outcome FROM rollbook_runs WHERE job = 'quick' ORDER BY run LIMIT 1" ok || return 1
    [ "$(mirror 'SELECT count(*) FROM webuntis_users')" -gt 100 ]
}

no_other_user_can_read_its_files() {
    local state=/var/lib/rollbook open
    [ "$(stat --format='%a %U' $state)" = "700 rollbook" ] || { stat $state; return 1; }
    open=$(find $state -type f ! -perm 600)
    [ -z "$open" ] || { ls -l "$open"; return 1; }
    [ -f $state/mirror.db ] && [ -f $state/vault.db ] || return 1
    ! setpriv --reuid=65534 --regid=65534 --clear-groups cat $state/mirror.db
}

# Runs a command as the service: in its own view of the file system.
as_service() {
    nsenter --target "$(shown MainPID)" --mount -- "$@"
}

the_service_can_execute_no_shell() {
    # A shell in the folder of the libraries, as klibc-utils installs one.
    mkdir -p /usr/lib/klibc/bin && cp /bin/dash /usr/lib/klibc/bin/sh || return 1
    as_service /usr/bin/rollbook --version || { echo "not even rollbook"; return 1; }
    local shell refused=0
    for shell in /bin/sh /bin/bash /usr/bin/dash /usr/bin/env /usr/bin/perl /usr/lib/klibc/bin/sh; do
        [ -x "$shell" ] || continue
        ! as_service "$shell" -c true || { echo "$shell was executed"; return 1; }
        # Not by the loader either, which must be executable itself.
        ! as_service /lib64/ld-linux-x86-64.so.2 "$shell" -c true || { echo "$shell was loaded"; return 1; }
        refused=$((refused + 1))
    done
    [ "$refused" -gt 2 ]
}

the_service_is_confined() {
    local status
    status=/proc/$(shown MainPID)/status
    grep -q '^Seccomp:[[:space:]]*2$' "$status" && grep -q '^NoNewPrivs:[[:space:]]*1$' "$status" &&
        grep -q '^CapEff:[[:space:]]*0000000000000000$' "$status" || { cat "$status"; return 1; }
    [ "$(stat --format=%U "/proc/$(shown MainPID)")" = rollbook ] || return 1
    ! as_service touch /etc/rollbook/written && ! as_service ls /home/.
}

the_journal_has_the_fields() {
    local line
    line=$(journalctl --unit=rollbook ROLLBOOK_JOB=quick ROLLBOOK_OUTCOME=ok --output=json --lines=1)
    grep -q '"ROLLBOOK_RUN"' <<<"$line" && grep -q '"PRIORITY":"6"' <<<"$line"
}

an_admin_sees_its_status() {
    rollbook --state /var/lib/rollbook status | tee /dev/stderr | grep -q 'The daemon has been running since'
}
