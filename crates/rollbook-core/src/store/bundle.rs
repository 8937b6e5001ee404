//! The rows of a bundle: the answer to each question as a temporary table, without the rows that have no legal form.
//!
//! Rules and references are applied until nothing changes: who refers to a row that is left out is left out too. The
//! difference from the last bundle is by fingerprints, which are kept in the mirror (`bundle/state.rs`).

pub mod kept;
mod question;
mod references;
pub mod served;
pub mod served_reader;
pub mod state;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use rusqlite::{Connection, params};

pub use self::question::{BundleError, BundleSql};
use self::question::{SqlParameters, check_columns, columns_of, missing, run};
use self::references::{delete_without, drop_items, drop_value};
use super::error::StoreError;
use super::moment::Moment;
use super::sql_cells::{cell_of, read_cells};
use super::table::{literal, quote};
use crate::model::bundle::{BundleCounts, BundleQuestion};
use crate::model::row::{Cell, Cells};

/// The rows of a bundle.
#[derive(Debug)]
pub struct BundleRows<'a> {
    connection: &'a Connection,
    name: &'a str,
    /// Whether rows that are as in the last bundle count as new.
    repeats: bool,
    files: Vec<FileRows>,
}

#[derive(Debug)]
struct FileRows {
    name: String,
    table: String,
    columns: Vec<String>,
    key: Vec<String>,
    counts: BundleCounts,
}

/// Which rows a bundle of changes holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeltaRows {
    /// Those that are not as in the last bundle.
    Changed,
    /// All, and those that left: for programs that ignore rows which they cannot use yet.
    All,
}

/// A row that is not as in the last bundle, or is written again.
#[derive(Debug)]
pub enum BundleChange<'a> {
    /// The row of now, and its values in the last bundle if that has its key.
    Present(&'a [Cell<'a>], Option<&'a RowValues>),
    /// A row that only the last bundle has: its values then, by column.
    Removed(&'a RowValues),
}

/// Values of a row by column.
pub type RowValues = BTreeMap<String, Option<String>>;

impl Moment {
    /// Asks the questions; `name` is the bundle's, and with `delta` its files hold what has changed.
    ///
    /// # Errors
    /// When a question is wrong, or the mirror cannot be read.
    pub fn bundle<'a>(
        &'a self,
        (name, delta): (&'a str, Option<DeltaRows>),
        questions: &[BundleQuestion],
        parameters: SqlParameters<'_>,
    ) -> Result<BundleRows<'a>, BundleError> {
        let mut rows = BundleRows::new(self.connection(), name, questions);
        rows.repeats = delta == Some(DeltaRows::All);
        rows.ask(questions, parameters, "", false)?;
        rows.check_references(questions)?;
        rows.apply_references(questions)?;
        rows.compare()?;
        rows.describe(delta.is_some())?;
        rows.ask(questions, parameters, "", true)?;
        rows.count_others()?;
        Ok(rows)
    }

    /// Whether the questions fit the mirror's tables; reads no rows. Gives the columns of each file.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check_bundle(
        &self,
        questions: &[BundleQuestion],
        parameters: SqlParameters<'_>,
    ) -> Result<Vec<Vec<String>>, BundleError> {
        let mut rows = BundleRows::new(self.connection(), "", questions);
        rows.ask(questions, parameters, " LIMIT 0", false)?;
        rows.check_references(questions)?;
        rows.describe(false)?;
        rows.ask(questions, parameters, " LIMIT 0", true)?;
        Ok(rows.files.into_iter().map(|file| file.columns).collect())
    }
}

impl FileRows {
    fn key_list(&self) -> String {
        let key: Vec<String> = self.key.iter().map(|name| quote(name)).collect();
        key.join(", ")
    }

    fn column_list(&self) -> String {
        let columns: Vec<String> = self.columns.iter().map(|name| quote(name)).collect();
        columns.join(", ")
    }

    fn leave_out(&mut self, reason: &str, count: u64) {
        if count == 0 {
            return;
        }
        let mut known = self.counts.left_out.iter_mut();
        match known.find(|(known, _)| *known == reason) {
            Some((_, total)) => *total += count,
            None => self.counts.left_out.push((reason.to_owned(), count)),
        }
    }

    fn duplicates(&self) -> String {
        format!(
            "DELETE FROM {table} WHERE rowid NOT IN (SELECT min(rowid) FROM {table} GROUP BY {key})",
            table = self.table,
            key = self.key_list()
        )
    }

    fn without_quotes(&self, delimiter: &str) -> String {
        let has = |column: &String, letter: &str| format!("instr({}, {letter})", quote(column));
        let delimiter = literal(delimiter);
        let letters = [delimiter.as_str(), "'\"'", "char(10)", "char(13)"];
        let conditions = self
            .columns
            .iter()
            .flat_map(|column| letters.iter().map(move |letter| has(column, letter)));
        let conditions: Vec<String> = conditions.collect();
        format!(
            "DELETE FROM {} WHERE {}",
            self.table,
            conditions.join(" OR ")
        )
    }
}

