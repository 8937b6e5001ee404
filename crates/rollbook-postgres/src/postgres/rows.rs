//! Rows of one source in a table: written, removed, compared. A statement takes a whole chunk as arrays of texts, one a
//! column, and the database converts them: both what is stored and what is compared is what it understands.
//!
//! What a database cannot have is changed on the way (`values.rs`), and a row whose key does not fit into an index is left out.
//!
//! Not by `COPY`: a server waits for the rest of a stopped publisher's without any limit (decision 0065).

use std::borrow::Cow;

use tokio_postgres::types::{ToSql, Type};

use super::error::DatabaseError;
use super::layout::TargetTable;
use super::named_rows::NamedRows;
use super::session::{DatabaseSession, Parameter};
use super::values::storable;
use super::{literal, quote};
use rollbook_core::model::published::{RowChunk, SOURCE_COLUMN};

/// Bytes of a key: an entry of an index has room for 2,704, and for each column some are needed that are not of the value.
const LONGEST_KEY: usize = 2_500;

/// The rows of a source in a table.
#[derive(Clone, Copy)]
pub struct SourceRows<'a> {
    /// The connection.
    pub session: &'a DatabaseSession,
    /// The schema.
    pub schema: &'a str,
    /// The table.
    pub table: &'a TargetTable,
    /// The source.
    pub source: &'a str,
}

/// What a comparison of a chunk has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChunkDifference {
    /// Rows that are not in the table.
    pub missing: u64,
    /// Rows that are there with other values.
    pub different: u64,
    /// Rows that cannot be there, because their key is too long.
    pub left_out: u64,
}

/// Between which keys a chunk lies: behind the one of the chunk before, and up to its own last one.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyRange<'a> {
    /// Behind this one; from the beginning where there is none.
    pub after: Option<&'a [String]>,
    /// Up to this one; to the end where there is none.
    pub through: Option<&'a [String]>,
}

