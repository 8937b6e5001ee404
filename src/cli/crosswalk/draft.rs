//! `rollbook crosswalk suggest`: the draft of a crosswalk, written to standard output for an admin to finish.
//!
//! Only certain lines are active; guesses are comments, so that an admin has to review them.

use super::super::exit::Exit;
use super::super::mirror_access::MirrorAccess;
use super::super::out;
use super::super::table::many;
use rollbook_app::app::mirrored_lists;
use rollbook_core::document::suggest::{advice, listed};
use rollbook_core::document::toml_text::toml_string;
use rollbook_core::model::By;
use rollbook_core::model::similarity::{Candidate, Why, suggestions};
use rollbook_core::store::lookups::{
    ComboEntry, ComboTable, MappedColumn, entries_of, lists_of, values_of,
};
use rollbook_core::store::queries::Reader;
use rollbook_engine::setup::{Folders, Setup};

/// A column with more values than this has no codes; the rest is omitted with a note.
const MAX_VALUES: usize = 500;

pub fn run(folders: &Folders, column: &str, list: &str) -> Result<(), Exit> {
    let access = MirrorAccess::open_quietly(folders)?;
    let setup = access.setup()?;
    let mirror = access.mirror()?;
    let column = column_of(&access, column)?;
    let (combos, list) = list_of(setup, mirror, list)?;
    let entries = entries_of(mirror, &combos, &list)?;
    let values = values_of(mirror, &column)?;
    out::exact(&draft(
        &column,
        combos.source.as_str(),
        &list,
        &entries,
        &values,
    ));
    Ok(())
}

/// Resolves `rosters_users.role` or `rosters.users.role` to a column.
fn column_of(access: &MirrorAccess, text: &str) -> Result<MappedColumn, Exit> {
    let Some((stream, name)) = text.rsplit_once('.') else {
        return Err(Exit::usage(format!(
            "`{text}` is not a column; write SOURCE_STREAM.COLUMN, such as `rosters_users.role`"
        )));
    };
    let table = access.table(stream)?;
    if !table.columns.iter().any(|column| column.name == name) {
        let help = advice(
            name,
            table.columns.iter().map(|column| column.name.as_str()),
        );
        let table = table.name();
        return Err(Exit::usage(format!(
            "{table} has no column `{name}`; {help}"
        )));
    }
    Ok(MappedColumn {
        source: table.source,
        stream: table.stream,
        column: name.to_owned(),
    })
}

/// Resolves `genders` or `north.genders` to a list and its table.
fn list_of(setup: &Setup, mirror: &Reader, text: &str) -> Result<(ComboTable, String), Exit> {
    let mut known: Vec<(ComboTable, String)> = Vec::new();
    for source in setup.sources.keys() {
        if let Some(combos) = mirrored_lists(setup, mirror, source)? {
            let lists = lists_of(mirror, &combos)?;
            known.extend(lists.into_iter().map(|list| (combos.clone(), list)));
        }
    }
    if known.is_empty() {
        return Err(Exit::failed(
            "no combo list is mirrored yet; run the job that reads the lists",
        ));
    }
    let dotted = |(combos, list): &(ComboTable, String)| format!("{}.{list}", combos.source);
    let (mut found, others): (Vec<_>, Vec<_>) = known
        .into_iter()
        .partition(|one| one.1 == text || dotted(one) == text);
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => {
            let help = advice(text, others.iter().map(|(_, list)| list.as_str()));
            Err(Exit::usage(format!(
                "there is no combo list `{text}`; {help}"
            )))
        }
        _ => {
            let names: Vec<String> = found.iter().map(dotted).collect();
            let names = listed(names.iter().map(String::as_str));
            Err(Exit::usage(format!(
                "several sources have a list `{text}`; write one of {names}"
            )))
        }
    }
}

/// Codes name entries where each has one of its own; else descriptions; else ids.
fn best(entries: &[ComboEntry]) -> By {
    let matches = |by: By| {
        let mut names: Vec<Option<String>> = entries.iter().map(|entry| entry.name(by)).collect();
        names.sort();
        names.iter().all(Option::is_some) && names.windows(2).all(|pair| pair[0] != pair[1])
    };
    [By::Code, By::Description]
        .into_iter()
        .find(|by| matches(*by))
        .unwrap_or(By::Id)
}

fn draft(
    column: &MappedColumn,
    source: &str,
    list: &str,
    entries: &[ComboEntry],
    values: &[(String, u64)],
) -> String {
    let by = best(entries);
    let used: Vec<&ComboEntry> = entries.iter().filter(|entry| entry.active).collect();
    let candidates: Vec<Candidate<'_>> = used.iter().map(|entry| entry.candidate()).collect();
    let from = format!("{}.{}.{}", column.source, column.stream, column.column);
    let mut text = format!(
        "# A draft: what the values of {} mean in the combo list {list} of {source}.\n\
         # Check every line. A crosswalk is the file crosswalks/NAME.toml beside rollbook.toml; `rollbook check` reports mistakes.\n\n\
         from = {}\nto = {{ source = {}, list = {}, by = \"{}\" }}\n\
         # otherwise = \"\"    # for every value without a line; without it they are reported as unmapped\n\n[map]\n",
        column.table() + "." + &column.column,
        toml_string(&from),
        toml_string(source),
        toml_string(list),
        by.as_str(),
    );
    for (value, rows) in values.iter().take(MAX_VALUES) {
        let found = suggestions(value, &candidates);
        let rows = many(*rows, "row", "rows");
        let shown: Vec<String> = found
            .iter()
            .map(|(index, _)| comment(&used[*index].shown(by)))
            .collect();
        let key = toml_string(value);
        let sure = match found.as_slice() {
            [(index, why)] if *why != Why::CloseSpelling => {
                used[*index].name(by).map(|name| (name, why))
            }
            _ => None,
        };
        text.push_str(&match (sure, found.first()) {
            (Some((name, why)), _) => {
                format!(
                    "{key} = {}    # {rows}; {}: {}\n",
                    toml_string(&name),
                    why.as_str(),
                    shown.join(", ")
                )
            }
            (None, Some((_, why))) => {
                format!(
                    "# {key} = \"\"    # {rows}; {}: {}\n",
                    why.as_str(),
                    shown.join(", ")
                )
            }
            (None, None) => format!("# {key} = \"\"    # {rows}\n"),
        });
    }
    if let Some(more @ 1..) = values.len().checked_sub(MAX_VALUES) {
        text.push_str(&format!(
            "# and {more} more values; does this column have codes?\n"
        ));
    }
    text.push_str(&format!("\n# The entries of {list}:\n"));
    for entry in &used {
        text.push_str(&format!("#   {}\n", comment(&entry.shown(by))));
    }
    text
}

/// A text for a comment, without line breaks.
fn comment(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}

#[cfg(test)]
mod tests;
