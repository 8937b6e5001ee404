//! Words of our own tables, read back as the types of `model/`.

use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, Type, ValueRef};

use crate::model::{Cause, Outcome};

/// The error for an unknown value: the table was changed by another program, or is damaged.
pub(super) fn damaged(index: usize, what: &str, word: &str) -> rusqlite::Error {
    let message = format!("unknown {what} `{word}`");
    rusqlite::Error::FromSqlConversionFailure(index, Type::Text, message.into())
}

/// An outcome, from its column and that of the failure's class; `None` while the run has not ended.
pub(super) fn outcome_of(
    row: &Row<'_>,
    word: usize,
    class: usize,
) -> rusqlite::Result<Option<Outcome>> {
    let (found, kind): (Option<String>, Option<String>) = (row.get(word)?, row.get(class)?);
    let Some(found) = found else { return Ok(None) };
    match Outcome::parse(&found, kind.as_deref()) {
        Some(outcome) => Ok(Some(outcome)),
        None => Err(damaged(word, "outcome", &found)),
    }
}

/// An outcome that is always there.
pub(super) fn ended(row: &Row<'_>, word: usize, class: usize) -> rusqlite::Result<Outcome> {
    outcome_of(row, word, class)?.ok_or_else(|| damaged(word, "outcome", ""))
}

impl FromSql for Cause {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let word = value.as_str()?;
        Cause::parse(word)
            .ok_or_else(|| FromSqlError::Other(format!("unknown cause `{word}`").into()))
    }
}
