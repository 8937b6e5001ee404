//! Storing the rows of a table in the other of two layouts: as rows of their own, or as the points of a time series.
//!
//! Once, where an older program made the table or the configuration changed. In the transaction of the caller, so a stop or
//! a full disk leaves the table as it was.

use rusqlite::{Connection, Transaction, params};

use super::create;
use super::error::StoreError;
use super::sql_cells::{SqlCell, cell_of};
use super::table::quote;
use crate::model::Table;

/// Rows between two lines about the progress.
const REPORT_EVERY: u64 = 1_000_000;

/// Whether a table of a schema (`main`, or that of an attached file) is stored as the points of a time series.
pub fn is_series(connection: &Connection, schema: &str, table: &str) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT coalesce(max(wr), 0) FROM pragma_table_list(?2) WHERE schema = ?1")?
        .query_row([schema, table], |row| row.get(0))
}

/// Makes the table again in the layout that it is wanted in, with all its rows. It has the wanted columns already.
pub(super) fn relayout(transaction: &Transaction<'_>, table: &Table) -> Result<(), StoreError> {
    let what = StoreError::sql("store a table's rows in another layout");
    let before = format!("{}_before", table.name());
    let stored = Table {
        series: !table.series,
        ..table.clone()
    };
    rename_alone(transaction, &table.name(), &before).map_err(&what)?;
    let [walk, _] = create::index_names(table);
    transaction
        .execute_batch(&format!("DROP INDEX IF EXISTS {walk}"))
        .map_err(&what)?;
    create::create_live(transaction, table).map_err(&what)?;
    if table.series {
        note_runs(transaction, table, &before).map_err(&what)?;
    }
    copy(transaction, &stored, table, &before).map_err(&what)?;
    transaction
        .execute_batch(&format!("DROP TABLE {}", quote(&before)))
        .map_err(&what)?;
    if !table.series {
        create::renew_fingerprints(transaction, table).map_err(&what)?;
        forget_runs(transaction, table).map_err(&what)?;
    }
    Ok(())
}

/// Views that an admin has made keep naming the table, which has its name again soon.
fn rename_alone(transaction: &Transaction<'_>, from: &str, to: &str) -> rusqlite::Result<()> {
    transaction.pragma_update(None, "legacy_alter_table", true)?;
    let sql = format!("ALTER TABLE {} RENAME TO {}", quote(from), quote(to));
    let renamed = transaction.execute_batch(&sql);
    transaction.pragma_update(None, "legacy_alter_table", false)?;
    renamed
}

/// Points do not carry when they were stored; their run does.
fn note_runs(transaction: &Transaction<'_>, table: &Table, from: &str) -> rusqlite::Result<()> {
    let sql = format!(
        "INSERT OR IGNORE INTO rollbook_series_runs (source, stream, run, since) SELECT ?1, ?2, _run, min(_since) FROM {} GROUP BY _run",
        quote(from)
    );
    transaction
        .execute(&sql, params![table.source, table.stream])
        .map(drop)
}

/// Forgets when points were stored.
pub(super) fn forget_runs(transaction: &Connection, table: &Table) -> rusqlite::Result<()> {
    transaction
        .execute(
            "DELETE FROM rollbook_series_runs WHERE source = ?1 AND stream = ?2",
            params![table.source, table.stream],
        )
        .map(drop)
}

fn copy(
    transaction: &Transaction<'_>,
    stored: &Table,
    table: &Table,
    before: &str,
) -> rusqlite::Result<()> {
    let count: i64 = transaction.query_row(
        &format!("SELECT count(*) FROM {}", quote(before)),
        [],
        |row| row.get(0),
    )?;
    tracing::info!(
        table = table.name(),
        rows = count,
        "storing a table's rows in another layout, once"
    );
    let from = stored.with_since_in(&quote(before));
    let (names, key) = (table.all_names(), table.names_of(&table.key));
    // Fingerprints are computed when all rows are there.
    let (own, values) = match table.series {
        true => ("_run", "_run"),
        false => (
            "_run, _since, _fingerprint",
            "_run, coalesce(_since, ''), 0",
        ),
    };
    let mut read = transaction.prepare(&format!(
        "SELECT {names}, {values} FROM {from} ORDER BY {key}"
    ))?;
    let width = read.column_count();
    let mut write = transaction.prepare(&format!(
        "INSERT INTO {} ({names}, {own}) VALUES ({})",
        table.quoted(),
        vec!["?"; width].join(", ")
    ))?;
    let mut rows = read.query([])?;
    let mut copied = 0;
    while let Some(row) = rows.next()? {
        for index in 0..width {
            write.raw_bind_parameter(index + 1, SqlCell(cell_of(row.get_ref(index)?)))?;
        }
        write.raw_execute()?;
        copied += 1;
        if copied % REPORT_EVERY == 0 {
            tracing::info!(table = table.name(), copied, rows = count, "storing them");
        }
    }
    Ok(())
}
