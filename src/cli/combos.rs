//! `rollbook combos`: the mirrored combo lists, their entries, and what a code or a word stands for.
//!
//! Only reads, also beside a running daemon. Where the lists are, the vendor's description says.

mod import;

use serde::Serialize;

use super::exit::Exit;
use super::reading::Reading;
use super::words::{many, moment};
use super::{out, table};
use crate::app::{Places, mirrored_lists};
use crate::model::folded;
use crate::model::nearest::advice;
use crate::sheets::commas;
use crate::store::look::{self, ListLine, Reader};
use crate::store::lookups::{ComboTable, entries_of, lists_of};

/// Options of `combos`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Options {
    /// A source, for its lists; or a list, for its entries
    name: Option<String>,
    /// Only lists of this source
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    /// Entries with this code, or whose description has all these words
    #[arg(long, value_name = "WORDS")]
    search: Option<String>,
    /// Print the entries as CSV: RFC 4180, UTF-8, an apostrophe before what looks like a formula
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Say what a spreadsheet or CSV of combo lists says differently; writes nothing
    Import(import::Options),
}

/// Shows lists or entries.
pub fn run(places: &Places, options: &Options) -> Result<(), Exit> {
    let reading = Reading::open(places)?;
    if let Some(Command::Import(options)) = &options.command {
        return import::run(&reading, options);
    }
    let all = tables(&reading, options.source.as_deref())?;
    let mirror = reading.mirror()?;
    // A name is a source's where there is one, so `--source` makes it a list's.
    let of_source = options.name.as_ref().filter(|name| {
        options.source.is_none() && all.iter().any(|combos| combos.source == **name)
    });
    let tables: Vec<ComboTable> = all
        .into_iter()
        .filter(|combos| of_source.is_none_or(|name| combos.source == *name))
        .collect();
    let list = options.name.as_ref().filter(|_| of_source.is_none());
    if list.is_none() && options.search.is_none() && !options.csv {
        return lists(mirror, &tables, options.json);
    }
    let mut lines = entries(mirror, &tables, list.map(String::as_str))?;
    if let Some(search) = &options.search {
        let wanted = Search::of(search);
        lines.retain(|line| wanted.finds(line));
    }
    if options.csv {
        out::exact(&csv(&lines)?);
    } else if options.json {
        out::json(&lines);
    } else {
        out::text(entries_text(&lines));
    }
    Ok(())
}

/// Where the combo lists are, of all sources that have any, or of one.
fn tables(reading: &Reading, source: Option<&str>) -> Result<Vec<ComboTable>, Exit> {
    let setup = reading.setup()?;
    let mirror = reading.mirror()?;
    let mut tables = Vec::new();
    for name in setup.sources.keys() {
        tables.extend(mirrored_lists(setup, mirror, name)?);
    }
    if let Some(source) = source {
        let known: Vec<String> = tables.iter().map(|combos| combos.source.clone()).collect();
        tables.retain(|combos| combos.source == source);
        if tables.is_empty() {
            let help = advice(source, known.iter().map(String::as_str));
            return Err(Exit::usage(format!(
                "no combo lists of a source `{source}` are mirrored; {help}"
            )));
        }
    }
    if tables.is_empty() {
        return Err(Exit::failed(
            "no combo lists are mirrored: no job reads the stream that a vendor keeps them in",
        ));
    }
    Ok(tables)
}

fn lists(mirror: &Reader, tables: &[ComboTable], json: bool) -> Result<(), Exit> {
    let mut lines = Vec::new();
    for combos in tables {
        lines.extend(look::combo_lists(mirror, combos)?);
    }
    if json {
        out::json(&lines);
    } else {
        out::text(lists_text(&lines));
    }
    Ok(())
}

fn lists_text(lines: &[ListLine]) -> String {
    let heads = [
        "source",
        "list",
        "in use",
        "retired",
        "gone",
        "changed (UTC)",
    ];
    let mut table = table::table(&heads);
    for line in lines {
        table.add_row([
            line.source.clone().into(),
            shown(&line.list).into(),
            table::figure(line.active as u64),
            table::count(line.retired as u64),
            table::count(line.gone as u64),
            moment(&line.changed).into(),
        ]);
    }
    format!("{table}\n{}", many(lines.len() as u64, "list", "lists"))
}

/// An entry and where it stands.
#[derive(Debug, Serialize)]
struct EntryLine {
    source: String,
    list: String,
    id: String,
    code: Option<String>,
    description: Option<String>,
    active: bool,
}

/// The entries of one list, or of all, of these sources; an error where no source has the list.
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

/// What is searched for.
struct Search {
    code: String,
    words: Vec<String>,
}

impl Search {
    fn of(text: &str) -> Self {
        let words = folded::words(text);
        Self {
            code: text.trim().to_lowercase(),
            words: words.split_whitespace().map(str::to_owned).collect(),
        }
    }

    /// The same code but for case, or all words somewhere in the description.
    fn finds(&self, line: &EntryLine) -> bool {
        let code = line.code.as_deref().map(str::to_lowercase);
        if code.is_some_and(|code| code == self.code) {
            return true;
        }
        let description = folded::words(line.description.as_deref().unwrap_or_default());
        !self.words.is_empty() && self.words.iter().all(|word| description.contains(word))
    }
}

fn csv(lines: &[EntryLine]) -> Result<String, Exit> {
    if let [first, .., last] = lines
        && first.source != last.source
    {
        return Err(Exit::usage(format!(
            "`{}` and `{}` both have it, with ids of their own; choose one with --source",
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

fn entries_text(lines: &[EntryLine]) -> String {
    if lines.is_empty() {
        return "Nothing found.".to_owned();
    }
    let heads = ["source", "list", "id", "code", "description", ""];
    let mut table = table::table(&heads);
    for line in lines {
        table.add_row([
            line.source.clone(),
            shown(&line.list),
            line.id.clone(),
            shown(line.code.as_deref().unwrap_or_default()),
            shown(line.description.as_deref().unwrap_or_default()),
            if line.active { "" } else { "retired" }.to_owned(),
        ]);
    }
    format!("{table}\n{}", many(lines.len() as u64, "entry", "entries"))
}

/// A text from elsewhere on one line, without anything that a terminal would obey.
fn shown(text: &str) -> String {
    let harmless = |letter: char| {
        if letter.is_control() {
            '\u{FFFD}'
        } else {
            letter
        }
    };
    text.chars().map(harmless).collect()
}

#[cfg(test)]
mod tests;
