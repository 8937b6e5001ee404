//! Who did what.

use rusqlite::Row;
use serde::Serialize;

use super::Reader;
use crate::store::error::StoreError;

/// A recorded action.
#[derive(Clone, Debug, Serialize)]
pub struct AuditLine {
    /// When.
    pub at: String,
    /// The user's number.
    pub uid: u32,
    /// The user's name.
    pub user: String,
    /// What was done: a word of [`crate::model::AuditedAction`].
    pub action: String,
    /// To what: a job, a run, a source, a file.
    pub subject: String,
    /// A changed file's SHA-256; nothing for one that was removed.
    pub hash: Option<String>,
}

/// The newest actions, newest first.
pub fn audit(reader: &Reader, limit: u32) -> Result<Vec<AuditLine>, StoreError> {
    let what = StoreError::sql("list recorded actions");
    let line = |row: &Row<'_>| {
        Ok(AuditLine {
            at: row.get(0)?,
            uid: row.get(1)?,
            user: row.get(2)?,
            action: row.get(3)?,
            subject: row.get(4)?,
            hash: row.get(5)?,
        })
    };
    let mut statement = reader
        .prepare(
            "SELECT at, uid, user, action, subject, hash FROM rollbook_audit ORDER BY id DESC LIMIT ?1",
        )
        .map_err(&what)?;
    statement
        .query_map([limit], line)
        .and_then(Iterator::collect)
        .map_err(&what)
}
