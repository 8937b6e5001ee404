//! `rollbook combos`: the mirrored combo lists, their entries, and a search for codes and descriptions.
//!
//! Read-only, also while the daemon runs. The connector names the stream that has the lists.

mod import;

use serde::Serialize;

use super::exit::Exit;
use super::mirror_access::MirrorAccess;
use super::out;
use super::table::{TextTable, blocks, count, group, grouped, left, many, minute, one_line, right};
use crate::spreadsheets::commas;
use rollbook_app::app::mirrored_lists;
use rollbook_core::document::suggest::advice;
use rollbook_core::model::SourceName;
use rollbook_core::model::normalize;
use rollbook_core::store::lookups::{ComboTable, entries_of, lists_of};
use rollbook_core::store::queries::{self, ListLine, Reader};
use rollbook_engine::setup::Folders;

/// Options of `combos`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct CombosOptions {
    /// A source, to show its lists, or a list, to show its entries
    name: Option<String>,
    /// Only lists of this source
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    /// Show entries with this code, or with all these words in the description
    #[arg(long, value_name = "WORDS")]
    search: Option<String>,
    /// Print the entries as CSV: RFC 4180, UTF-8, with an apostrophe before text that looks like a formula
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Option<CombosCommand>,
}

#[derive(Debug, clap::Subcommand)]
enum CombosCommand {
    /// Compare a spreadsheet or CSV of combo lists with the mirror; read-only
    Import(import::CombosImportOptions),
}

/// Shows lists or entries.
pub fn run(folders: &Folders, options: &CombosOptions) -> Result<(), Exit> {
    let access = MirrorAccess::open(folders)?;
    if let Some(CombosCommand::Import(options)) = &options.command {
        return import::run(&access, options);
    }
    let all = tables(&access, options.source.as_deref())?;
    let mirror = access.mirror()?;
    // The name means a source if there is one of that name, so `--source` makes it mean a list.
    let of_source = options.name.as_ref().filter(|name| {
        options.source.is_none() && all.iter().any(|combos| combos.source == *name.as_str())
    });
    let tables: Vec<ComboTable> = all
        .into_iter()
        .filter(|combos| of_source.is_none_or(|name| combos.source == *name.as_str()))
        .collect();
    let list = options.name.as_ref().filter(|_| of_source.is_none());
    if list.is_none() && options.search.is_none() && !options.csv {
        return lists(mirror, &tables, options.json);
    }
    let mut lines = entries(mirror, &tables, list.map(String::as_str))?;
    if let Some(search) = &options.search {
        let search = SearchView::of(search);
        lines.retain(|line| search.matches(line));
    }
    if options.csv {
        out::exact(&csv(&lines)?);
    } else if options.json {
        out::json(&lines);
    } else {
        out::text(entries_text(&lines, out::width()));
    }
    Ok(())
}

/// The tables with combo lists, of all sources or of one.
fn tables(access: &MirrorAccess, source: Option<&str>) -> Result<Vec<ComboTable>, Exit> {
    let setup = access.setup()?;
    let mirror = access.mirror()?;
    let mut tables = Vec::new();
    for name in setup.sources.keys() {
        tables.extend(mirrored_lists(setup, mirror, name)?);
    }
    if let Some(source) = source {
        let known: Vec<SourceName> = tables.iter().map(|combos| combos.source.clone()).collect();
        tables.retain(|combos| combos.source == source);
        if tables.is_empty() {
            let help = advice(source, known.iter().map(SourceName::as_str));
            return Err(Exit::usage(format!(
                "no combo lists of the source `{source}` are mirrored; {help}"
            )));
        }
    }
    if tables.is_empty() {
        return Err(Exit::failed(
            "no combo lists are mirrored: no job reads a stream with combo lists",
        ));
    }
    Ok(tables)
}

fn lists(mirror: &Reader, tables: &[ComboTable], json: bool) -> Result<(), Exit> {
    let mut lines = Vec::new();
    for combos in tables {
        lines.extend(queries::combo_lists(mirror, combos)?);
    }
    if json {
        out::json(&lines);
    } else {
        out::text(lists_text(&lines, out::width()));
    }
    Ok(())
}

