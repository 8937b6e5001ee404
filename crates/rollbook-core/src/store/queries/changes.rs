//! What runs changed: rows that they added, changed or removed, in the order of the runs.
//!
//! Every version of a row has the run that brought it, and every ended one the run that ended it, so a change is a row of the
//! mirror and needs no log. Values are read one row at a time; SQLite sorts what does not fit into its cache in a file.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::ControlFlow;

use rusqlite::{Row, Rows, Statement, params};

use super::Reader;
use crate::model::Table;
use crate::model::row::Cells;
use crate::store::error::StoreError;
use crate::store::sql_cells::read_cells;
use crate::store::table::quote;

/// What happened to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// It was not in the mirror before.
    Added,
    /// Columns got other values.
    Changed,
    /// It was removed.
    Removed,
    /// Added or changed: the stream keeps no old versions.
    Stored,
}

impl ChangeKind {
    /// Its name in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
            Self::Stored => "stored",
        }
    }
}

/// Which changes of a stream are wanted.
#[derive(Clone, Debug)]
pub struct ChangeRange {
    /// The stream.
    pub table: Table,
    /// Those of later runs.
    pub after_run: i64,
    /// Those of this run and earlier ones.
    pub through_run: i64,
    /// From this time on, UTC as the mirror writes it; empty for all.
    pub since: String,
    /// Before this time; empty for all.
    pub until: String,
}

/// One change.
#[derive(Debug)]
pub struct ChangedRow<'a> {
    /// The stream.
    pub table: &'a Table,
    /// The run.
    pub run: i64,
    /// When, UTC.
    pub at: String,
    /// What happened.
    pub kind: ChangeKind,
    row: Vec<u8>,
    before: Option<Vec<u8>>,
}

impl ChangedRow<'_> {
    /// The row after the change, by column; of a removed row its last values.
    pub fn row(&self) -> Cells<'_> {
        Cells::of(&self.row)
    }

    /// A changed row as it was.
    pub fn before(&self) -> Option<Cells<'_>> {
        self.before.as_deref().map(Cells::of)
    }
}

/// Up to which run everything is in the mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompleteRuns {
    /// The last run before the first that has not ended: a position behind which nothing is missed.
    pub through: i64,
    /// That first one.
    pub open: Option<i64>,
}

/// Which runs are complete: a later one may end before an earlier one.
///
/// # Errors
/// When the mirror cannot be read.
pub fn complete_runs(reader: &Reader) -> Result<CompleteRuns, StoreError> {
    reader
        .query_row(
            "SELECT min(run) FILTER (WHERE ended IS NULL), coalesce(max(run), 0) FROM rollbook_runs",
            [],
            |row| {
                let (open, last): (Option<i64>, i64) = (row.get(0)?, row.get(1)?);
                let through = open.map_or(last, |open| open - 1);
                Ok(CompleteRuns { through, open })
            },
        )
        .map_err(StoreError::sql("read the run records"))
}

