//! One SQL text of a bundle: run with its parameters, and a mistake located in it.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::model::bundle::{BundleParameter, BundleQuestion};
use crate::store::error::StoreError;

/// Values by name.
pub(super) type SqlParameters<'a> = &'a BTreeMap<String, BundleParameter>;

/// Where in a bundle's file an SQL text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BundleSql {
    /// The question of a file.
    Question(usize),
    /// A rule of a file.
    Rule(usize, usize),
}

/// Why the rows of a bundle are not known.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A question or rule is wrong.
    #[error("{message}")]
    Sql {
        /// Which.
        at: BundleSql,
        /// What is wrong.
        message: String,
        /// The byte of the text that it is about.
        offset: Option<usize>,
    },
    /// The columns do not fit.
    #[error("{message}")]
    Columns {
        /// The file's number.
        file: usize,
        /// What is wrong.
        message: String,
    },
    /// The mirror cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Runs a text with what is before and after it; an error is located in the text.
pub(super) fn run(
    connection: &Connection,
    (before, text, after): (&str, &str, &str),
    parameters: SqlParameters<'_>,
    at: BundleSql,
) -> Result<u64, BundleError> {
    let wrong = |message: String, offset: Option<usize>| BundleError::Sql {
        at,
        message,
        offset,
    };
    let failed = |error: rusqlite::Error| match error {
        rusqlite::Error::SqlInputError { msg, offset, .. } => {
            let offset = usize::try_from(offset).ok();
            let offset = offset.and_then(|offset| offset.checked_sub(before.len()));
            wrong(msg, offset.map(|offset| offset.min(text.len())))
        }
        error if error.sqlite_error_code() == Some(rusqlite::ErrorCode::Unknown) => {
            let message = plain_message(&error);
            // SQLite names a table without its place.
            let table = message.strip_prefix("no such table: ");
            let offset = table.and_then(|name| text.find(name));
            wrong(message, offset)
        }
        error => StoreError::sql("ask the question of a bundle")(error).into(),
    };
    let mut statement = connection
        .prepare(&format!("{before}{text}{after}"))
        .map_err(failed)?;
    for index in 1..=statement.parameter_count() {
        let name = statement.parameter_name(index).unwrap_or("?").to_owned();
        let value = match parameters.get(name.trim_start_matches([':', '@', '$'])) {
            Some(BundleParameter::Number(number)) => statement.raw_bind_parameter(index, number),
            Some(BundleParameter::Text(text)) => statement.raw_bind_parameter(index, text),
            None => {
                let message = format!("there is no parameter `{name}`");
                return Err(wrong(message, text.find(&name)));
            }
        };
        value.map_err(failed)?;
    }
    statement
        .raw_execute()
        .map(|count| count as u64)
        .map_err(failed)
}

fn plain_message(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        error => error.to_string(),
    }
}

/// The columns of a temporary table.
pub(super) fn columns_of(connection: &Connection, table: &str) -> Result<Vec<String>, StoreError> {
    let what = StoreError::sql("look for the columns of a bundle");
    let mut statement = connection
        .prepare("SELECT name FROM pragma_table_info(?1, 'temp')")
        .map_err(&what)?;
    statement
        .query_map([table], |row| row.get(0))
        .and_then(Iterator::collect)
        .map_err(&what)
}

/// The columns that the bundle's file names are those of its question.
pub(super) fn check_columns(
    number: usize,
    question: &BundleQuestion,
    columns: &[String],
) -> Result<(), BundleError> {
    let names = question.key.iter();
    let names = names.chain(question.references.iter().map(|one| &one.column));
    match names.into_iter().find(|name| !columns.contains(name)) {
        None => Ok(()),
        Some(name) => Err(missing(number, &question.file, name)),
    }
}

/// A column that a question does not have.
pub(super) fn missing(file: usize, name: &str, column: &str) -> BundleError {
    BundleError::Columns {
        file,
        message: format!("the question of {name} has no column `{column}`"),
    }
}
