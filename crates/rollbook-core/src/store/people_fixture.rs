//! Tables of people for tests of erasures and of the suppression list.

use crate::model::row::Kind;
use crate::model::{PersonColumn, PersonRows, Table, TableColumn};

/// A column, and the stream and column that it refers to; nothing where the latter is empty.
pub type PersonalColumn<'a> = (&'a str, Kind, &'a str);

/// A list whose first column is the key.
pub fn table(stream: &str, columns: &[PersonalColumn<'_>], person: PersonRows) -> Table {
    let column = |(name, kind, refers_to): &PersonalColumn<'_>| TableColumn {
        refers_to: (!refers_to.is_empty()).then(|| format!("north_{refers_to}")),
        ..TableColumn::plain(name, *kind)
    };
    Table {
        columns: columns.iter().map(column).collect(),
        person,
        ..Table::plain(stream, &[])
    }
}

/// Rows are about the person that this column refers to, those with these values if there are some.
pub fn about(column: &str, refers_to: &str, rows: &[(&str, &str)]) -> PersonRows {
    let rows = rows.iter();
    PersonRows::About(vec![PersonColumn {
        column: column.to_owned(),
        refers_to: format!("north_{refers_to}"),
        rows: rows
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    }])
}

/// A log of changes of several kinds of rows, some of which are a person's.
pub fn log(people: &str, entity: &str) -> Table {
    let columns = [
        ("id", Kind::Integer, ""),
        ("record", Kind::Integer, ""),
        ("entity", Kind::Text, ""),
    ];
    let person = about("record", &format!("{people}.id"), &[("entity", entity)]);
    table("log", &columns, person)
}
