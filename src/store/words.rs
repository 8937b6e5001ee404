//! Words of our own tables, read back as the types of `model/`.

use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, Type, ValueRef};

use crate::model::{Cause, Outcome};

/// The error of a word that no release of ours writes: the table was changed from outside, or is damaged.
pub(super) fn damaged(place: usize, what: &str, word: &str) -> rusqlite::Error {
    let message = format!("`{word}` is no {what} of ours");
    rusqlite::Error::FromSqlConversionFailure(place, Type::Text, message.into())
}

/// An outcome, from the columns with its word and with the class of a failure; `None` while there is no end.
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
            .ok_or_else(|| FromSqlError::Other(format!("`{word}` is no cause of ours").into()))
    }
}
