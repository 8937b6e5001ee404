# Checks: the commands of README and docs/reference/packages.md in their order, by root, and then the service.

FIRST_HOUR=(
    the_package_installs
    the_documented_commands_are_these
    systemd_accepts_the_unit
    init_writes_a_configuration
    the_credential_is_made_as_init_says
    check_signs_in_and_leaves_nothing
    a_dry_run_leaves_nothing
    sync_fills_the_mirror
    every_command_of_root_leaves_files_of_the_service
    root_follows_no_link_of_the_service
    other_users_are_told_who_may
    the_service_starts_after_them
    a_wrong_owner_is_reported_and_heals
    a_credential_file_of_root_is_reported
    init_adds_a_second_source
)

STATE=/var/lib/rollbook

the_package_installs() {
    dpkg --install now.deb || return 1
    # What the unit and the files in /etc refer to.
    local file
    for file in doc/rollbook/reference/service.md doc/rollbook/examples/jobs man/man5/rollbook-job.5.gz \
        man/man7/rollbook-service.7.gz man/man7/rollbook-people.7.gz; do
        [ -e "/usr/share/$file" ] || { echo "/usr/share/$file is missing"; return 1; }
    done
    id rollbook && /usr/bin/rollbook --version
}

# What packages.md documents, in its order. A command that is added there needs a check here.
the_documented_commands_are_these() {
    local page=/usr/share/doc/rollbook/reference/packages.md
    sed -n '/^```console/,/^```/s/^[#$] \(.*[^ ]\)$/\1/p' "$page" | sed 's/  *# .*//' >documented
    diff - documented <<'COMMANDS'
apt install ./rollbook_0.1.0-1_amd64.deb
rollbook init
rollbook init webuntis
rollbook check --online
systemctl restart rollbook
rollbook login wisenet
rollbook status
systemd-ask-password -n | systemd-creds encrypt --name=webuntis_password - /etc/rollbook/webuntis_password.cred
install -D -m 644 /etc/rollbook/credentials.conf /etc/systemd/system/rollbook.service.d/credentials.conf
systemctl daemon-reload
systemd-ask-password -n | install -D -o rollbook -m 600 /dev/stdin /etc/rollbook/credentials/webuntis_password
COMMANDS
}

systemd_accepts_the_unit() {
    # Any text is a complaint: it exits with 0 after a line that it ignores. The missing manual of a minimal Debian does not count.
    local output
    output=$(systemd-analyze verify --man=no rollbook.service 2>&1)
    [ -z "$output" ] || { echo "$output"; return 1; }
    systemd-analyze security --offline=true --threshold=12 --no-pager rollbook.service
}

init_writes_a_configuration() {
    rollbook init | grep -q webuntis || return 1
    rollbook init webuntis || return 1
    rollbook check 2>&1 | grep -q 'invented values: `tenant`, `client_id`' || return 1
    # The simulated vendor knows the school that init invents.
    sed -i '/^tenant = "4711"/a api_url = "http://127.0.0.1:9100"' /etc/rollbook/rollbook.toml
    grep -q 9100 /etc/rollbook/rollbook.toml
}

# The lines of the comments in rollbook.toml and of packages.md; only the password comes from a file.
the_credential_is_made_as_init_says() {
    local line
    line=$(sed -n 's/^#   systemd-ask-password -n | \(systemd-creds .*\)$/\1/p' /etc/rollbook/rollbook.toml)
    [ -n "$line" ] || return 1
    # With the host's key, as on a machine without a TPM.
    bash -c "${line/encrypt/encrypt --with-key=host}" <secret || return 1
    install -D -m 644 /etc/rollbook/credentials.conf /etc/systemd/system/rollbook.service.d/credentials.conf || return 1
    systemctl daemon-reload
}

is_empty() {
    [ -z "$(ls -A "$1")" ] || { ls -lA "$1"; return 1; }
}

signs_in() {
    rollbook check --online >out 2>&1
    grep -q '^1 of 1 source can be read' out || { cat out; return 1; }
}

check_signs_in_and_leaves_nothing() {
    rollbook check >out 2>&1 || { cat out; return 1; }
    signs_in && is_empty $STATE
}

a_dry_run_leaves_nothing() {
    rollbook sync --dry-run || return 1
    is_empty $STATE
}

all_of_the_service() {
    local others
    others=$(find $STATE ! -user rollbook)
    [ -z "$others" ] || { ls -ld $others; return 1; }
}

sync_fills_the_mirror() {
    rollbook sync || return 1
    [ "$(mirror 'SELECT count(*) FROM webuntis_users')" -gt 100 ] && all_of_the_service
}

