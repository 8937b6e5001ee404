//! The definition of a stream's table, as connectors describe it and the store creates it.

use super::combo::Reference;
use super::masking::Masking;
use super::name::{SourceName, StreamName};
use super::person_rows::PersonRows;
use super::row::Kind;

/// One column of a stream's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableColumn {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// How its values were changed before they were stored.
    pub masking: Option<Masking>,
    /// Its path in the connector.
    pub from: String,
    /// What it means.
    pub help: String,
    /// The combo list that explains its values.
    pub combo: Option<Reference>,
    /// The table and column that its values are found in, such as `north_users.id`.
    pub refers_to: Option<String>,
}

/// The table of one stream of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The source.
    pub source: SourceName,
    /// The stream.
    pub stream: StreamName,
    /// The columns in order.
    pub columns: Vec<TableColumn>,
    /// The key's columns.
    pub key: Vec<usize>,
    /// Columns that name the item a row was read for.
    pub partition: Vec<usize>,
    /// The column that orders versions.
    pub newest: Option<usize>,
    /// A row is removed if this column has one of these values (lower case).
    pub removed_status: Option<(usize, Vec<String>)>,
    /// Whether old versions are kept.
    pub history: bool,
    /// Whether its rows are the points of a time series, which are stored by item and time, without what other rows carry
    /// each: `_since` and a fingerprint.
    pub series: bool,
    /// Whose data its rows are.
    pub person: PersonRows,
}

impl Table {
    /// `<source>_<stream>`.
    pub fn name(&self) -> String {
        format!("{}_{}", self.source, self.stream)
    }

    /// The table without some columns, none of which is in the key.
    pub fn without(&self, is_left_out: impl Fn(&str) -> bool) -> Self {
        let stays =
            |index: usize| self.key.contains(&index) || !is_left_out(&self.columns[index].name);
        let kept: Vec<usize> = (0..self.columns.len())
            .filter(|index| stays(*index))
            .collect();
        let place = |index: &usize| kept.iter().position(|one| one == index);
        Self {
            columns: kept
                .iter()
                .map(|index| self.columns[*index].clone())
                .collect(),
            key: self.key.iter().filter_map(place).collect(),
            partition: self.partition.iter().filter_map(place).collect(),
            newest: self.newest.as_ref().and_then(place),
            removed_status: None,
            ..self.clone()
        }
    }

    /// Whether there is such a column.
    pub fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|one| one.name == column)
    }
}

/// What tests start from.
#[cfg(any(test, feature = "testing"))]
impl TableColumn {
    /// A plain column that is read from a member of its name.
    pub fn plain(name: &str, kind: Kind) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            from: format!("{name} : {}", kind.as_str()),
            help: String::new(),
            combo: None,
            refers_to: None,
            masking: None,
        }
    }
}

#[cfg(any(test, feature = "testing"))]
impl Table {
    /// A list of the source `north` whose first column is the key.
    pub fn plain(stream: &str, columns: &[(&str, Kind)]) -> Self {
        let column = |(name, kind): &(&str, Kind)| TableColumn::plain(name, *kind);
        Self {
            source: super::named("north"),
            stream: super::named(stream),
            columns: columns.iter().map(column).collect(),
            key: vec![0],
            partition: Vec::new(),
            newest: None,
            removed_status: None,
            history: true,
            series: false,
            person: PersonRows::None,
        }
    }
}
