//! Removing the points of a time series that are older than they are kept, and their old versions.
//!
//! A point is removed because of the time that it states, and never because it was not received, so there is no guard. The
//! rules about wrong clocks are those of `purge.rs`.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params, params_from_iter};

use super::{Due, table_due};
use crate::model::row::{Cell, Cells};
use crate::model::{Expiry, Table};
use crate::store::copy::record;
use crate::store::error::StoreError;
use crate::store::published;
use crate::store::relayout::is_series;
use crate::store::sql_cells::{SqlCell, read_cells};
use crate::store::table::quote;

/// Rows that one transaction removes or looks at: milliseconds, so that runs wait for no long one.
const BATCH: i64 = 20_000;

/// Series that one transaction looks at.
const ITEMS: usize = 1_000;

/// Where the removal continues: first through the history, then through the live table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PointsPosition {
    /// Row numbers of the history up to this one are done.
    History(i64),
    /// Row numbers of the live table up to this one are done.
    Live(i64),
    /// The series up to this one are done, in a table that is stored by them: the cells of its partition columns. None is
    /// done where it is empty.
    Series(Vec<u8>),
}

impl PointsPosition {
    /// Where it begins.
    pub const START: Self = Self::History(i64::MIN);
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
    position: &PointsPosition,
) -> Result<(u64, Option<PointsPosition>), StoreError> {
    let what = StoreError::sql("remove old points");
    let transaction = connection.transaction().map_err(&what)?;
    let (removed, next) = step(&transaction, table, expiry, position).map_err(&what)?;
    if removed > 0 {
        record::expire(&transaction)?;
        if !table.series {
            // By no order that a database could follow.
            let stream = (table.source.clone(), table.stream.clone());
            published::note_changed_rows(&transaction, &[stream])?;
        }
    }
    transaction.commit().map_err(&what)?;
    let is_live = !matches!(position, PointsPosition::History(_));
    Ok((if is_live { removed } else { 0 }, next))
}

fn step(
    transaction: &Transaction<'_>,
    table: &Table,
    expiry: &Expiry,
    position: &PointsPosition,
) -> rusqlite::Result<(u64, Option<PointsPosition>)> {
    match position {
        PointsPosition::History(after) => {
            let name = table.history_quoted();
            let (removed, next) = by_number(transaction, table, expiry, &name, *after)?;
            let live = match is_series(transaction, "main", &table.name())? {
                true => PointsPosition::Series(Vec::new()),
                false => PointsPosition::Live(i64::MIN),
            };
            Ok((removed, Some(next.map_or(live, PointsPosition::History))))
        }
        PointsPosition::Live(after) => {
            let name = table.quoted();
            let (removed, next) = by_number(transaction, table, expiry, &name, *after)?;
            Ok((removed, next.map(PointsPosition::Live)))
        }
        PointsPosition::Series(after) => by_series(transaction, table, expiry, after),
    }
}

