"""Adds points to the demo's mirror: enough for several row groups, from before 1970, and some without a value."""

import sqlite3

mirror = sqlite3.connect("state/mirror.db")
mirror.execute(
    """
    WITH RECURSIVE step (number) AS (SELECT 0 UNION ALL SELECT number + 1 FROM step WHERE number < 69999)
    INSERT INTO wapi_points (data_id, t, v, _run)
    SELECT data_id, strftime('%Y-%m-%dT%H:%M:%S.000Z', number * 600 - 86400, 'unixepoch'), nullif(number % 7, 3) / 10.0, _run
    FROM step, (SELECT data_id, _run FROM wapi_points LIMIT 1)
    """
)
mirror.commit()