impl<'a> BundleRows<'a> {
    fn new(connection: &'a Connection, name: &'a str, questions: &[BundleQuestion]) -> Self {
        let file = |question: &BundleQuestion| FileRows {
            name: question.file.clone(),
            table: format!("temp.{}", quote(&question.file)),
            columns: Vec::new(),
            key: question.key.clone(),
            counts: BundleCounts::default(),
        };
        Self {
            connection,
            name,
            repeats: false,
            files: questions.iter().map(file).collect(),
        }
    }

    /// Fills the tables of the files with a key, or of those without, which may ask for what is written of the others.
    fn ask(
        &mut self,
        questions: &[BundleQuestion],
        parameters: SqlParameters<'_>,
        limit: &str,
        without_key: bool,
    ) -> Result<(), BundleError> {
        let connection = self.connection;
        let asked = questions.iter().zip(&mut self.files).enumerate();
        for (number, (question, file)) in
            asked.filter(|(_, (question, _))| question.key.is_empty() == without_key)
        {
            let at = BundleSql::Question(number);
            let name = quote(&question.file);
            let before = format!("CREATE TEMP TABLE {name} AS SELECT * FROM (\n");
            let sql = question.sql.trim_end().trim_end_matches(';');
            run(
                connection,
                (&before, sql, &format!("\n){limit}")),
                parameters,
                at,
            )?;
            file.columns = columns_of(connection, &question.file)?;
            check_columns(number, question, &file.columns)?;
            for (rule, (reason, condition)) in question.rules.iter().enumerate() {
                let at = BundleSql::Rule(number, rule);
                let before = format!("DELETE FROM {} WHERE NOT coalesce((\n", file.table);
                let count = run(connection, (&before, condition, "\n), 0)"), parameters, at)?;
                file.leave_out(reason, count);
            }
            if let Some(delimiter) = &question.unquoted {
                let count = execute(connection, &file.without_quotes(delimiter))?;
                let reason = "a delimiter, quotation mark or line end in a value";
                file.leave_out(reason, count);
            }
            if !file.key.is_empty() {
                let count = execute(connection, &file.duplicates())?;
                file.leave_out("the key of another row", count);
            }
        }
        Ok(())
    }

    /// `bundle_files`, for questions about the others: name, rows, and how many rows are written.
    fn describe(&self, is_delta: bool) -> Result<(), StoreError> {
        let what = StoreError::sql("describe a bundle");
        self.connection
            .execute_batch(
                "CREATE TEMP TABLE bundle_files (name TEXT, rows INTEGER, written INTEGER)",
            )
            .map_err(&what)?;
        for file in self.files.iter().filter(|file| !file.key.is_empty()) {
            let written = self.count_written(file, is_delta);
            self.connection
                .execute(
                    "INSERT INTO temp.bundle_files VALUES (?1, ?2, ?3)",
                    params![file.name, file.counts.rows, written],
                )
                .map_err(&what)?;
        }
        Ok(())
    }

    fn count_others(&mut self) -> Result<(), StoreError> {
        for file in self.files.iter_mut().filter(|file| file.key.is_empty()) {
            let sql = format!("SELECT count(*) FROM {}", file.table);
            let count = self.connection.query_row(&sql, [], |row| row.get(0));
            file.counts.rows = count.map_err(StoreError::sql("count the rows of a bundle"))?;
        }
        Ok(())
    }

    /// The columns of a file.
    pub fn columns(&self, file: usize) -> &[String] {
        &self.files[file].columns
    }

    /// How many rows of a file are written: all, or those that have changed if it has a key.
    pub fn written(&self, file: usize, is_delta: bool) -> u64 {
        let of = &self.files[file];
        self.count_written(of, is_delta && !of.key.is_empty())
    }

    fn count_written(&self, file: &FileRows, is_delta: bool) -> u64 {
        let BundleCounts {
            rows,
            added,
            changed,
            removed,
            ..
        } = file.counts;
        match (is_delta, self.repeats) {
            (false, _) => rows,
            (true, false) => added + changed + removed,
            (true, true) => rows + removed,
        }
    }

    /// How many rows each file has and leaves out.
    pub fn counts(&self, file: usize) -> &BundleCounts {
        &self.files[file].counts
    }

