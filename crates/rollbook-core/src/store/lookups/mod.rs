//! What the mirror adds to codes: views with labels, crosswalks to combo lists, and counts of what has neither.
//!
//! Everything here is derived from mirrored rows and from files that admins wrote, and can be rebuilt at any time. It
//! is updated in the transaction that changes the rows, and only if they changed.

mod count;
mod crosswalk;
mod entries;
mod keep;
mod labels;
mod views;

use crate::model::{By, CrosswalkName, Reference, SourceName, StreamName, Table};

pub use count::{unmapped_values, values_of};
pub use crosswalk::{Resolved, TargetState, resolve, resolve_all};
pub use entries::{ComboEntry, entries_of, left_at, lists_of};
pub use keep::{after_rows, fit};
pub(super) use views::drop_views;

/// Where the combo lists of a source are mirrored: the names of a table and of its columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComboTable {
    /// The source.
    pub source: SourceName,
    /// The stream.
    pub stream: StreamName,
    /// The column with the list's name.
    pub list: String,
    /// The column with the entry's id.
    pub id: String,
    /// The column with the entry's code.
    pub code: String,
    /// The column with what the entry means.
    pub label: String,
    /// The boolean column that is 0 when the entry is retired.
    pub active: Option<String>,
}

impl ComboTable {
    /// `<source>_<stream>`.
    pub fn name(&self) -> String {
        format!("{}_{}", self.source, self.stream)
    }

    /// The index by code.
    fn codes_index(&self) -> String {
        format!("{}_codes", self.name())
    }

    /// The column that an entry is found by.
    pub fn column(&self, by: By) -> &str {
        match by {
            By::Id => &self.id,
            By::Code => &self.code,
            By::Description => &self.label,
        }
    }
}

/// The columns of a table that refer to combo lists of its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct References {
    /// The source.
    pub source: SourceName,
    /// The stream.
    pub stream: StreamName,
    /// Columns, in the table's order, and what they refer to.
    pub columns: Vec<(String, Reference)>,
}

impl References {
    /// Only the columns that there are.
    fn within(&self, is_there: impl Fn(&str) -> bool) -> Self {
        Self {
            columns: (self.columns.iter())
                .filter(|(name, _)| is_there(name))
                .cloned()
                .collect(),
            ..self.clone()
        }
    }
}

/// One column of a stream that a crosswalk maps.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MappedColumn {
    /// The source.
    pub source: SourceName,
    /// The stream.
    pub stream: StreamName,
    /// The column.
    pub column: String,
}

impl MappedColumn {
    /// The table's name.
    pub fn table(&self) -> String {
        format!("{}_{}", self.source, self.stream)
    }
}

/// A crosswalk: values of columns, and the entries of a combo list that they mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crosswalk {
    /// Its name: the file's.
    pub name: CrosswalkName,
    /// The columns whose values it maps.
    pub columns: Vec<MappedColumn>,
    /// The source of the list.
    pub source: SourceName,
    /// The list.
    pub list: String,
    /// By what the targets name an entry.
    pub by: By,
    /// A value, or none for every value that no line names; and its target.
    pub lines: Vec<(Option<String>, String)>,
}

/// All that is added to the codes of some sources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lookups {
    /// Where combo lists are mirrored, at most one a source.
    pub combos: Vec<ComboTable>,
    /// Tables with columns that refer to them.
    pub references: Vec<References>,
    /// The crosswalks.
    pub crosswalks: Vec<Crosswalk>,
    /// Whether views with labels have the codes of references too.
    pub has_codes: bool,
}

impl Lookups {
    /// Without what refers to tables or columns that are not among these.
    pub(in crate::store) fn of_tables(&self, tables: &[Table]) -> Self {
        let table = |source: &SourceName, stream: &StreamName| {
            let mut tables = tables.iter();
            tables.find(|one| one.source == *source && one.stream == *stream)
        };
        let combos = self.combos.iter();
        let references = self.references.iter().filter_map(|one| {
            let table = table(&one.source, &one.stream)?;
            Some(one.within(|column| table.has(column)))
        });
        let crosswalks = self.crosswalks.iter().map(|crosswalk| Crosswalk {
            columns: (crosswalk.columns.iter())
                .filter(|one| {
                    table(&one.source, &one.stream).is_some_and(|table| table.has(&one.column))
                })
                .cloned()
                .collect(),
            ..crosswalk.clone()
        });
        Self {
            combos: combos
                .filter(|one| table(&one.source, &one.stream).is_some())
                .cloned()
                .collect(),
            references: references.collect(),
            crosswalks: crosswalks.collect(),
            has_codes: self.has_codes,
        }
    }

    /// The combo lists of a source.
    pub fn combos_of(&self, source: &SourceName) -> Option<&ComboTable> {
        self.combos.iter().find(|combos| combos.source == *source)
    }
}

#[cfg(test)]
mod tests;
