//! Whom an admin means: by the key of a row, by a match, or by a file of keys.

use std::path::Path;

use super::EraseOptions;
use crate::cli::exit::Exit;
use crate::cli::mirror_access::MirrorAccess;
use crate::document::suggest::advice;
use crate::spreadsheets::commas;
use crate::spreadsheets::grid::SheetCell;
use crate::store::erase::{PersonKey, key_of_text};
use crate::store::queries;

/// The rows of one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPerson {
    /// One for each source.
    pub rows: Vec<PersonKey>,
}

/// The people that the options name.
pub fn groups(access: &MirrorAccess, options: &EraseOptions) -> Result<Vec<NamedPerson>, Exit> {
    if let Some(stream) = &options.stream {
        return Ok(vec![of_row(access, stream, &options.key)?]);
    }
    if let Some(person) = &options.person {
        return Ok(vec![of_match(access, person)?]);
    }
    match &options.file {
        Some(path) => of_file(access, path),
        None => Ok(Vec::new()),
    }
}

fn of_row(access: &MirrorAccess, stream: &str, key: &[String]) -> Result<NamedPerson, Exit> {
    let table = access.table(stream)?;
    if table.key.len() != key.len() {
        let names: Vec<&str> = (table.key.iter())
            .map(|index| table.columns[*index].name.as_str())
            .collect();
        return Err(Exit::usage(format!(
            "the key of {} is ({}): enter each of its values in this order",
            table.name(),
            names.join(", ")
        )));
    }
    Ok(NamedPerson {
        rows: vec![PersonKey {
            table: table.name(),
            key: key.to_vec(),
        }],
    })
}

/// `SET:KEY`: the rows on both sides of the matches with this key on either side.
fn of_match(access: &MirrorAccess, person: &str) -> Result<NamedPerson, Exit> {
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
    for (left, right) in queries::matches_of(mirror, &found.name, key)? {
        for (table, key) in [(&found.left_table, left), (&found.right_table, right)] {
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
            "rollbook: no match in {set} has this key; name the row itself: rollbook erase STREAM KEY"
        )));
    }
    Ok(NamedPerson { rows })
}

/// A line is a stream and the values of a key.
fn of_file(access: &MirrorAccess, path: &Path) -> Result<Vec<NamedPerson>, Exit> {
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
        let group = of_row(access, &stream, &key);
        groups.push(
            group.map_err(|exit| exit.at(&format!("{} line {}", path.display(), row.number)))?,
        );
    }
    Ok(groups)
}
