//! `rollbook crosswalk check`: shows unmapped values with suggestions, and wrong targets.
//!
//! Counts now, also in streams without stored counts. Exit code 78: a target is wrong; 1: a value is unmapped.

use serde::Serialize;

use super::super::exit::Exit;
use super::super::mirror_access::MirrorAccess;
use super::super::problems::ProblemLine;
use super::super::table::many;
use super::super::table::{grouped, indented};
use super::super::{out, problems};
use rollbook_app::app::{check_targets, crosswalk, mirrored_lists};
use rollbook_core::document::Problems;
use rollbook_core::document::suggest::advice;
use rollbook_core::document::toml_text::toml_string;
use rollbook_core::model::CrosswalkName;
use rollbook_core::model::similarity::{Candidate, Why, suggestions};
use rollbook_core::store::lookups::{
    ComboEntry, Crosswalk, MappedColumn, entries_of, unmapped_values,
};
use rollbook_core::store::queries::{self, Reader};
use rollbook_engine::setup::{Folders, Setup};

/// Unmapped values shown per column; `--json` shows all.
const MAX_SHOWN: usize = 25;

pub fn run(folders: &Folders, names: &[String], json: bool) -> Result<(), Exit> {
    let access = MirrorAccess::open_quietly(folders)?;
    let setup = access.setup()?;
    known(setup, names)?;
    let mirror = access.mirror()?;
    let (view, problems) = view(setup, mirror, names)?;
    if json {
        out::json(&view);
    } else {
        out::exact(&problems::render(&problems, out::width()));
        out::text(text(&view));
    }
    if problems.has_errors() {
        Err(Exit::wrong_configuration())
    } else if view
        .columns
        .iter()
        .any(|column| !column.unmapped.is_empty())
    {
        Err(Exit::unsuccessful())
    } else {
        Ok(())
    }
}

fn known(setup: &Setup, names: &[String]) -> Result<(), Exit> {
    let is_known = |name: &str| setup.crosswalks.keys().any(|known| known.as_str() == name);
    match names.iter().find(|name| !is_known(name)) {
        None => Ok(()),
        Some(name) => {
            let help = advice(name, setup.crosswalks.keys().map(CrosswalkName::as_str));
            Err(Exit::usage(format!(
                "there is no crosswalk `{name}`; {help}"
            )))
        }
    }
}

#[derive(Debug, Serialize)]
struct GapsView {
    ok: bool,
    crosswalks: usize,
    problems: Vec<ProblemLine>,
    columns: Vec<ColumnGaps>,
}

/// One column that a crosswalk maps.
#[derive(Debug, Serialize)]
struct ColumnGaps {
    crosswalk: CrosswalkName,
    column: String,
    list: String,
    unmapped: Vec<Unmapped>,
}

#[derive(Debug, Serialize)]
struct Unmapped {
    value: String,
    rows: u64,
    suggestions: Vec<Suggestion>,
}

/// A suggested entry.
#[derive(Debug, Serialize)]
struct Suggestion {
    why: Why,
    target: String,
    label: Option<String>,
    #[serde(skip)]
    shown: String,
}

fn view(setup: &Setup, mirror: &Reader, names: &[String]) -> Result<(GapsView, Problems), Exit> {
    let wanted = |name: &str| names.is_empty() || names.iter().any(|one| one == name);
    let mut columns = Vec::new();
    let mut problems = Problems::new();
    let mut crosswalks = 0;
    for (name, document) in setup
        .crosswalks
        .iter()
        .filter(|(name, _)| wanted(name.as_str()))
    {
        crosswalks += 1;
        problems.append(check_targets(setup, mirror, Some(name))?);
        let crosswalk = crosswalk(setup, name, &document.value);
        let entries = match mirrored_lists(setup, mirror, &document.value.to.source)? {
            Some(combos) => entries_of(mirror, &combos, &crosswalk.list)?,
            None => Vec::new(),
        };
        for column in &crosswalk.columns {
            if queries::sizes(mirror, &column.source, &column.stream)?.is_some() {
                columns.push(of_column(mirror, &crosswalk, column, &entries)?);
            }
        }
    }
    let mapped = columns.iter().all(|column| column.unmapped.is_empty());
    let view = GapsView {
        ok: mapped && !problems.has_errors(),
        crosswalks,
        problems: problems.iter().map(ProblemLine::of).collect(),
        columns,
    };
    Ok((view, problems))
}

fn of_column(
    mirror: &Reader,
    crosswalk: &Crosswalk,
    column: &MappedColumn,
    entries: &[ComboEntry],
) -> Result<ColumnGaps, Exit> {
    let used: Vec<&ComboEntry> = entries.iter().filter(|entry| entry.active).collect();
    let candidates: Vec<Candidate<'_>> = used.iter().map(|entry| entry.candidate()).collect();
    let suggestion = |(index, why): (usize, Why)| {
        let entry = used[index];
        Some(Suggestion {
            why,
            target: entry.name(crosswalk.by)?,
            label: entry.label.clone(),
            shown: entry.shown(crosswalk.by),
        })
    };
    let unmapped = unmapped_values(mirror, crosswalk, column)?;
    let unmapped = unmapped.into_iter().map(|(value, rows)| Unmapped {
        suggestions: suggestions(&value, &candidates)
            .into_iter()
            .filter_map(suggestion)
            .collect(),
        value,
        rows,
    });
    Ok(ColumnGaps {
        crosswalk: crosswalk.name.clone(),
        column: format!("{}.{}", column.table(), column.column),
        list: format!("{}.{}", crosswalk.source, crosswalk.list),
        unmapped: unmapped.collect(),
    })
}

fn text(view: &GapsView) -> String {
    if view.crosswalks == 0 {
        return "There is no crosswalk; `rollbook crosswalk suggest` drafts one.\n".to_owned();
    }
    let mut text = String::new();
    for column in &view.columns {
        let head = format!("{}: {} to {}", column.crosswalk, column.column, column.list);
        if column.unmapped.is_empty() {
            text.push_str(&format!("{head}: every value is mapped.\n"));
            continue;
        }
        let values = many(
            column.unmapped.len() as u64,
            "unmapped value",
            "unmapped values",
        );
        text.push_str(&format!("{head}: {values}\n"));
        let lines = column.unmapped.iter().take(MAX_SHOWN).map(|unmapped| {
            [
                toml_string(&unmapped.value),
                many(unmapped.rows, "row", "rows"),
                suggested(&unmapped.suggestions),
            ]
        });
        text.push_str(&indented(2, lines));
        if let Some(more @ 1..) = column.unmapped.len().checked_sub(MAX_SHOWN) {
            text.push_str(&format!(
                "  and {} more (--json shows all)\n",
                grouped(more as u64)
            ));
        }
    }
    text
}

fn suggested(suggestions: &[Suggestion]) -> String {
    let Some(first) = suggestions.first() else {
        return String::new();
    };
    let shown: Vec<&str> = suggestions.iter().map(|one| one.shown.as_str()).collect();
    format!("{}: {}", first.why.as_str(), shown.join(", "))
}

#[cfg(test)]
mod tests;
