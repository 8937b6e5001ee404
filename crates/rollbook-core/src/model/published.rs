//! The tables of a published database, and rows on their way to it.
//!
//! A stream has two: its rows, and their old versions. Rows travel by column and as the texts that the mirror has, so that
//! one statement takes a whole chunk and its types are the database's.

use std::borrow::Cow;

use super::combo::Reference;
use super::row::Kind;
use super::table::Table;

/// Which of a stream's two tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PublishedPart {
    /// The rows.
    Live,
    /// Their old versions.
    History,
}

/// A column of a published table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedColumn {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// What it means.
    pub help: String,
    /// The combo list that explains its values.
    pub combo: Option<Reference>,
}

impl PublishedColumn {
    /// Its name in the mirror.
    pub fn mirrored_name(&self) -> &str {
        let renamed = self.name.strip_prefix('_');
        match renamed.filter(|name| TAKEN.contains(name)) {
            Some(name) => name,
            None => &self.name,
        }
    }
}

/// A table of a published database, without the column of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedTable {
    /// Which of the stream's.
    pub part: PublishedPart,
    /// Its columns: the connector's, then Rollbook's own.
    pub columns: Vec<PublishedColumn>,
    /// The columns that identify a row of a source.
    pub key: Vec<usize>,
}

/// The number of an old version among those of one row that ended in the same millisecond.
pub const VERSION_NUMBER: &str = "_n";

/// The column that the publisher adds in front of all others.
pub const SOURCE_COLUMN: &str = "source";

/// Names that a connector's column cannot have in the database, those of PostgreSQL's own columns too: it gets an underscore in
/// front, with which no connector's column begins by itself.
const TAKEN: [&str; 7] = [
    SOURCE_COLUMN,
    "ctid",
    "xmin",
    "xmax",
    "cmin",
    "cmax",
    "tableoid",
];

impl PublishedTable {
    /// The table of a stream's rows.
    pub fn live(table: &Table) -> Self {
        let mut columns = connector_columns(table);
        if !table.series {
            columns.push(since());
        }
        columns.push(run());
        Self {
            part: PublishedPart::Live,
            columns,
            key: table.key.clone(),
        }
    }

    /// The table of their old versions; none of a stream that keeps none.
    pub fn history(table: &Table) -> Option<Self> {
        if !table.history {
            return None;
        }
        let mut columns = connector_columns(table);
        columns.extend([since(), run()]);
        let until = columns.len();
        columns.extend([
            own("_until", Kind::Timestamp, "when this version ended"),
            own("_ended", Kind::Text, "changed or removed"),
            own("_ended_run", Kind::Integer, "the run that ended it"),
            own(
                VERSION_NUMBER,
                Kind::Integer,
                "its number among the versions of the row that ended in the same millisecond",
            ),
        ]);
        let number = columns.len() - 1;
        let key = table.key.iter().copied().chain([until, number]).collect();
        Some(Self {
            part: PublishedPart::History,
            columns,
            key,
        })
    }

    /// Both.
    pub fn all(table: &Table) -> Vec<Self> {
        [Some(Self::live(table)), Self::history(table)]
            .into_iter()
            .flatten()
            .collect()
    }
}

fn connector_columns(table: &Table) -> Vec<PublishedColumn> {
    let columns = table.columns.iter();
    let column = columns.map(|column| PublishedColumn {
        name: match column.name.as_str() {
            name if TAKEN.contains(&name) => format!("_{name}"),
            name => name.to_owned(),
        },
        kind: column.kind,
        help: column.help.clone(),
        combo: column.combo.clone(),
    });
    column.collect()
}

fn since() -> PublishedColumn {
    own("_since", Kind::Timestamp, "when this version was received")
}

fn run() -> PublishedColumn {
    own("_run", Kind::Integer, "the run that received it")
}

fn own(name: &str, kind: Kind, help: &str) -> PublishedColumn {
    PublishedColumn {
        name: name.to_owned(),
        kind,
        help: help.to_owned(),
        combo: None,
    }
}

/// A chunk of rows, by column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowChunk {
    /// Each column's values, all of the same length.
    pub columns: Vec<Vec<Option<String>>>,
    /// How many bytes the values take.
    pub bytes: usize,
}

impl RowChunk {
    /// An empty chunk of so many columns.
    pub fn of_width(width: usize) -> Self {
        Self {
            columns: vec![Vec::new(); width],
            bytes: 0,
        }
    }

    /// How many rows it has.
    pub fn len(&self) -> usize {
        self.columns.first().map_or(0, Vec::len)
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Without the rows whose values in some columns have more bytes together; all of it where there is none.
    pub fn shorter(&self, columns: &[usize], most: usize) -> Cow<'_, Self> {
        let length = |row: usize| -> usize {
            let values = columns
                .iter()
                .filter_map(|column| self.columns.get(*column)?.get(row)?.as_ref());
            values.map(String::len).sum()
        };
        let kept: Vec<usize> = (0..self.len()).filter(|row| length(*row) <= most).collect();
        if kept.len() == self.len() {
            return Cow::Borrowed(self);
        }
        let of_column =
            |values: &Vec<Option<String>>| kept.iter().map(|row| values[*row].clone()).collect();
        Cow::Owned(Self {
            columns: self.columns.iter().map(of_column).collect(),
            bytes: self.bytes,
        })
    }

    /// The values of some columns in the last row.
    pub fn last(&self, columns: &[usize]) -> Option<Vec<String>> {
        let values = columns.iter();
        values
            .map(|column| self.columns.get(*column)?.last()?.clone())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_has_two_tables() {
        let columns = [("id", Kind::Integer), ("source", Kind::Text)];
        let table = Table::plain("users", &columns);
        let names = |table: &PublishedTable| {
            let names = table.columns.iter().map(|column| column.name.clone());
            names.collect::<Vec<_>>().join(" ")
        };
        let live = PublishedTable::live(&table);
        assert_eq!(names(&live), "id _source _since _run");
        assert_eq!(live.key, [0]);
        let history = PublishedTable::history(&table).expect("kept");
        assert_eq!(
            names(&history),
            "id _source _since _run _until _ended _ended_run _n"
        );
        assert_eq!(history.key, [0, 4, 7]);
        let series = Table {
            history: false,
            series: true,
            ..table
        };
        assert_eq!(names(&PublishedTable::live(&series)), "id _source _run");
        assert_eq!(PublishedTable::history(&series), None);
    }
}