fn lists_text(lines: &[ListLine], width: Option<usize>) -> String {
    let mut table = TextTable::new([
        group("source"),
        left("list"),
        right("in use"),
        right("retired"),
        right("removed"),
        left("changed (UTC)"),
    ]);
    for line in lines {
        table.row([
            line.source.to_string(),
            one_line(&line.list),
            grouped(line.active as u64),
            count(line.retired as u64),
            count(line.removed as u64),
            minute(&line.changed),
        ]);
    }
    let lists = many(lines.len() as u64, "list", "lists");
    blocks([table.render(width), lists])
}

/// An entry with its source and list.
#[derive(Debug, Serialize)]
struct EntryLine {
    source: SourceName,
    list: String,
    id: String,
    code: Option<String>,
    description: Option<String>,
    active: bool,
}

/// The entries of one list or of all lists of these sources; an error if no source has the list.
fn entries(
    mirror: &Reader,
    tables: &[ComboTable],
    list: Option<&str>,
) -> Result<Vec<EntryLine>, Exit> {
    let (mut lines, mut known) = (Vec::new(), Vec::new());
    for combos in tables {
        let names = lists_of(mirror, combos)?;
        for name in names
            .iter()
            .filter(|name| list.is_none_or(|list| list == *name))
        {
            let entries = entries_of(mirror, combos, name)?;
            lines.extend(entries.into_iter().map(|entry| EntryLine {
                source: combos.source.clone(),
                list: name.clone(),
                id: entry.id,
                code: entry.code,
                description: entry.label,
                active: entry.active,
            }));
        }
        known.extend(names);
    }
    match list {
        Some(list) if !known.iter().any(|name| name == list) => {
            let help = advice(list, known.iter().map(String::as_str));
            Err(Exit::usage(format!(
                "there is no combo list `{list}`; {help}"
            )))
        }
        _ => Ok(lines),
    }
}

/// A search term.
struct SearchView {
    code: String,
    words: Vec<String>,
}

impl SearchView {
    fn of(text: &str) -> Self {
        let words = normalize::words(text);
        Self {
            code: text.trim().to_lowercase(),
            words: words.split_whitespace().map(str::to_owned).collect(),
        }
    }

    /// The same code, ignoring case, or all words in the description.
    fn matches(&self, line: &EntryLine) -> bool {
        let code = line.code.as_deref().map(str::to_lowercase);
        if code.is_some_and(|code| code == self.code) {
            return true;
        }
        let description = normalize::words(line.description.as_deref().unwrap_or_default());
        !self.words.is_empty() && self.words.iter().all(|word| description.contains(word))
    }
}

fn csv(lines: &[EntryLine]) -> Result<String, Exit> {
    if let [first, .., last] = lines
        && first.source != last.source
    {
        return Err(Exit::usage(format!(
            "`{}` and `{}` both have the list, with different ids; choose one with --source",
            first.source, last.source
        )));
    }
    let rows = lines.iter().map(|line| {
        vec![
            Some(line.list.as_str()),
            Some(line.id.as_str()),
            line.code.as_deref(),
            line.description.as_deref(),
            Some(if line.active { "true" } else { "false" }),
        ]
    });
    Ok(commas::write(
        &["list", "id", "code", "description", "active"],
        rows,
    ))
}

fn entries_text(lines: &[EntryLine], width: Option<usize>) -> String {
    if lines.is_empty() {
        return "Nothing found.".to_owned();
    }
    let mut table = TextTable::new([
        group("source"),
        left("list"),
        left("id"),
        left("code"),
        left("description"),
        left("state"),
    ]);
    for line in lines {
        table.row([
            line.source.to_string(),
            one_line(&line.list),
            line.id.clone(),
            one_line(line.code.as_deref().unwrap_or_default()),
            one_line(line.description.as_deref().unwrap_or_default()),
            if line.active { "" } else { "retired" }.to_owned(),
        ]);
    }
    let entries = many(lines.len() as u64, "entry", "entries");
    blocks([table.render(width), entries])
}

#[cfg(test)]
mod tests;
