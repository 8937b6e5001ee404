#!/usr/bin/env bash
# Checks a running OneRoster 1.1 service: with schemathesis against openapi.json, then with check.py.
#
#   tests/oneroster/run.sh BASE TOKEN_URL CLIENT_ID SECRET [OPTIONS OF check.py]
#
# BASE ends in /ims/oneroster/v1p1. Without schemathesis, only check.py runs and a message says so; with
# ROLLBOOK_ONEROSTER=must that is an error. Without Python nothing is checked.
set -euo pipefail

[ $# -ge 4 ] || { sed -n '4p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
export PYTHONDONTWRITEBYTECODE=1

skip() {
	echo "skipped: $*"
	[ "${ROLLBOOK_ONEROSTER-}" != must ] || exit 1
}

command -v python3 >/dev/null || { skip "python3 is missing"; exit 0; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

if python3 -m venv "$work/python" >/dev/null 2>&1 &&
	"$work/python/bin/pip" install --quiet schemathesis==4.32.5 >/dev/null 2>&1; then
	python3 "$here/prepare.py" "$1" "$2" "$3" "$4" "$work"
	checks=not_a_server_error,status_code_conformance,content_type_conformance
	checks=$checks,response_schema_conformance,response_headers_conformance
	cd "$work" # schemathesis keeps a database of examples in the current folder
	for form in whole fields; do
		# Warnings are about what openapi.json cannot say, such as "most filters of this run were refused".
		"$work/python/bin/schemathesis" run "$work/$form.json" --url "$1" --header "Authorization: Bearer $(cat token)" \
			--phases examples,coverage,fuzzing --mode all --max-examples 12 --seed 20260901 --generation-database none \
			--checks "$checks" --continue-on-failure --no-shrink --rate-limit auto --request-timeout 30 --warnings off \
			--no-color || failed=1
	done
else
	skip "schemathesis cannot be installed; only check.py runs"
fi

python3 "$here/check.py" "$@" || failed=1
exit "$failed"