/// Of the next row numbers behind one; and up to which number all is done, if there are more.
fn by_number(
    transaction: &Transaction<'_>,
    table: &Table,
    expiry: &Expiry,
    name: &str,
    after: i64,
) -> rusqlite::Result<(u64, Option<i64>)> {
    // Row numbers before the first one were removed earlier.
    let ends = format!(
        "SELECT coalesce(min(rowid), 0), coalesce(max(rowid), 0) FROM {name} WHERE rowid > ?1"
    );
    let (first, last): (i64, i64) =
        transaction.query_row(&ends, [after], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let to = first.saturating_add(BATCH - 1).min(last);
    let column = quote(&table.columns[expiry.column].name);
    let removed = transaction.execute(
        &format!("DELETE FROM {name} WHERE rowid BETWEEN ?1 AND ?2 AND {column} < ?3"),
        params![first, to, expiry.before],
    )?;
    Ok((removed as u64, (to < last).then_some(to)))
}

/// Of the next series behind one. Only points that are removed are touched: a series' oldest lie at its beginning.
fn by_series(
    transaction: &Transaction<'_>,
    table: &Table,
    expiry: &Expiry,
    after: &[u8],
) -> rusqlite::Result<(u64, Option<PointsPosition>)> {
    let (mut removed, mut done) = (0, after.to_vec());
    for _ in 0..ITEMS {
        let Some(item) = next_series(transaction, table, &done)? else {
            return Ok((removed, None));
        };
        let room = BATCH - removed as i64;
        let count = remove_oldest(transaction, table, expiry, &item, room)?;
        removed += count;
        if count as i64 == room {
            return Ok((removed, Some(PointsPosition::Series(done))));
        }
        if item.is_empty() {
            return Ok((removed, None)); // the only one
        }
        done = item;
    }
    Ok((removed, Some(PointsPosition::Series(done))))
}

/// The columns of a series' name; the last column of the key is the time.
fn partition(table: &Table) -> &[usize] {
    table.key.split_last().map_or(&[], |(_, items)| items)
}

fn next_series(
    transaction: &Transaction<'_>,
    table: &Table,
    after: &[u8],
) -> rusqlite::Result<Option<Vec<u8>>> {
    let columns = partition(table);
    let names = table.names_of(columns);
    if columns.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let numbers: Vec<String> = (1..=columns.len())
        .map(|number| format!("?{number}"))
        .collect();
    let condition = match after.is_empty() {
        true => String::new(),
        false => format!("WHERE ({names}) > ({})", numbers.join(", ")),
    };
    let sql = format!(
        "SELECT {names} FROM {} {condition} ORDER BY {names} LIMIT 1",
        table.quoted()
    );
    let mut statement = transaction.prepare_cached(&sql)?;
    statement
        .query_row(params_from_iter(Cells::of(after).map(SqlCell)), |row| {
            let mut item = Vec::new();
            read_cells(row, 0, columns.len(), &mut item)?;
            Ok(item)
        })
        .optional()
}

/// Removes at most `room` points of a series.
fn remove_oldest(
    transaction: &Transaction<'_>,
    table: &Table,
    expiry: &Expiry,
    item: &[u8],
    room: i64,
) -> rusqlite::Result<u64> {
    let time = quote(&table.columns[expiry.column].name);
    let of_item: Vec<String> = (2..)
        .zip(partition(table))
        .map(|(number, column)| format!(" AND {} = ?{number}", table.names_of(&[*column])))
        .collect();
    let over = format!(
        "FROM {} WHERE {time} < ?1{}",
        table.quoted(),
        of_item.concat()
    );
    let values = |before| {
        let values = [Cell::Text(before)].into_iter().chain(Cells::of(item));
        params_from_iter(values.map(SqlCell))
    };
    let first_to_stay: Option<String> = transaction
        .prepare_cached(&format!(
            "SELECT {time} {over} ORDER BY {time} LIMIT 1 OFFSET {room}"
        ))?
        .query_row(values(&expiry.before), |row| row.get(0))
        .optional()?;
    let before = first_to_stay.as_ref().unwrap_or(&expiry.before);
    let removed = transaction
        .prepare_cached(&format!("DELETE {over}"))?
        .execute(values(before))?;
    Ok(removed as u64)
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
                let (some, next) = points(connection, &table, &expiry, &at)?;
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
            points(connection, &table, &expiry, &PointsPosition::START)?;
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

    /// Three series: one with more old points than a batch, one with none, and one that ends before.
    #[tokio::test]
    async fn old_points_of_a_series_are_removed_where_they_lie() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("mirror.db")).expect("a mirror");
        let found = store.write(|connection| {
            let columns = [("data_id", Kind::Integer), ("t", Kind::Timestamp), ("v", Kind::Real)];
            let table = Table {
                key: vec![0, 1],
                partition: vec![0],
                history: false,
                series: true,
                ..Table::plain("points", &columns)
            };
            fit(connection, std::slice::from_ref(&table), &Lookups::default())?;
            let what = StoreError::sql("prepare a test");
            let live = table.quoted();
            connection
                .execute_batch(&format!(
                    "WITH RECURSIVE n (i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i < 29999) \
                     INSERT INTO {live} SELECT 7, strftime('%Y-%m-%dT%H:%M:00.000Z', '2023-06-01', (i * 15) || ' minutes'), i, 1 FROM n; \
                     INSERT INTO {live} VALUES (8, '2024-01-01T00:00:00.000Z', 1, 1), (9, '2019-01-01T00:00:00.000Z', 1, 1);"
                ))
                .map_err(&what)?;
            let expiry = Expiry { column: 1, before: "2024-01-01T00:00:00.000Z".to_owned() };
            let mut removed = Vec::new();
            let mut position = Some(PointsPosition::START);
            while let Some(at) = position {
                let (some, next) = points(connection, &table, &expiry, &at)?;
                removed.push(some);
                position = next;
                assert!(removed.len() < 10, "it ends");
            }
            let left = format!("SELECT group_concat(data_id || ' ' || n || ' ' || t, ', ') FROM (SELECT data_id, count(*) AS n, min(t) AS t FROM {live} GROUP BY 1)");
            let left: String = connection.query_row(&left, [], |row| row.get(0)).map_err(&what)?;
            Ok((removed, left))
        });
        let (removed, left) = found.await.expect("removed");
        // 214 days of 96 points, and the one of the last series.
        assert_eq!(removed, [0, 20_000, 545], "the history, then two batches");
        assert_eq!(
            left,
            "7 9456 2024-01-01T00:00:00.000Z, 8 1 2024-01-01T00:00:00.000Z"
        );
    }
}
