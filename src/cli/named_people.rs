//! Whom an admin means: by the key of a row, by values of its columns, by a match, or by a file of keys.

use std::path::Path;

use super::exit::Exit;
use super::mirror_access::MirrorAccess;
use super::table::many;
use crate::spreadsheets::commas;
use crate::spreadsheets::grid::SheetCell;
use rollbook_core::document::suggest::advice;
use rollbook_core::model::Table;
use rollbook_core::store::person::{PersonKey, key_of_text};
use rollbook_core::store::queries::{self, MatchLine, Reader};

/// Keys in the message about several rows.
const KEYS_SHOWN: usize = 10;

/// The rows of one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPerson {
    /// One for each source.
    pub rows: Vec<PersonKey>,
}

impl NamedPerson {
    fn of(table: &Table, key: Vec<String>) -> Self {
        let table = table.name();
        Self {
            rows: vec![PersonKey { table, key }],
        }
    }
}

/// The person whose row has a key.
pub fn by_key(access: &MirrorAccess, stream: &str, key: &[String]) -> Result<NamedPerson, Exit> {
    let table = access.table(stream)?;
    check_key(&table, key)?;
    Ok(NamedPerson::of(&table, key.to_vec()))
}

/// The person whose row has, or had, these values: `COLUMN=VALUE` each.
pub fn by_columns(
    access: &MirrorAccess,
    stream: &str,
    conditions: &[String],
) -> Result<NamedPerson, Exit> {
    let table = access.table(stream)?;
    let key = key_where(access.mirror()?, &table, conditions)?;
    Ok(NamedPerson::of(&table, key))
}

/// `SET:KEY`: the rows on both sides of the matches with this key on either side.
pub fn by_match(access: &MirrorAccess, person: &str) -> Result<NamedPerson, Exit> {
    let Some((set, key)) = person.split_once(':') else {
        return Err(Exit::usage(
            "write a person as SET:KEY, with a set of crosswalks/people.toml and the key of the person's row on either side",
        ));
    };
    let mirror = access.mirror()?;
    let sets = queries::match_sets(mirror)?;
    let Some(found) = sets.iter().find(|one| one.name == *set) else {
        let help = advice(set, sets.iter().map(|one| one.name.as_str()));
        return Err(Exit::usage(format!(
            "there is no match set `{set}`; {help}"
        )));
    };
    let mut rows = Vec::new();
    let lines = queries::matches_of(mirror, &found.name, key)?;
    if are_two_people(&lines, key) {
        return Err(Exit::failed(format!(
            "rollbook: in {set} the key {key} is that of a row of {} and of one of {}, which are different people; \
             name the person by the key on the other side of the match, or by STREAM KEY",
            found.left_table, found.right_table
        )));
    }
    for line in lines {
        for (table, key) in [
            (&found.left_table, line.left),
            (&found.right_table, line.right),
        ] {
            let table = access.table(table)?;
            let row = PersonKey {
                key: key_of_text(&table, &key),
                table: table.name(),
            };
            if !rows.contains(&row) {
                rows.push(row);
            }
        }
    }
    if rows.is_empty() {
        return Err(Exit::failed(format!(
            "rollbook: no match in {set} has this key; name the row itself by STREAM KEY"
        )));
    }
    Ok(NamedPerson { rows })
}

/// Whether the rows of both tables with a key are not matched with each other: two vendors number their people alike.
fn are_two_people(lines: &[MatchLine], key: &str) -> bool {
    let is_both = lines
        .iter()
        .any(|line| line.left == key && line.right == key);
    let is_left = lines.iter().any(|line| line.left == key);
    let is_right = lines.iter().any(|line| line.right == key);
    is_left && is_right && !is_both
}

/// A line is a stream and the values of a key.
pub fn by_file(access: &MirrorAccess, path: &Path) -> Result<Vec<NamedPerson>, Exit> {
    let failed =
        |problem: &dyn std::fmt::Display| Exit::usage(format!("{}: {problem}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| failed(&error))?;
    let sheet = commas::read("people", bytes).map_err(|error| failed(&error))?;
    let mut groups = Vec::new();
    for row in sheet.rows {
        let texts = row.cells.iter().filter_map(|(_, cell)| match cell {
            SheetCell::Text(text) => Some(text.trim().to_owned()),
            _ => None,
        });
        let mut cells = texts;
        let Some(stream) = cells.next() else { continue };
        let key: Vec<String> = cells.collect();
        let group = by_key(access, &stream, &key);
        groups.push(
            group.map_err(|exit| exit.at(&format!("{} line {}", path.display(), row.number)))?,
        );
    }
    Ok(groups)
}

/// The key of the only row that has, or had, these values.
pub fn key_where(
    mirror: &Reader,
    table: &Table,
    conditions: &[String],
) -> Result<Vec<String>, Exit> {
    let mut columns = Vec::new();
    for condition in conditions {
        let Some((column, value)) = condition.split_once('=') else {
            return Err(Exit::usage(format!(
                "`{condition}` is no condition; write COLUMN=VALUE, as in `--where given_name=Anna`"
            )));
        };
        let column = column.trim();
        if !table.has(column) {
            let names = table.columns.iter().map(|column| column.name.as_str());
            let help = advice(column, names.collect::<Vec<_>>());
            let table = table.name();
            return Err(Exit::usage(format!(
                "{table} has no column `{column}`; {help}"
            )));
        }
        columns.push((column, value.trim()));
    }
    let wanted: Vec<String> = columns
        .iter()
        .map(|(column, value)| format!("{column} = {value}"))
        .collect();
    let wanted = format!("{} with {}", table.name(), wanted.join(" and "));
    let mut found = queries::keys_where(mirror, table, &columns)?;
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Exit::failed(format!(
            "there is no row of {wanted}, neither in the mirror nor in its history"
        ))),
        many => {
            let keys: Vec<String> = found
                .iter()
                .take(KEYS_SHOWN)
                .map(|key| key.join(" "))
                .collect();
            let more = match many.saturating_sub(KEYS_SHOWN) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            Err(Exit::failed(format!(
                "there are {many} rows of {wanted}, now or in the history; add another --where, or give one of the keys: {}{more}",
                keys.join(", ")
            )))
        }
    }
}

/// The names of the key's columns.
pub fn key_columns(table: &Table) -> Vec<String> {
    let columns = table.key.iter().map(|index| &table.columns[*index].name);
    columns.cloned().collect()
}

/// Refuses a key with too few or too many values.
pub fn check_key(table: &Table, key: &[String]) -> Result<(), Exit> {
    let columns = key_columns(table);
    if key.len() == columns.len() {
        return Ok(());
    }
    Err(Exit::usage(format!(
        "the key of {} is ({}): enter {} in this order",
        table.name(),
        columns.join(", "),
        many(columns.len() as u64, "value", "values"),
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_vendors_may_give_two_people_one_number() {
        for (pairs, expected) in [
            (&[][..], false),
            (&[("5", "9")], false),
            (&[("3", "5")], false),
            (&[("5", "5")], false),
            (&[("5", "5"), ("3", "5")], false),
            (&[("5", "8"), ("5", "9")], false),
            (&[("5", "9"), ("3", "5")], true),
        ] {
            let line = |(left, right): &(&str, &str)| MatchLine {
                left: (*left).to_owned(),
                right: (*right).to_owned(),
                rule: String::new(),
                since: String::new(),
            };
            let lines: Vec<MatchLine> = pairs.iter().map(line).collect();
            assert_eq!(are_two_people(&lines, "5"), expected, "{pairs:?}");
        }
    }
}
