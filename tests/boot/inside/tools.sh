# Helpers of the checks: counting, waiting for a state, and the service's configuration.

passed=0
failed=0

# Runs one check; its output is shown when it fails.
check() {
    local output
    if output=$("$1" 2>&1); then
        passed=$((passed + 1))
        echo "ok ${1//_/ }"
    else
        failed=$((failed + 1))
        echo "not ok ${1//_/ }"
        [ -z "$output" ] || sed 's/^/#   /' <<<"$output"
    fi
}

# Waits until a command succeeds, for this many seconds at most.
within() {
    local limit=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$limit" ] || {
            echo "never so: $*"
            return 1
        }
        sleep 0.1
    done
}

# A property of the service.
shown() {
    systemctl show --property="$1" --value rollbook.service
}

is() {
    [ "$(shown "$1")" = "$2" ] || {
        echo "$1 is $(shown "$1") and not $2"
        return 1
    }
}

status_contains() {
    shown StatusText | grep -qF -- "$1"
}

status_lacks() {
    ! status_contains "$1"
}

pid_is_new() {
    local pid
    pid=$(shown MainPID)
    [ "$pid" != 0 ] && [ "$pid" != "$1" ] && is ActiveState active
}

# A query on the mirror, as an admin runs it.
mirror() {
    sqlite3 -readonly /var/lib/rollbook/mirror.db "$1"
}

query_returns() {
    [ "$(mirror "$1")" = "$2" ]
}

# The state of the job `slow` in the status file, which a run changes to its stream's name.
slow_reads() {
    tr -d ' \n' </run/rollbook/status.json | grep -qF "\"stream\":\"$1\""
}

# The simulated vendors, from a copy of the program that no upgrade or removal changes.
begin_sandbox() {
    local tree=/boot-test/sandbox
    dpkg-deb --fsys-tarfile now.deb | tar -x -C /boot-test ./usr/bin/rollbook
    mv usr/bin/rollbook "$tree"
    systemd-run --quiet --unit=sandbox --property=StandardOutput=file:/boot-test/greeting \
        "$tree" sandbox --port 9100 --students 300
    within 20 grep -q Ctrl-C greeting
    sed -n 's/.* webuntis_password: //p' greeting | tr -d '\n' >secret
}

# A job that ends at once.
configure() {
    mkdir -p /etc/rollbook/jobs
    rm -f /etc/rollbook/jobs/*.toml
    source_at webuntis 100 >/etc/rollbook/rollbook.toml
    job webuntis '*/2 * * * * *' >/etc/rollbook/jobs/quick.toml
}

source_at() {
    cat <<TOML
[sources.$1]
connector = "webuntis"
[sources.$1.settings]
tenant  = "4711"
api_url = "http://127.0.0.1:9100"
[sources.$1.auth]
grant         = "client_credentials"
client_id     = "rollbook"
client_secret = { credential = "webuntis_password" }
[sources.$1.limits]
per_second = $2
TOML
}

job() {
    cat <<TOML
source   = "$1"
streams  = ["academic_sessions", "orgs", "users", "classes", "enrollments"]
schedule = "$2"
apply    = "together"
TOML
}

# Lines for the unit, as an admin adds them.
drop_in() {
    mkdir -p /etc/systemd/system/rollbook.service.d
    cat >"/etc/systemd/system/rollbook.service.d/$1.conf"
    systemctl daemon-reload
}

# Adds a job that needs half a minute; with more requests per second it ends at once.
slow_at() {
    { source_at webuntis 100; source_at slow "$1"; } >/etc/rollbook/rollbook.toml
    job slow '*/2 * * * * *' >/etc/rollbook/jobs/slow.toml
}
