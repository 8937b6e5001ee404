//! Messages and names of items that contain a text of an erased person: the text is replaced, or the record deleted.
//!
//! A message names no person by design; the value of a guard's group column, or an item of `for_each`, can be one.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use crate::store::person::exists;
use crate::store::suppression::Suppression;

/// Texts shorter than this are not looked for: they would be found by chance.
pub(super) const MIN_TEXT: usize = 4;

/// What takes the place of a text.
const ERASED: &str = "(erased)";

/// Columns with texts that may contain values.
const COLUMNS: [(&str, &str); 11] = [
    ("rollbook_runs", "message"),
    ("rollbook_run_streams", "message"),
    ("rollbook_run_streams", "unlisted"),
    ("rollbook_rejects", "path"),
    ("rollbook_rejects", "reason"),
    ("rollbook_row_problems", "reason"),
    ("rollbook_jobs", "parked"),
    ("rollbook_outbox", "message"),
    ("rollbook_adaptations", "refusal"),
    ("rollbook_accounts", "name"),
    ("rollbook_accounts", "keys"),
];

/// All texts that may contain values, as one: what is not in it need not be looked for.
pub(super) fn all_texts(connection: &Connection) -> rusqlite::Result<String> {
    let items = [
        ("rollbook_checkpoints", "item"),
        ("rollbook_checkpoints", "same"),
    ];
    let mut all = String::new();
    for (table, column) in COLUMNS.into_iter().chain(items) {
        if !has_column(connection, table, column)? {
            continue;
        }
        let sql = format!("SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL");
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            all.push_str(&row.get::<_, String>(0)?);
            all.push('\n');
        }
    }
    Ok(all)
}

fn has_column(connection: &Connection, table: &str, column: &str) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2)",
        [table, column],
        |row| row.get(0),
    )
}

/// Replaces the texts, and deletes checkpoints of items that have one in their name; returns deleted and changed rows by
/// table.
pub(super) fn scrub(
    connection: &Connection,
    texts: &[String],
    list: &Suppression,
) -> rusqlite::Result<BTreeMap<&'static str, (usize, usize)>> {
    let mut counts: BTreeMap<&'static str, (usize, usize)> = BTreeMap::new();
    for (table, column) in COLUMNS {
        let changed = scrub_column(connection, (table, column), texts, list)?;
        counts.entry(table).or_default().1 += changed;
    }
    let items = "rollbook_checkpoints";
    if exists(connection, items)? {
        let mut statement = connection.prepare(
            "SELECT rowid, item || ' ' || coalesce(same, '') FROM rollbook_checkpoints WHERE item <> '' OR same IS NOT NULL",
        )?;
        let found: Vec<(i64, String)> = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        for (row, item) in found {
            if without(&item, texts, list).is_some() {
                connection.execute("DELETE FROM rollbook_checkpoints WHERE rowid = ?1", [row])?;
                counts.entry(items).or_default().0 += 1;
            }
        }
    }
    Ok(counts)
}

fn scrub_column(
    connection: &Connection,
    (table, column): (&str, &str),
    texts: &[String],
    list: &Suppression,
) -> rusqlite::Result<usize> {
    if !has_column(connection, table, column)? {
        return Ok(0);
    }
    let sql = format!("SELECT rowid, {column} FROM {table} WHERE {column} IS NOT NULL");
    let mut statement = connection.prepare(&sql)?;
    let found: Vec<(i64, String)> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut changed = 0;
    for (row, message) in found {
        if let Some(message) = without(&message, texts, list) {
            // A reject that is the same without the text: one row is enough.
            let sql = format!("UPDATE OR REPLACE {table} SET {column} = ?2 WHERE rowid = ?1");
            connection
                .prepare_cached(&sql)?
                .execute(params![row, message])?;
            changed += 1;
        }
    }
    Ok(changed)
}

/// The message with the texts replaced, where they are whole words, and with keys of erased rows; nothing if it has none of
/// them. Keys are found by the list too, because a message may be written after the row is gone.
fn without(message: &str, texts: &[String], list: &Suppression) -> Option<String> {
    let mut result = message.to_owned();
    for text in texts {
        let mut from = 0;
        while let Some(at) = result[from..].find(text.as_str()).map(|at| at + from) {
            let end = at + text.len();
            let is_word = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
            let is_part =
                is_word(result[..at].chars().next_back()) || is_word(result[end..].chars().next());
            if is_part {
                from = end;
            } else {
                result.replace_range(at..end, ERASED);
                from = at + ERASED.len();
            }
        }
    }
    let is_sign = |character: char| !character.is_alphanumeric();
    let words = message
        .split_whitespace()
        .map(|word| word.trim_matches(is_sign));
    let keys = words.filter(|word| word.len() >= MIN_TEXT && list.has_word(word));
    for key in keys {
        result = result.replace(key, ERASED);
    }
    (result != message).then_some(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::named;
    use crate::store::suppression::{HashTarget, Suppressed, SuppressedKind, SuppressionKey};

    #[test]
    fn only_whole_words_are_replaced() {
        let texts = ["u-17".to_owned(), "Zoë Quill".to_owned(), "1742".to_owned()];
        let mut list = Suppression::new(vec![SuppressionKey::new(b"one")]);
        let target = HashTarget {
            source: named("north"),
            stream: named("users"),
            columns: "id".to_owned(),
        };
        let hash = list.hash(&target, &["k-900.1".to_owned()]).expect("a key");
        list.insert(Suppressed { target, hash }, SuppressedKind::Row);
        for (message, expected) in [
            (
                "could not read u-17: 403",
                Some("could not read (erased): 403"),
            ),
            (
                "all 6 rows of u-17 would be removed",
                Some("all 6 rows of (erased) would be removed"),
            ),
            ("u-171 and xu-17", None),
            ("Zoë Quill, Zoë Quill", Some("(erased), (erased)")),
            (
                "received 1742 rows, not 17420",
                Some("received (erased) rows, not 17420"),
            ),
            ("received 3 rows", None),
            (
                "not served: k-900.1, k-900: 403",
                Some("not served: (erased), k-900: 403"),
            ),
        ] {
            assert_eq!(
                without(message, &texts, &list).as_deref(),
                expected,
                "{message}"
            );
        }
    }
}
