//! Removing the points of a time series that are older than they are kept, and their old versions.
//!
//! A point is removed because of the time that it states, and never because it was not received, so there is no guard. The
//! rules about wrong clocks are those of `purge.rs`.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::{Due, table_due};
use crate::model::{Expiry, Table};
use crate::store::copy::record;
use crate::store::error::StoreError;
use crate::store::table::quote;

/// Row numbers that one transaction looks at: milliseconds, so that runs wait for no long one.
const BATCH: i64 = 20_000;

/// Where the removal continues: first through the history, then through the live table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PointsPosition {
    is_live: bool,
    /// Row numbers up to this one are done.
    after: i64,
}

impl PointsPosition {
    /// Where it begins.
    pub const START: Self = Self {
        is_live: false,
        after: i64::MIN,
    };
}

/// Whether a table was not purged within the last day, and the clock can be believed; only reads.
pub fn points_due(
    connection: &Connection,
    table: &Table,
    now: Timestamp,
) -> Result<bool, StoreError> {
    Ok(matches!(table_due(connection, table, now)?, Due::Delete))
}

/// Removes what is over among the next rows; returns how many points left the live table, and where to continue, if there is
/// more. A copy of the mirror that may have them becomes due.
pub fn points(
    connection: &mut Connection,
    table: &Table,
    expiry: &Expiry,
    position: PointsPosition,
) -> Result<(u64, Option<PointsPosition>), StoreError> {
    let what = StoreError::sql("remove old points");
    let name = match position.is_live {
        true => table.quoted(),
        false => table.history_quoted(),
    };
    // Row numbers before the first one were removed earlier.
    let ends = format!(
        "SELECT coalesce(min(rowid), 0), coalesce(max(rowid), 0) FROM {name} WHERE rowid > ?1"
    );
    let transaction = connection.transaction().map_err(&what)?;
    let (first, last): (i64, i64) = transaction
        .query_row(&ends, [position.after], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .map_err(&what)?;
    let to = first.saturating_add(BATCH - 1).min(last);
    let column = quote(&table.columns[expiry.column].name);
    let removed = transaction
        .execute(
            &format!("DELETE FROM {name} WHERE rowid BETWEEN ?1 AND ?2 AND {column} < ?3"),
            params![first, to, expiry.before],
        )
        .map_err(&what)? as u64;
    if removed > 0 {
        record::expire(&transaction)?;
    }
    transaction.commit().map_err(&what)?;
    let next = match (to < last, position.is_live) {
        (true, is_live) => Some(PointsPosition { is_live, after: to }),
        (false, false) => Some(PointsPosition {
            is_live: true,
            after: i64::MIN,
        }),
        (false, true) => None,
    };
    Ok((if position.is_live { removed } else { 0 }, next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::row::Kind;
    use crate::store::Store;
    use crate::store::copy::record::CopyState;
    use crate::store::lookups::Lookups;
    use crate::store::tables::fit;

    /// More rows than a batch has, in the order of their row numbers and against it, and old versions of some.
    #[tokio::test]
    async fn old_points_are_removed_in_batches() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("mirror.db")).expect("a mirror");
        let found = store.write(|connection| {
            let table = Table::plain("points", &[("id", Kind::Integer), ("t", Kind::Timestamp)]);
            fit(connection, std::slice::from_ref(&table), &Lookups::default())?;
            let (live, history) = (table.quoted(), table.history_quoted());
            let what = StoreError::sql("prepare a test");
            connection
                .execute_batch(&format!(
                    "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 50000) \
                     INSERT INTO {live} (id, t, _since, _run, _fingerprint) \
                     SELECT i, CASE WHEN i % 2 = 0 THEN '2020-01-01T00:00:00.000Z' ELSE '2026-01-01T00:00:00.000Z' END, '', 1, i FROM n; \
                     INSERT INTO {live} (id, t, _since, _run, _fingerprint) VALUES (50001, NULL, '', 1, 0); \
                     INSERT INTO {history} (id, t, _since, _run, _until, _ended, _ended_run) \
                     SELECT id, t, '', 1, '2026-05-01', 'changed', 2 FROM {live} WHERE id <= 4;"
                ))
                .map_err(&what)?;
            let expiry = Expiry { column: 1, before: "2024-01-01T00:00:00.000Z".to_owned() };
            let made = CopyState { definition: Some("all".to_owned()), ..CopyState::default() };
            record::save(connection, "copy.db", &made)?;
            let (mut removed, mut batches) = (Vec::new(), 0);
            let mut position = Some(PointsPosition::START);
            while let Some(at) = position {
                let (some, next) = points(connection, &table, &expiry, at)?;
                removed.push(some);
                position = next;
                batches += 1;
                assert!(batches < 10, "it ends");
            }
            let is_due = |connection: &Connection| {
                record::state(connection, "copy.db").map(|state| state.definition.is_none())
            };
            let due = is_due(connection)?;
            record::save(connection, "copy.db", &made)?;
            points(connection, &table, &expiry, PointsPosition::START)?;
            let due = (due, is_due(connection)?);
            let counts = format!(
                "SELECT (SELECT count(*) FROM {live}), (SELECT count(*) FROM {live} WHERE t < '2024'), \
                 (SELECT group_concat(id, ' ') FROM {history})"
            );
            let left: (i64, i64, String) = connection
                .query_row(&counts, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .map_err(&what)?;
            Ok((removed, left, due))
        });
        let (removed, left, due) = found.await.expect("removed");
        assert_eq!(
            removed,
            [0, 10_000, 10_000, 5_000],
            "the history, then three batches"
        );
        assert_eq!(
            left,
            (25_001, 0, "1 3".to_owned()),
            "without a time it stays"
        );
        assert_eq!(
            due,
            (true, false),
            "a copy has the points until it is made again; nothing was removed the second time"
        );
    }
}
