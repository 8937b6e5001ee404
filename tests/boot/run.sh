#!/usr/bin/env bash
# Boots a small Debian with systemd as process 1, installs the package, and checks the service.
#
#   tests/boot/run.sh PACKAGE.deb
#   tests/boot/run.sh --probe          only whether this machine can boot a container: 0, or 1 with the reason
#
# The container has no network but loopback; the vendors are the sandbox. It needs root, Debian, mmdebstrap and
# systemd-nspawn; where the machine cannot, it prints a message and exits with 0, or with 1 when ROLLBOOK_BOOT=must.
# The bootstrapped root is kept in $ROLLBOOK_BOOT_CACHE, else in a folder of the user's in the temporary one.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=${ROLLBOOK_BOOT_CACHE:-${TMPDIR:-/tmp}/rollbook-boot-$(id -u)}
included=systemd,systemd-sysv,dbus,adduser,ca-certificates,curl,sqlite3
# Longer than any step takes: a boot that hangs ends here.
boot_limit=20s
checks_limit=300s
package=${1:-}

skip() {
    echo "skipped: $*"
    [ "${ROLLBOOK_BOOT:-}" != must ] && [ "$package" != --probe ] || exit 1
    exit 0
}

fail() {
    echo "not ok - $*" >&2
    exit 1
}

last_line() {
    grep -av '^[[:space:]]*$' "$1" | tail -n 1
}

need_tools() {
    [ "$(uname -s)" = Linux ] || skip "containers of systemd are Linux's"
    [ "$(id -u)" = 0 ] || skip "only root can boot a container"
    local tool
    for tool in mmdebstrap systemd-nspawn dpkg-deb tar timeout; do
        command -v "$tool" >/dev/null || skip "$tool is missing (apt-get install mmdebstrap systemd-container)"
    done
    # The binary's C library must be the container's.
    # shellcheck source=/dev/null
    suite=$(. /etc/os-release && [ "$ID" = debian ] && echo "${VERSION_CODENAME:-}") || true
    [ -n "$suite" ] || skip "the program was built on something else than a released Debian"
}

# A minimal Debian with systemd; created once, and again when it must include something else.
make_base() {
    base=$cache/$suite-$(cksum <<<"$included" | cut -d' ' -f1).tar
    [ ! -e "$base" ] || return 0
    mkdir -p "$cache"
    echo "# bootstrapping $suite, a minute or two"
    mmdebstrap --format=tar --variant=essential --include="$included" \
        "$suite" "$base.part" >"$cache/mmdebstrap.log" 2>&1 ||
        skip "no Debian can be bootstrapped here: $(last_line "$cache/mmdebstrap.log")"
    mv "$base.part" "$base"
}

unpack() {
    root=$(mktemp -d "$cache/root.XXXXXX")
    trap 'rm -rf --one-file-system "$root"' EXIT
    tar -xf "$base" -C "$root"
    ln -sf /dev/null "$root/etc/systemd/system/systemd-networkd-wait-online.service"
}

# Has process 1 of the container run a script to its end, and power off.
boot() {
    local script=$1 limit=$2 keep_unit=()
    cat >"$root/etc/systemd/system/boot-test.service" <<UNIT
[Unit]
Description=What the boot test checks
[Service]
Type=oneshot
ExecStart=$script
ExecStopPost=/bin/systemctl --no-block poweroff
UNIT
    mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
    ln -sf ../boot-test.service "$root/etc/systemd/system/multi-user.target.wants/"
# Without systemd on the host no unit can be created for the container.
    [ -d /run/systemd/system ] || keep_unit=(--keep-unit)
    timeout --kill-after=10s "$limit" systemd-nspawn --quiet --directory="$root" --boot --private-network \
        --register=no "${keep_unit[@]}" --machine="rollbook-boot-$$" </dev/null >"$cache/console.log" 2>&1
}

can_boot() {
    boot "/bin/sh -c 'cat /proc/1/comm >/booted'" "$boot_limit" || true
    [ "$(cat "$root/booted" 2>/dev/null)" = systemd ] ||
        skip "this machine cannot boot a container: $(last_line "$cache/console.log")"
}

# The same program as a later version, to upgrade to.
make_upgrade() {
    local tree=$root/tmp-upgrade
    dpkg-deb --raw-extract "$package" "$tree"
    sed -i 's/^Version: .*/&+later/' "$tree/DEBIAN/control"
    dpkg-deb --root-owner-group -Znone --build "$tree" "$root/boot-test/later.deb" >/dev/null
    rm -rf "$tree"
}

[ "$package" = --probe ] || [ -f "$package" ] || fail "there is no package ${package:-named}"
need_tools
make_base
unpack
can_boot
[ "$package" != --probe ] || exit 0
mkdir "$root/boot-test"
cp "$here"/inside/*.sh "$root/boot-test/"
cp "$package" "$root/boot-test/now.deb"
make_upgrade
boot "/bin/bash /boot-test/checks.sh" "$checks_limit" || true
report=$root/boot-test/report
[ -s "$report" ] || fail "the container did not start: $(last_line "$cache/console.log")"
cat "$report"
tail -n 1 "$report" | grep -q '^[0-9]* passed, 0 failed$' || {
    tail -n 100 "$root/boot-test/journal" 2>/dev/null
    exit 1
}