every_command_of_root_leaves_files_of_the_service() {
    local line backup
    for line in status tokens runs jobs streams "why webuntis_users 1" "runs show 1 --rows" "login webuntis" "backup" "verify" "reset webuntis users" \
        "resume webuntis" "sync webuntis --full" "check --online" "logout webuntis" "alerts test" "approve 1"; do
        # Some have nothing to do and say so; none may leave a file that the service cannot open.
        # shellcheck disable=SC2086
        rollbook $line >out 2>&1
        local code=$?
        case $line:$code in
        approve*:[12] | "runs show 1 --rows":1 | login*:[12] | "alerts test":2 | why*:1 | logout*:[012] | *:0) ;;
        *) echo "rollbook $line: $code"; cat out; return 1 ;;
        esac
        all_of_the_service || { echo "after rollbook $line"; return 1; }
    done
    backup=$(find $STATE/backups -name 'mirror-*.db' | head -n 1)
    rollbook restore "$backup" && all_of_the_service
}

# A program that writes as the service must not be able to direct root to other files.
root_follows_no_link_of_the_service() {
    local name before
    echo private >/root/private
    chmod 600 /root/private
    before=$(stat --format='%a %U %s' /root/private)
    for name in rollbook.lock vault.db-wal sandbox.json; do
        rm -f "$STATE/$name"
        ln -s /root/private "$STATE/$name"
        rollbook sync >out 2>&1
        rollbook tokens >>out 2>&1
        rm -f "$STATE/$name"
        [ "$(stat --format='%a %U %s' /root/private)" = "$before" ] && ! grep -q private out || {
            cat out
            return 1
        }
    done
    rollbook sync && all_of_the_service
}

as_other() {
    setpriv --reuid=65534 --regid="$1" --clear-groups rollbook "${@:2}" 2>&1
}

other_users_are_told_who_may() {
    local line output group
    group=$(getent group rollbook | cut -d: -f3)
    for line in "65534 status" "65534 sync" "$group alerts test" "$group status"; do
        # shellcheck disable=SC2086
        output=$(as_other $line)
        [ $? = 77 ] || { echo "$line: $output"; return 1; }
        grep -q "belongs to rollbook:rollbook with mode 0700, and you are" <<<"$output" &&
            grep -q "sudo rollbook ${line#* }" <<<"$output" || { echo "$line: $output"; return 1; }
    done
}

the_service_starts_after_them() {
    systemctl restart rollbook.service || return 1
    is ActiveState active && is NRestarts 0 || return 1
    # Beside the running service too.
    rollbook backup && rollbook status && all_of_the_service
}

a_wrong_owner_is_reported_and_heals() {
    systemctl stop rollbook.service
    printf '[Service]\nRestartSec=1s\n' | drop_in soon || return 1
    chown root: $STATE/mirror.db
    ! systemctl start rollbook.service || return 1
    journalctl --unit=rollbook --lines=30 |
        grep -q "mirror.db: could not .*: it belongs to root:root with mode 0600, and this process runs as rollbook; run \`chown -R rollbook: $STATE\`" || {
        journalctl --unit=rollbook --lines=30
        return 1
    }
    chown -R rollbook: $STATE
    # systemd tries again by itself.
    within 10 is ActiveState active
}

a_credential_file_of_root_is_reported() {
    systemctl stop rollbook.service
    rm /etc/systemd/system/rollbook.service.d/credentials.conf
    mv /etc/rollbook/webuntis_password.cred kept
    systemctl daemon-reload
    rollbook check 2>&1 | tee out | grep -q 'chown rollbook: /etc/rollbook/credentials/webuntis_password' || { cat out; return 1; }
    install -D -m 600 secret /etc/rollbook/credentials/webuntis_password
    rollbook check 2>&1 | tee out | grep -q 'belongs to root:root with mode 0600, and this process runs as rollbook' || { cat out; return 1; }
    chown rollbook: /etc/rollbook/credentials/webuntis_password
    signs_in || return 1
    # As documented; only the password comes from a file.
    rm /etc/rollbook/credentials/webuntis_password
    install -D -o rollbook -m 600 /dev/stdin /etc/rollbook/credentials/webuntis_password <secret || return 1
    signs_in || return 1
    rm /etc/rollbook/credentials/webuntis_password kept
}

# A source is added at the end, its secret may be a file beside encrypted ones, and the same name is refused.
init_adds_a_second_source() {
    local size
    size=$(stat --format=%s /etc/rollbook/rollbook.toml)
    cp /etc/rollbook/rollbook.toml kept.toml
    rollbook init webuntis --no-input >out 2>&1
    [ $? = 1 ] && grep -q -- '--name webuntis_2' out || { cat out; return 1; }
    rollbook init wisenet --no-input --set region=NZ --set client_id=us || return 1
    head --bytes="$size" /etc/rollbook/rollbook.toml | cmp - kept.toml || return 1
    grep -q '^LoadCredentialEncrypted=wisenet_client_secret:/etc/rollbook/' /etc/rollbook/credentials.conf || return 1
    rollbook check 2>&1 | grep -q '^2 sources, 3 jobs' || return 1
    rm /etc/rollbook/jobs/wisenet_*.toml
    mv kept.toml /etc/rollbook/rollbook.toml
}