    /// Passes each row of a file to `each`, in the order of its question, until it breaks.
    ///
    /// # Errors
    /// When the temporary table cannot be read.
    pub fn rows<B>(
        &self,
        file: usize,
        mut each: impl FnMut(&[Cell<'_>]) -> ControlFlow<B>,
    ) -> Result<Option<B>, StoreError> {
        let of = &self.files[file];
        let sql = format!(
            "SELECT {} FROM {} ORDER BY rowid",
            of.column_list(),
            of.table
        );
        let what = StoreError::sql("read the rows of a bundle");
        let mut statement = self.connection.prepare(&sql).map_err(&what)?;
        let mut rows = statement.query([]).map_err(&what)?;
        while let Some(row) = rows.next().map_err(&what)? {
            let cells: Vec<Cell<'_>> = (0..of.columns.len())
                .map(|index| row.get_ref(index).map(cell_of))
                .collect::<Result<_, _>>()
                .map_err(&what)?;
            if let ControlFlow::Break(end) = each(&cells) {
                return Ok(Some(end));
            }
        }
        Ok(None)
    }

    /// Passes each difference from the last bundle to `each`: rows that left, then new and changed ones.
    ///
    /// # Errors
    /// When the mirror cannot be read.
    pub fn changes<B>(
        &self,
        file: usize,
        mut each: impl FnMut(BundleChange<'_>) -> ControlFlow<B>,
    ) -> Result<Option<B>, StoreError> {
        self.each_change(file, self.repeats, |_, change| match change {
            // Of a bundle with everything only fingerprints are kept: who left cannot be named.
            BundleChange::Removed(values) if values.is_empty() => ControlFlow::Continue(()),
            change => each(change),
        })
    }

    /// The same with the fingerprint of the key of a row that left; with `all` unchanged rows too.
    fn each_change<B>(
        &self,
        file: usize,
        all: bool,
        mut each: impl FnMut(i64, BundleChange<'_>) -> ControlFlow<B>,
    ) -> Result<Option<B>, StoreError> {
        let of = &self.files[file];
        let what = StoreError::sql("read what differs from the last bundle");
        let mut statement = self.connection.prepare(REMOVED).map_err(&what)?;
        let mut rows = statement
            .query(params![self.name, file, of.name])
            .map_err(&what)?;
        while let Some(row) = rows.next().map_err(&what)? {
            let key: i64 = row.get(0).map_err(&what)?;
            let values = row_values(row.get(1).map_err(&what)?);
            if let ControlFlow::Break(end) = each(key, BundleChange::Removed(&values)) {
                return Ok(Some(end));
            }
        }
        let sql = format!(
            "SELECT {}, old.key IS NOT NULL AND old.hash IS NOT now.hash, old.row FROM temp.bundle_rows AS now JOIN {} AS row ON row.rowid = now.number \
             LEFT JOIN main.rollbook_bundle_rows AS old ON old.bundle = ?1 AND old.file = ?3 AND old.key = now.key \
             WHERE now.file = ?2 AND (?4 OR old.hash IS NOT now.hash) ORDER BY row.rowid",
            of.columns
                .iter()
                .map(|name| format!("row.{}", quote(name)))
                .collect::<Vec<_>>()
                .join(", "),
            of.table
        );
        let mut statement = self.connection.prepare(&sql).map_err(&what)?;
        let mut rows = statement
            .query(params![self.name, file, of.name, all])
            .map_err(&what)?;
        while let Some(row) = rows.next().map_err(&what)? {
            let width = of.columns.len();
            let cells: Vec<Cell<'_>> = (0..width)
                .map(|index| row.get_ref(index).map(cell_of))
                .collect::<Result<_, _>>()
                .map_err(&what)?;
            let has_changed: bool = row.get(width).map_err(&what)?;
            let before = row_values(row.get(width + 1).map_err(&what)?);
            let before = has_changed.then_some(&before);
            if let ControlFlow::Break(end) = each(0, BundleChange::Present(&cells, before)) {
                return Ok(Some(end));
            }
        }
        Ok(None)
    }

    fn check_references(&self, questions: &[BundleQuestion]) -> Result<(), BundleError> {
        for (number, question) in questions.iter().enumerate() {
            for reference in &question.references {
                let mut files = self.files.iter();
                let known = files.find(|file| file.name == reference.file);
                if !known.is_some_and(|file| file.columns.contains(&reference.target)) {
                    return Err(missing(number, &reference.file, &reference.target));
                }
            }
        }
        Ok(())
    }

    /// Leaves out what refers to nothing, until everything refers to something.
    fn apply_references(&mut self, questions: &[BundleQuestion]) -> Result<(), StoreError> {
        loop {
            let mut is_settled = true;
            for (question, file) in questions.iter().zip(&mut self.files) {
                for reference in &question.references {
                    let is_list = reference.separator.is_some();
                    if is_list {
                        execute(self.connection, &drop_items(&file.table, reference))?;
                    }
                    let count = match reference.keeps_row {
                        true if is_list => 0,
                        true => execute(self.connection, &drop_value(&file.table, reference))?,
                        false => execute(self.connection, &delete_without(&file.table, reference))?,
                    };
                    if !reference.keeps_row && count > 0 {
                        let reason = format!("{} is not in {}", reference.column, reference.file);
                        file.leave_out(&reason, count);
                        is_settled = false;
                    }
                }
            }
            if is_settled {
                return Ok(());
            }
        }
    }

    /// Computes the fingerprint of each row and counts what differs from the last bundle.
    fn compare(&mut self) -> Result<(), StoreError> {
        let what = StoreError::sql("compare with the last bundle");
        let connection = self.connection;
        connection
            .execute_batch(
                "CREATE TEMP TABLE bundle_rows (file INTEGER, key INTEGER, hash INTEGER, number INTEGER, \
                 PRIMARY KEY (file, key)) WITHOUT ROWID",
            )
            .map_err(&what)?;
        for (number, file) in self.files.iter_mut().enumerate() {
            if file.key.is_empty() {
                continue;
            }
            let width = file.columns.len();
            let mut insert = connection
                .prepare_cached("INSERT OR REPLACE INTO temp.bundle_rows VALUES (?1, ?2, ?3, ?4)")
                .map_err(&what)?;
            let sql = format!("SELECT rowid, {} FROM {}", file.column_list(), file.table);
            let mut statement = connection.prepare(&sql).map_err(&what)?;
            let mut rows = statement.query([]).map_err(&what)?;
            let is_key = |name: &String| file.columns.iter().position(|column| column == name);
            let key: Vec<usize> = file.key.iter().filter_map(is_key).collect();
            let (mut bytes, mut count) = (Vec::new(), 0);
            while let Some(row) = rows.next().map_err(&what)? {
                bytes.clear();
                read_cells(row, 1, width, &mut bytes).map_err(&what)?;
                let cells = Cells::of(&bytes);
                let rowid: i64 = row.get(0).map_err(&what)?;
                let cells: Vec<Cell<'_>> = cells.collect();
                let (key, hash) = (key_fingerprint(&cells, &key), fingerprint(&cells));
                insert
                    .execute(params![number, key, hash, rowid])
                    .map_err(&what)?;
                count += 1;
            }
            file.counts.rows = count;
            let [before, added, changed, removed] = connection
                .prepare_cached(COUNTS)
                .and_then(|mut counts| {
                    counts.query_row(params![self.name, number, file.name], |row| {
                        Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
                    })
                })
                .map_err(&what)?;
            file.counts = BundleCounts {
                before,
                added,
                changed,
                removed,
                ..std::mem::take(&mut file.counts)
            };
        }
        Ok(())
    }
}

fn row_values(kept: Option<String>) -> RowValues {
    let values = kept.and_then(|kept| serde_json::from_str(&kept).ok());
    values.unwrap_or_default()
}

/// Of a row as text: a number and its digits are the same in a file.
fn fingerprint(cells: &[Cell<'_>]) -> i64 {
    let all: Vec<usize> = (0..cells.len()).collect();
    key_fingerprint(cells, &all)
}

/// Of some of its columns.
fn key_fingerprint(cells: &[Cell<'_>], columns: &[usize]) -> i64 {
    let mut bytes = Vec::new();
    for index in columns {
        match cells[*index].plain() {
            Some(text) => Cell::Text(&text).write(&mut bytes),
            None => Cell::Null.write(&mut bytes),
        }
    }
    Cells::of(&bytes).fingerprint()
}

const COUNTS: &str = "SELECT \
     (SELECT count(*) FROM main.rollbook_bundle_rows WHERE bundle = ?1 AND file = ?3), \
     count(*) FILTER (WHERE old.key IS NULL), \
     count(*) FILTER (WHERE old.key IS NOT NULL AND old.hash <> now.hash), \
     (SELECT count(*) FROM main.rollbook_bundle_rows AS old WHERE old.bundle = ?1 AND old.file = ?3 AND NOT EXISTS \
       (SELECT 1 FROM temp.bundle_rows AS now WHERE now.file = ?2 AND now.key = old.key)) \
     FROM temp.bundle_rows AS now \
     LEFT JOIN main.rollbook_bundle_rows AS old ON old.bundle = ?1 AND old.file = ?3 AND old.key = now.key \
     WHERE now.file = ?2";

const REMOVED: &str = "SELECT key, row FROM main.rollbook_bundle_rows AS old WHERE bundle = ?1 AND file = ?3 AND NOT EXISTS \
     (SELECT 1 FROM temp.bundle_rows AS now WHERE now.file = ?2 AND now.key = old.key) ORDER BY key";

fn execute(connection: &Connection, sql: &str) -> Result<u64, StoreError> {
    connection
        .execute(sql, [])
        .map(|count| count as u64)
        .map_err(StoreError::sql("leave out rows of a bundle"))
}

#[cfg(test)]
mod tests;