/// Passes the changes to `each`, by run, then in the order of the streams, then by key, until it breaks.
///
/// # Errors
/// When the mirror cannot be read.
pub fn changes<B>(
    reader: &Reader,
    ranges: &[ChangeRange],
    mut each: impl FnMut(ChangedRow<'_>) -> ControlFlow<B>,
) -> Result<ControlFlow<B>, StoreError> {
    let what = StoreError::sql("read what has changed");
    let statements = ranges
        .iter()
        .map(|range| reader.prepare(&sql(&range.table)));
    let mut statements: Vec<Statement<'_>> = statements.collect::<Result<_, _>>().map_err(&what)?;
    let mut streams: Vec<Rows<'_>> = Vec::new();
    for (statement, range) in statements.iter_mut().zip(ranges) {
        let bounds = params![range.after_run, range.through_run, range.since, range.until];
        streams.push(statement.query(bounds).map_err(&what)?);
    }
    // The next change of each stream, by run.
    let mut next: Vec<Option<ChangedRow<'_>>> = Vec::new();
    let mut order = BinaryHeap::new();
    for (number, (rows, range)) in streams.iter_mut().zip(ranges).enumerate() {
        let first = read(rows, &range.table).map_err(&what)?;
        order.extend(first.iter().map(|change| Reverse((change.run, number))));
        next.push(first);
    }
    while let Some(Reverse((_, number))) = order.pop() {
        let following = read(&mut streams[number], &ranges[number].table).map_err(&what)?;
        order.extend(following.iter().map(|change| Reverse((change.run, number))));
        let Some(change) = std::mem::replace(&mut next[number], following) else {
            continue;
        };
        if let ControlFlow::Break(end) = each(change) {
            return Ok(ControlFlow::Break(end));
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn read<'t>(rows: &mut Rows<'_>, table: &'t Table) -> rusqlite::Result<Option<ChangedRow<'t>>> {
    rows.next()?.map(|row| change(row, table)).transpose()
}

fn change<'t>(row: &Row<'_>, table: &'t Table) -> rusqlite::Result<ChangedRow<'t>> {
    let width = table.columns.len();
    let cells = |first: usize| {
        let mut bytes = Vec::new();
        read_cells(row, first, width, &mut bytes).map(|()| bytes)
    };
    let kind = match row.get_ref(2)?.as_str()? {
        "removed" => ChangeKind::Removed,
        "changed" => ChangeKind::Changed,
        _ if table.history => ChangeKind::Added,
        _ => ChangeKind::Stored,
    };
    let before = match kind {
        ChangeKind::Changed => Some(cells(3 + width)?),
        ChangeKind::Added | ChangeKind::Removed | ChangeKind::Stored => None,
    };
    Ok(ChangedRow {
        table,
        run: row.get(0)?,
        at: row.get(1)?,
        kind,
        row: cells(3)?,
        before,
    })
}

/// Run, time, what, the row, and the row before; by run and key.
///
/// The row before is the last one with this key that the same run ended: a run that reads in steps may end several.
fn sql(table: &Table) -> String {
    let names = |of: &str| {
        let columns = table.columns.iter();
        let columns = columns.map(|column| format!("{of}.{}", quote(&column.name)));
        columns.collect::<Vec<_>>().join(", ")
    };
    let same_key = table.key.iter().map(|index| {
        let name = quote(&table.columns[*index].name);
        format!("past.{name} = row.{name}")
    });
    let same_key: Vec<String> = same_key.collect();
    let key = table.key.iter().map(|index| (4 + index).to_string());
    let key: Vec<String> = key.collect();
    let history = table.history_quoted();
    let began = |of: &str, earlier: &str| {
        format!(
            "SELECT row._run, row._since, iif(old._run IS NULL, 'added', 'changed'), {row}, {old} \
             FROM {of} AS row LEFT JOIN {history} AS old ON old.rowid = \
             (SELECT max(past.rowid) FROM {history} AS past \
             WHERE {same_key} AND past._ended_run = row._run AND past._ended = 'changed'{earlier}) \
             WHERE row._run > ?1 AND row._run <= ?2 AND row._since >= ?3 AND (?4 = '' OR row._since < ?4)",
            row = names("row"),
            old = names("old"),
            same_key = same_key.join(" AND "),
        )
    };
    format!(
        "{} UNION ALL {} UNION ALL \
         SELECT row._ended_run, row._until, 'removed', {row}, {row} FROM {history} AS row \
         WHERE row._ended = 'removed' AND row._ended_run > ?1 AND row._ended_run <= ?2 \
         AND row._until >= ?3 AND (?4 = '' OR row._until < ?4) ORDER BY 1, {key}",
        began(&table.with_since(), ""),
        began(&history, " AND past.rowid < row.rowid"),
        row = names("row"),
        key = key.join(", "),
    )
}
