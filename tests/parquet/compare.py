"""Compares what DuckDB and pandas read from exported files with what SQLite reads from the mirror."""

import sqlite3
import sys

import duckdb
import pandas

TYPES = {
    "text": "VARCHAR",
    "integer": "BIGINT",
    "real": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "json": "JSON",
}

duckdb.sql("SET TimeZone = 'UTC'")
mirror = sqlite3.connect("file:state/mirror.db?mode=ro", uri=True)
for stream in sys.argv[1:]:
    source, name = stream.split("_", 1)
    columns = mirror.execute(
        'SELECT "column", type, meaning FROM rollbook_columns WHERE source = ? AND stream = ? ORDER BY position',
        (source, name),
    ).fetchall()
    assert columns, stream
    found = {row[0]: row[1] for row in duckdb.sql(f"DESCRIBE SELECT * FROM 'parquet/{stream}.parquet'").fetchall()}
    for column, kind, _ in columns:
        assert found[column] == TYPES[kind], (stream, column, found[column])

    def text(column, kind):
        if kind == "timestamp":
            return f"strftime({column}, '%Y-%m-%dT%H:%M:%S.%gZ')"
        return f"CAST({column} AS INTEGER)" if kind == "boolean" else f"CAST({column} AS VARCHAR)" if kind != "real" else column

    names = ", ".join(f'"{column}"' for column, _, _ in columns)
    expected = mirror.execute(f'SELECT {names} FROM "{stream}" ORDER BY {names}').fetchall()
    assert expected, stream
    read = ", ".join(text(f'"{column}"', kind) for column, kind, _ in columns)
    rows = duckdb.sql(f"SELECT {read} FROM 'parquet/{stream}.parquet'").fetchall()
    as_text = lambda row: tuple(value if value is None or isinstance(value, float) else str(value) for value in row)
    key = lambda row: tuple(str(value) for value in row)
    assert sorted(map(as_text, rows), key=key) == sorted(map(as_text, expected), key=key), stream

    meanings = dict(
        (key.decode(), value.decode())
        for key, value in duckdb.sql(
            f"SELECT key, value FROM parquet_kv_metadata('parquet/{stream}.parquet')"
        ).fetchall()
    )
    for column, _, meaning in columns:
        assert meanings.get(f"rollbook.{column}", "") == meaning, (stream, column)

    for frame in (
        pandas.read_parquet(f"parquet/{stream}.parquet"),
        pandas.read_csv(f"csv/{stream}.csv", low_memory=False),
        pandas.read_json(f"ndjson/{stream}.ndjson", lines=True),
    ):
        assert len(frame) == len(expected), stream
        assert list(frame.columns) == list(found), stream
    print(f"{stream}: {len(expected)} rows, {len(found)} columns")
