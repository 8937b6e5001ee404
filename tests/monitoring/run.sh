#!/usr/bin/env bash
# Checks metrics, alert rules and dashboard with Prometheus' own parser.
#
#   tests/monitoring/run.sh
#
# Needs promtool (Debian's package `prometheus`); without it, prints a message and exits with 0, or with 1 when
# ROLLBOOK_MONITORING=must.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"

skip() {
    echo "skipped: $*"
    [ "${ROLLBOOK_MONITORING:-}" != must ] || exit 1
    exit 0
}

command -v promtool >/dev/null || skip "promtool is missing (apt-get install prometheus)"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

promtool check rules docs/monitoring/alerts.yml
(cd docs/monitoring && promtool test rules alerts-test.yml)

ROLLBOOK_METRICS_FILE="$work/metrics" cargo test --locked --quiet --package rollbook --lib -- web::metrics >/dev/null
# promtool reads Prometheus' older text format: the same but for the name of a counter's family, `_info` and `# UNIT`.
sed -E -e '/^# (UNIT|EOF)/d' \
    -e 's/^# (HELP|TYPE) (rollbook_(job_runs|stream_rows|source_requests|source_token_requests)) /# \1 \2_total /' \
    -e 's/^# (HELP|TYPE) rollbook_build /# \1 rollbook_build_info /' \
    -e 's/^(# TYPE .*) info$/\1 gauge/' "$work/metrics" >"$work/text"
promtool check metrics <"$work/text"
echo "ok - metrics, rules and dashboard"
