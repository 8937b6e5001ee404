//! `rollbook combos import FILE`: compares a spreadsheet or CSV with the mirrored lists. Read-only.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::json;

use super::tables;
use crate::cli::exit::Exit;
use crate::cli::mirror_access::MirrorAccess;
use crate::cli::out;
use crate::cli::table::indented;
use crate::cli::table::many;
use crate::cli::table::one_line;
use crate::spreadsheets::compare::ListDifference;
use crate::spreadsheets::{Comparison, MirrorEntry, compare, find_lists, read};
use rollbook_core::document::suggest::quoted;
use rollbook_core::store::lookups::{entries_of, lists_of};

/// Options of `combos import`.
#[derive(Debug, clap::Args)]
pub struct CombosImportOptions {
    /// A workbook (.xlsx) or CSV
    file: PathBuf,
    /// The source with the lists to compare; needed if several sources have lists
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Shows the differences.
pub fn run(access: &MirrorAccess, options: &CombosImportOptions) -> Result<(), Exit> {
    let mut tables = tables(access, options.source.as_deref())?;
    let combos = tables.remove(0);
    if let Some(other) = tables.first() {
        return Err(Exit::usage(format!(
            "`{}` and `{}` both have combo lists; choose one with --source",
            combos.source, other.source
        )));
    }
    let mirror = access.mirror()?;
    let mut lists = BTreeMap::new();
    for name in lists_of(mirror, &combos)? {
        let entries = entries_of(mirror, &combos, &name)?;
        let entry = |entry: rollbook_core::store::lookups::ComboEntry| MirrorEntry {
            code: entry.code,
            label: entry.label,
            active: entry.active,
        };
        lists.insert(name, entries.into_iter().map(entry).collect());
    }
    let file = options.file.display();
    let known: Vec<String> = lists.keys().cloned().collect();
    let found = read(&options.file)
        .and_then(|sheets| find_lists(&sheets, &known))
        .map_err(|error| Exit::failed(format!("{file}: {}", one_line(&error.to_string()))))?;
    let found = compare(found, &lists);
    if options.json {
        out::json(&json!({
            "file": file.to_string(), "source": combos.source, "same": found.is_same(), "differences": found,
        }));
    } else {
        out::text(format!("{file} and {}: {}", combos.name(), text(&found)));
    }
    Ok(())
}

fn text(found: &Comparison) -> String {
    let lists = |number: usize| many(number as u64, "list", "lists");
    let mut text = format!(
        "{} the same, {} different, {} only in the file, {} only in the mirror\n",
        lists(found.same_lists),
        found.lists.len(),
        found.only_in_file.len(),
        found.only_in_mirror.len()
    );
    for list in &found.lists {
        text.push_str(&of_list(list));
    }
    for list in &found.only_in_file {
        let entries = many(list.entries as u64, "entry", "entries");
        let name = quoted(&list.list);
        let near = list.suggestion.as_ref();
        let near = near.map_or(String::new(), |near| {
            format!("; did you mean {}?", quoted(near))
        });
        let location = one_line(&list.location.to_string());
        text.push_str(&format!(
            "• only in the file: {name} ({entries} from {location}{near})\n"
        ));
    }
    if !found.only_in_mirror.is_empty() {
        let names = found.only_in_mirror.iter().map(|list| one_line(&list.list));
        let names: Vec<String> = names.collect();
        text.push_str(&format!("• only in the mirror: {}\n", names.join(", ")));
    }
    for note in &found.skipped {
        let location = one_line(&note.location.to_string());
        text.push_str(&format!("• {location}: {}\n", note.message));
    }
    text
}

/// The differences of one list: kind, code, label, location.
fn of_list(list: &ListDifference) -> String {
    let text_or_dash = |text: &Option<String>| one_line(text.as_deref().unwrap_or("–"));
    let mut rows: Vec<[String; 4]> = Vec::new();
    let mut row = |what: &str, code: String, label: String, location: String| {
        rows.push([what.to_owned(), code, label, location]);
    };
    for one in &list.only_in_file {
        let location = one_line(&one.location.to_string());
        row(
            "only in the file",
            text_or_dash(&one.code),
            text_or_dash(&one.label),
            location,
        );
    }
    for one in &list.only_in_mirror {
        let state = if one.active { "" } else { "retired" };
        row(
            "only in the mirror",
            text_or_dash(&one.code),
            text_or_dash(&one.label),
            state.to_owned(),
        );
    }
    for one in &list.labels {
        let words = format!(
            "{} – in the mirror {}",
            one_line(&one.file),
            one_line(&one.mirror)
        );
        row(
            "other label",
            text_or_dash(&one.code),
            words,
            one_line(&one.location.to_string()),
        );
    }
    for one in &list.lost_zeros {
        let codes: Vec<String> = one.mirror.iter().map(|code| one_line(code)).collect();
        let words = format!("a number in the file; may have been {}", codes.join(" or "));
        row(
            "zeros lost?",
            one.number.clone(),
            words,
            one_line(&one.location.to_string()),
        );
    }
    for one in &list.duplicates {
        let location = one_line(&one.location.to_string());
        row("listed twice", one_line(&one.code), String::new(), location);
    }
    let same = many(list.same as u64, "entry", "entries");
    format!(
        "{} ({same} the same)\n{}",
        one_line(&list.list),
        indented(2, rows)
    )
}

#[cfg(test)]
mod tests;
