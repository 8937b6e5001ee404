# Checks: the status page starts at the first connection, sees what it needs, and is confined.

PAGE=(
    the_units_of_the_page_are_accepted
    the_page_is_served_by_its_socket
    the_page_is_confined
    the_page_reads_its_configuration
    the_report_is_written_by_its_timer
)

# A reply of the page.
page_reply() {
    local method=$1 path=$2
    (
        exec 3<>/dev/tcp/127.0.0.1/8181 || exit 1
        printf '%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n' "$method" "$path" >&3
        timeout 10 cat <&3
    )
}

# Whether a path has this status, and this text in its reply.
page_has() {
    page_reply "${4:-GET}" "$1" >reply
    head -n 1 reply | grep -qF " $2 " && grep -qaF -- "$3" reply || { echo "$1:"; cat reply; return 1; }
}

page_pid() {
    systemctl show --property=MainPID --value rollbook-web.service
}

the_units_of_the_page_are_accepted() {
    local output
    output=$(systemd-analyze verify --man=no rollbook-web.socket rollbook-web.service rollbook-report.timer rollbook-report.service 2>&1)
    [ -z "$output" ] || { echo "$output"; return 1; }
    systemd-analyze security --offline=true --threshold=3 --no-pager rollbook-web.service &&
        systemd-analyze security --offline=true --threshold=3 --no-pager rollbook-report.service
}

the_page_is_served_by_its_socket() {
    ! systemctl --quiet is-enabled rollbook-web.socket || { echo "the package enabled it"; return 1; }
    systemctl enable --now rollbook-web.socket || return 1
    [ "$(page_pid)" = 0 ] || { echo "it runs although no one has asked"; return 1; }
    page_has /healthz 200 ok && page_has / 200 '<html' && page_has /metrics 200 '# EOF' && page_has /icon.svg 200 '<svg' || return 1
    page_has /status.json 200 '"quick"' && page_has /no/such/page 404 html
}

the_page_is_confined() {
    local pid status
    pid=$(page_pid)
    status=/proc/$pid/status
    grep -q '^Seccomp:[[:space:]]*2$' "$status" && grep -q '^CapEff:[[:space:]]*0000000000000000$' "$status" || {
        cat "$status"
        return 1
    }
    [ "$(tail -n +3 "/proc/$pid/net/dev" | grep -vc '^ *lo:')" = 0 ] || { cat "/proc/$pid/net/dev"; return 1; }
    # Of the mirror's folder and the configuration it sees nothing.
    [ ! -e "/proc/$pid/root/var/lib/rollbook" ] && [ ! -e "/proc/$pid/root/etc/rollbook/rollbook.toml" ] || return 1
    grep '^VmRSS' "$status"
    [ "$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "$status")" -le 14000 ]
}

the_page_reads_its_configuration() {
    echo 'webhooks = false' >/etc/rollbook/web.toml
    rollbook check >out 2>&1 || { cat out; return 1; }
    page_has /webhooks/none 404 unknown POST || return 1
    systemctl restart rollbook-web.service && page_has /webhooks/none 405 'allow: GET, HEAD' POST || return 1
    echo 'listem = "127.0.0.1:1"' >/etc/rollbook/web.toml
    ! systemctl restart rollbook-web.service || { echo "it reported ready"; return 1; }
    journalctl --unit=rollbook-web --lines=20 | grep -qF 'unknown key `listem`' || return 1
    rm /etc/rollbook/web.toml
    systemctl restart rollbook-web.service && page_has /healthz 200 ok
}

the_report_is_written_by_its_timer() {
    local report=/var/lib/rollbook-report/index.html
    ! systemctl --quiet is-enabled rollbook-report.timer || { echo "the package enabled it"; return 1; }
    systemctl enable --now rollbook-report.timer || return 1
    systemctl list-timers --no-legend rollbook-report.timer | grep -q rollbook-report.service || return 1
    systemctl start rollbook-report.service || { journalctl --unit=rollbook-report --lines=20; return 1; }
    grep -q '<svg' "$report" && grep -q quick "$report" || { cat "$report"; return 1; }
    [ "$(stat -c '%U %a' "$report")" = 'rollbook 644' ] || { ls -l "$report"; return 1; }
    # The service of the mirror can still write what the report touched.
    rollbook sync quick && systemctl --quiet is-active rollbook.service && systemctl disable --now rollbook-report.timer # the page stays for the purge
}
