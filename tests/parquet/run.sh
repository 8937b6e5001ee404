#!/usr/bin/env bash
# Reads exported files back with DuckDB and pandas, and compares them with the mirror. Without Python and its packages nothing is
# tested, unless ROLLBOOK_PARQUET=must.
set -euo pipefail
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! { python3 -m venv "$work/python" && "$work/python/bin/pip" install --quiet duckdb pandas pyarrow; } >/dev/null 2>&1; then
	echo "no Python with duckdb, pandas and pyarrow: skipped"
	[ "${ROLLBOOK_PARQUET-}" != must ]
	exit
fi
cargo build --locked --quiet --features parquet
program=$PWD/target/debug/rollbook
cd "$work"
"$program" --state state demo >/dev/null
python/bin/python "$OLDPWD/tests/parquet/grow.py"
export ROLLBOOK_CONFIG=state/demo-config ROLLBOOK_JOBS=state/demo-config/jobs ROLLBOOK_STATE=state
streams=(webuntis_users webuntis_academic_sessions wapi_points wisenet_learners)
for format in parquet csv ndjson; do
	"$program" export "${streams[@]}" --labelled --format "$format" --to "$format" >/dev/null
done
python/bin/python "$OLDPWD/tests/parquet/compare.py" "${streams[@]}"
