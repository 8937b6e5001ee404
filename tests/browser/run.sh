#!/usr/bin/env bash
# Looks at the status pages in a real browser: phone and desktop, light and dark, with script and without.
#
#   tests/browser/run.sh                  all checks
#   tests/browser/run.sh --pictures DIR   also writes the pictures of the docs
#
# It needs Chromium, Node and npm; where they cannot be had, it prints a message and exits with 0, or with 1 when
# ROLLBOOK_BROWSER=must. The pages are those of a made-up school year (src/web/pages/school_year.rs).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)

skip() {
    echo "skipped: $*"
    [ "${ROLLBOOK_BROWSER:-}" != must ] || exit 1
    exit 0
}

chromium=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || true)}
[ -n "$chromium" ] || skip "Chromium is missing (apt-get install chromium)"
command -v node >/dev/null && command -v npm >/dev/null || skip "Node is missing (apt-get install nodejs npm)"
[ -d "$here/node_modules/axe-core" ] ||
    (cd "$here" && npm ci --silent --ignore-scripts) || skip "the packages of tests/browser cannot be installed"

folder=$(mktemp -d "${TMPDIR:-/tmp}/rollbook-browser.XXXXXX")
trap 'rm -rf "$folder"' EXIT
(cd "$here/../.." && ROLLBOOK_PAGES_FOLDER="$folder" cargo test --locked --quiet --package rollbook --lib -- --ignored --exact web::pages::school_year::write_files >/dev/null)
CHROMIUM="$chromium" timeout --kill-after=5s 300s node "$here/checks.js" "$folder" "$@"
