//! Matches by a key on either side.

use rusqlite::params;

use super::Reader;
use crate::model::MatchName;
use crate::store::error::StoreError;

/// A match set and its tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchSetTables {
    /// Its name.
    pub name: MatchName,
    /// The table on the left.
    pub left_table: String,
    /// The table on the right.
    pub right_table: String,
}

/// The sets that the mirror has matches of.
pub fn match_sets(reader: &Reader) -> Result<Vec<MatchSetTables>, StoreError> {
    let what = StoreError::sql("list the match sets");
    let mut statement = reader
        .prepare("SELECT match_set, left_table, right_table FROM rollbook_match_sets ORDER BY 1")
        .map_err(&what)?;
    let set = |row: &rusqlite::Row<'_>| {
        Ok(MatchSetTables {
            name: row.get(0)?,
            left_table: row.get(1)?,
            right_table: row.get(2)?,
        })
    };
    statement
        .query_map([], set)
        .and_then(Iterator::collect)
        .map_err(&what)
}

/// One match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchLine {
    /// The key on the left, as [`crate::store::person::key_of_text`] reads it.
    pub left: String,
    /// The key on the right.
    pub right: String,
    /// The rule that found it.
    pub rule: String,
    /// Since when.
    pub since: String,
}

/// The matches of a set with this key on either side.
pub fn matches_of(
    reader: &Reader,
    set: &MatchName,
    key: &str,
) -> Result<Vec<MatchLine>, StoreError> {
    let what = StoreError::sql("find a match");
    let mut statement = reader
        .prepare(
            "SELECT left_key, right_key, rule, since FROM rollbook_matches \
             WHERE match_set = ?1 AND ?2 IN (left_key, right_key) ORDER BY 1, 2",
        )
        .map_err(&what)?;
    statement
        .query_map(params![set, key], |row| {
            Ok(MatchLine {
                left: row.get(0)?,
                right: row.get(1)?,
                rule: row.get(2)?,
                since: row.get(3)?,
            })
        })
        .and_then(Iterator::collect)
        .map_err(&what)
}