impl SourceRows<'_> {
    fn place(&self) -> String {
        self.named().place()
    }

    /// The rows of a chunk whose keys fit into an index.
    fn fitting<'c>(&self, chunk: &'c RowChunk) -> Cow<'c, RowChunk> {
        chunk.shorter(&self.table.table.key, LONGEST_KEY - self.source.len())
    }

    fn columns(&self) -> Vec<usize> {
        (0..self.table.table.columns.len()).collect()
    }

    /// Writes the rows of a chunk; those with a known key replace what is there. Where only differences are to be written,
    /// the others are left as they are.
    ///
    /// # Errors
    /// When the database refuses it or does not answer; the same holds for all below.
    pub async fn write(
        &self,
        chunk: &RowChunk,
        only_differences: bool,
    ) -> Result<u64, DatabaseError> {
        let fitting = self.fitting(chunk);
        if fitting.len() < chunk.len() {
            tracing::warn!(
                table = self.table.name,
                source = self.source,
                rows = chunk.len() - fitting.len(),
                "rows are not published: their keys are longer than {LONGEST_KEY} bytes, which no index of the database can hold"
            );
        }
        let chunk = fitting.as_ref();
        let columns = &self.table.table.columns;
        let all = self.columns();
        let key = &self.table.table.key;
        let others: Vec<String> = all
            .iter()
            .filter(|column| !key.contains(column))
            .map(|column| quote(&columns[*column].name))
            .collect();
        let of = |prefix: &str| {
            let names = others.iter().map(|name| format!("{prefix}{name}"));
            names.collect::<Vec<_>>().join(", ")
        };
        let place = self.place();
        let update = match others.is_empty() {
            true => "DO NOTHING".to_owned(),
            false => {
                let sets: Vec<String> = others
                    .iter()
                    .map(|name| format!("{name} = excluded.{name}"))
                    .collect();
                let differing = match only_differences {
                    true => format!(
                        " WHERE ({}) IS DISTINCT FROM ({})",
                        of("old."),
                        of("excluded.")
                    ),
                    false => String::new(),
                };
                format!("DO UPDATE SET {}{differing}", sets.join(", "))
            }
        };
        let sql = format!(
            "INSERT INTO {place} AS old ({SOURCE_COLUMN}, {names}) SELECT $1, {values} FROM {new} \
             ON CONFLICT ({SOURCE_COLUMN}, {key}) {update}",
            names = self.names(&all, ""),
            values = self.values(&all),
            new = unnest(all.len(), 2),
            key = self.names(key, ""),
        );
        let arrays = self.arrays(&all, &chunk.columns);
        self.execute(&sql, &arrays, &[]).await
    }

    /// Removes rows by the keys of a chunk.
    pub async fn remove(&self, keys: &RowChunk) -> Result<u64, DatabaseError> {
        let key = &self.table.table.key;
        let sql = format!(
            "DELETE FROM {} AS old USING (SELECT {} FROM {}) AS gone ({}) WHERE old.{SOURCE_COLUMN} = $1 AND {}",
            self.place(),
            self.values(key),
            unnest(key.len(), 2),
            self.names(key, ""),
            self.same_key("gone"),
        );
        let arrays = self.arrays(key, &keys.columns);
        self.execute(&sql, &arrays, &[]).await
    }

    /// Removes the rows of a range of keys that are not in its chunk.
    pub async fn remove_others(
        &self,
        chunk: &RowChunk,
        range: KeyRange<'_>,
    ) -> Result<u64, DatabaseError> {
        let key = &self.table.table.key;
        let keys: Vec<Vec<Option<String>>> = key
            .iter()
            .map(|column| chunk.columns.get(*column).cloned().unwrap_or_default())
            .collect();
        let (condition, bounds) = self.within(range, 2 + key.len());
        let sql = format!(
            "DELETE FROM {} AS old WHERE old.{SOURCE_COLUMN} = $1{condition} AND NOT EXISTS \
             (SELECT 1 FROM (SELECT {} FROM {}) AS kept ({}) WHERE {})",
            self.place(),
            self.values(key),
            unnest(key.len(), 2),
            self.names(key, ""),
            self.same_key("kept"),
        );
        let arrays = self.arrays(key, &keys);
        self.execute(&sql, &arrays, &bounds).await
    }

    /// Compares the rows of a chunk with the table's.
    pub async fn compare(&self, chunk: &RowChunk) -> Result<ChunkDifference, DatabaseError> {
        let fitting = self.fitting(chunk);
        let left_out = chunk.len() - fitting.len();
        let chunk = fitting.as_ref();
        let all = self.columns();
        let sql = format!(
            "SELECT count(*) FILTER (WHERE old.{SOURCE_COLUMN} IS NULL), \
             count(*) FILTER (WHERE old.{SOURCE_COLUMN} IS NOT NULL AND ({old}) IS DISTINCT FROM ({new})) \
             FROM (SELECT {values} FROM {arrays}) AS new ({names}) \
             LEFT JOIN {place} AS old ON old.{SOURCE_COLUMN} = $1 AND {same}",
            old = self.names(&all, "old."),
            new = self.names(&all, "new."),
            values = self.values(&all),
            arrays = unnest(all.len(), 2),
            names = self.names(&all, ""),
            place = self.place(),
            same = self.same_key("new"),
        );
        let arrays = self.arrays(&all, &chunk.columns);
        let values = parameters(&self.source, &arrays, &[]);
        let rows = self.session.query(&sql, &values).await?;
        let count = |index| -> Result<u64, DatabaseError> {
            let row = rows.first();
            let count = row.map(|row| row.get::<_, i64>(index));
            let count = count.and_then(|count| u64::try_from(count).ok());
            count.ok_or_else(|| DatabaseError::Answer("it counts no rows".to_owned()))
        };
        Ok(ChunkDifference {
            missing: count(0)?,
            different: count(1)?,
            left_out: left_out as u64,
        })
    }

    /// Removes some rows whose column is before a value, or some of all where there is none; 0 when none is left.
    pub async fn remove_some_before(
        &self,
        column: &str,
        oldest: Option<&str>,
    ) -> Result<u64, DatabaseError> {
        let Some(oldest) = oldest else {
            return self.remove_some().await;
        };
        let mut columns = self.table.table.columns.iter().zip(&self.table.types);
        let kind = columns.find(|(one, _)| one.name == column);
        let kind = kind.map_or("text", |(_, kind)| kind.as_str());
        let condition = format!(" AND {} < {}::{kind}", quote(column), literal(oldest));
        self.remove_some_where(&condition).await
    }

    /// Removes some rows of the source, those with the first keys; 0 when none is left.
    pub async fn remove_some(&self) -> Result<u64, DatabaseError> {
        self.remove_some_where("").await
    }

    async fn remove_some_where(&self, condition: &str) -> Result<u64, DatabaseError> {
        let key = self.names(&self.table.table.key, "");
        self.named().remove_some(&key, condition).await
    }

    /// The same rows, by the name of the table alone.
    pub fn named(&self) -> NamedRows<'_> {
        NamedRows {
            session: self.session,
            schema: self.schema,
            table: &self.table.name,
            source: self.source,
        }
    }

    async fn execute(
        &self,
        sql: &str,
        arrays: &[Vec<Option<Cow<'_, str>>>],
        bounds: &[Cow<'_, str>],
    ) -> Result<u64, DatabaseError> {
        let values = parameters(&self.source, arrays, bounds);
        self.session.execute(sql, &values).await
    }

    fn names(&self, columns: &[usize], prefix: &str) -> String {
        let columns = columns.iter().map(|column| {
            let name = quote(&self.table.table.columns[*column].name);
            format!("{prefix}{name}")
        });
        columns.collect::<Vec<_>>().join(", ")
    }

    /// The columns of `unnest` with their types.
    fn values(&self, columns: &[usize]) -> String {
        let values = columns.iter().enumerate().map(|(number, column)| {
            let kind = &self.table.types[*column];
            format!("new.c{number}::{kind}")
        });
        values.collect::<Vec<_>>().join(", ")
    }

    fn same_key(&self, other: &str) -> String {
        let key = self.table.table.key.iter();
        let same = key.map(|key| {
            let name = quote(&self.table.table.columns[*key].name);
            format!("old.{name} = {other}.{name}")
        });
        same.collect::<Vec<_>>().join(" AND ")
    }

    /// A condition on the key, and its values; parameters from `first` on.
    fn within<'k>(&self, range: KeyRange<'k>, first: usize) -> (String, Vec<Cow<'k, str>>) {
        let key = &self.table.table.key;
        let (mut condition, mut values) = (String::new(), Vec::new());
        for (sign, bound) in [(">", range.after), ("<=", range.through)] {
            let Some(bound) = bound else { continue };
            let casts = key.iter().enumerate().map(|(number, column)| {
                let parameter = first + values.len() + number;
                let collation = match self.table.types[*column].as_str() {
                    "text" => " COLLATE \"C\"",
                    _ => "",
                };
                format!(
                    "${parameter}::text::{}{collation}",
                    self.table.types[*column]
                )
            });
            let casts: Vec<String> = casts.collect();
            condition += &format!(
                " AND ({}) {sign} ({})",
                self.names(key, "old."),
                casts.join(", ")
            );
            let kinds = key
                .iter()
                .map(|column| self.table.table.columns[*column].kind);
            values.extend(kinds.zip(bound).map(|(kind, text)| storable(kind, text)));
        }
        (condition, values)
    }

    /// The values of columns, as the database can have them.
    fn arrays<'v>(
        &self,
        columns: &[usize],
        values: &'v [Vec<Option<String>>],
    ) -> Vec<Vec<Option<Cow<'v, str>>>> {
        let of_column = |(column, values): (&usize, &'v Vec<Option<String>>)| {
            let kind = self.table.table.columns[*column].kind;
            let value = |value: &'v Option<String>| Some(storable(kind, value.as_deref()?));
            values.iter().map(value).collect()
        };
        columns.iter().zip(values).map(of_column).collect()
    }
}

/// `unnest($2::text[], …) AS new (c0, …)`.
fn unnest(width: usize, first: usize) -> String {
    let arrays = (first..first + width).map(|number| format!("${number}::text[]"));
    let names = (0..width).map(|number| format!("c{number}"));
    format!(
        "unnest({}) AS new ({})",
        arrays.collect::<Vec<_>>().join(", "),
        names.collect::<Vec<_>>().join(", ")
    )
}

fn parameters<'a>(
    source: &'a &'a str,
    arrays: &'a [Vec<Option<Cow<'a, str>>>],
    bounds: &'a [Cow<'a, str>],
) -> Vec<Parameter<'a>> {
    let array =
        |array: &'a Vec<Option<Cow<'a, str>>>| (array as &(dyn ToSql + Sync), Type::TEXT_ARRAY);
    let bound = |bound: &'a Cow<'a, str>| (bound as &(dyn ToSql + Sync), Type::TEXT);
    let source: Parameter<'a> = (source, Type::TEXT);
    let arrays = arrays.iter().map(array);
    [source]
        .into_iter()
        .chain(arrays)
        .chain(bounds.iter().map(bound))
        .collect()
}
