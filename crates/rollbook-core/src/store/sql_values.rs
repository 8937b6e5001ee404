//! Enums and names in our own tables: stored as texts, parsed when they are read.
//!
//! A value that cannot be parsed is an error of its row: another program changed the table, or it is damaged.

use std::str::FromStr;

use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Type, ValueRef};

use crate::document::text_value::ValueError;
use crate::model::{
    AlertSubject, BundleName, Cause, CrosswalkName, EntryName, HookName, HookSubject, JobName,
    MatchName, Outcome, PublishName, SourceName, StreamName, StreamSet,
};

/// The error for an unknown value.
pub(super) fn damaged(index: usize, what: &str, text: &str) -> rusqlite::Error {
    let message = format!("unknown {what} `{text}`");
    rusqlite::Error::FromSqlConversionFailure(index, Type::Text, message.into())
}

/// An outcome, from its column and that of the failure's class; `None` while the run has not ended.
pub(super) fn outcome_of(
    row: &Row<'_>,
    outcome: usize,
    class: usize,
) -> rusqlite::Result<Option<Outcome>> {
    let (found, kind): (Option<String>, Option<String>) = (row.get(outcome)?, row.get(class)?);
    let Some(found) = found else { return Ok(None) };
    match Outcome::parse(&found, kind.as_deref()) {
        Some(outcome) => Ok(Some(outcome)),
        None => Err(damaged(outcome, "outcome", &found)),
    }
}

/// The outcome of something that has ended.
pub(super) fn ended(row: &Row<'_>, outcome: usize, class: usize) -> rusqlite::Result<Outcome> {
    outcome_of(row, outcome, class)?.ok_or_else(|| damaged(outcome, "outcome", ""))
}

impl FromSql for Cause {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_str()?;
        Cause::parse(text)
            .ok_or_else(|| FromSqlError::Other(format!("unknown cause `{text}`").into()))
    }
}

/// Names are stored as texts, and parsed when they are read.
macro_rules! stored_name {
    ($($name:ident),+) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::from(self.as_str()))
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                parsed(value)
            }
        }
    )+};
}

impl ToSql for StreamSet {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.to_string()))
    }
}

impl FromSql for StreamSet {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        parsed(value)
    }
}

impl ToSql for AlertSubject {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.to_string()))
    }
}

impl FromSql for AlertSubject {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        parsed(value)
    }
}

impl ToSql for HookSubject {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.to_string()))
    }
}

impl FromSql for HookSubject {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        parsed(value)
    }
}

fn parsed<T: FromStr<Err = ValueError>>(value: ValueRef<'_>) -> FromSqlResult<T> {
    let parsed = value.as_str()?.parse();
    parsed.map_err(|complaint: ValueError| FromSqlError::Other(complaint.into()))
}

stored_name!(
    BundleName,
    CrosswalkName,
    EntryName,
    HookName,
    JobName,
    MatchName,
    PublishName,
    SourceName,
    StreamName
);
