//! Checks the targets of crosswalks against the mirrored lists: every line with a wrong target, with its location.
//!
//! Not a part of loading the configuration: an entry that a vendor removes must not prevent a start.

use rollbook_core::document::suggest::{advice, quoted};
use rollbook_core::document::{Document, Problem, Problems};
use rollbook_core::model::similarity::{Candidate, suggestions};
use rollbook_core::model::{CrosswalkName, SourceName};
use rollbook_core::store::StoreError;
use rollbook_core::store::lookups::{
    ComboEntry, ComboTable, Crosswalk, TargetState, entries_of, left_at, resolve,
};
use rollbook_core::store::queries::Reader;
use rollbook_engine::setup::Setup;
use rollbook_engine::setup::files::CrosswalkConfig;
use rollbook_engine::setup::lookups;

pub use lookups::crosswalk;

/// Checks the targets of every crosswalk, or of one.
///
/// Missing and ambiguous targets are errors; retired ones, and lists that are not mirrored yet, are notes.
pub fn check_targets(
    setup: &Setup,
    mirror: &Reader,
    only: Option<&CrosswalkName>,
) -> Result<Problems, StoreError> {
    let mut problems = Problems::new();
    let crosswalks = setup.crosswalks.iter();
    for (name, document) in crosswalks.filter(|(name, _)| only.is_none_or(|only| only == *name)) {
        let combos = mirrored_lists(setup, mirror, &document.value.to.source)?;
        problems.extend(of_crosswalk(
            setup,
            mirror,
            combos.as_ref(),
            (name, document),
        )?);
    }
    Ok(problems)
}

/// Logs the problems as warnings; they do not prevent a start.
pub(super) fn log_problems(setup: &Setup, mirror: &Reader) -> Result<(), StoreError> {
    for problem in check_targets(setup, mirror, None)?.iter() {
        tracing::warn!("{problem}");
    }
    Ok(())
}

/// The table with the combo lists of a source, if a job reads them and the table exists.
pub fn mirrored_lists(
    setup: &Setup,
    mirror: &Reader,
    source: &SourceName,
) -> Result<Option<ComboTable>, StoreError> {
    let Some(combos) = lookups::combos(setup, source) else {
        return Ok(None);
    };
    let sizes = rollbook_core::store::queries::sizes(mirror, &combos.source, &combos.stream)?;
    Ok(sizes.map(|_| combos))
}

fn of_crosswalk(
    setup: &Setup,
    mirror: &Reader,
    combos: Option<&ComboTable>,
    (name, document): (&CrosswalkName, &Document<CrosswalkConfig>),
) -> Result<Vec<Problem>, StoreError> {
    let crosswalk = lookups::crosswalk(setup, name, &document.value);
    let mut problems = Vec::new();
    for (value, target) in &crosswalk.lines {
        let path: &[&str] = match value {
            Some(value) => &["map", value],
            None => &["otherwise"],
        };
        let location = || document.location(path);
        let (list, shown) = (quoted(&crosswalk.list), quoted(target));
        let by = crosswalk.by.as_str();
        match (resolve(mirror, combos, &crosswalk, target)?.state, combos) {
            (TargetState::Ok, _) => {}
            (TargetState::Retired, _) => {
                let message = format!("{shown} is retired in the list {list}");
                let help = "the vendor keeps it for old rows; map to an active entry";
                problems.push(Problem::note(location(), message).help(help));
            }
            (TargetState::Ambiguous, _) => {
                let message = format!("several entries of the list {list} have the {by} {shown}");
                let help = "name the entries by `id`, or by `code` where codes differ";
                problems.push(Problem::error(location(), message).help(help));
            }
            (TargetState::Missing, Some(combos)) => {
                let message = format!("the list {list} has no entry with the {by} {shown}");
                let help = suggestion(mirror, combos, &crosswalk, target)?;
                problems.push(Problem::error(location(), message).help(help));
            }
            (TargetState::Unread | TargetState::Missing, _) => {
                let message =
                    format!("the list {list} is not mirrored yet, so the targets are not checked");
                let location = document.location(&["to", "list"]);
                problems.push(
                    Problem::note(location, message).help("run the job that reads the lists"),
                );
                break; // one note per list
            }
        }
    }
    Ok(problems)
}

/// When the entry was removed from the list, and similar entries.
fn suggestion(
    mirror: &Reader,
    combos: &ComboTable,
    crosswalk: &Crosswalk,
    target: &str,
) -> Result<String, StoreError> {
    let entries = entries_of(mirror, combos, &crosswalk.list)?;
    let left = left_at(mirror, combos, crosswalk, target)?;
    let left = left.map(|(label, until)| {
        let label = label
            .map(|label| format!(" as {}", quoted(&label)))
            .unwrap_or_default();
        format!("it was listed{label} until {until}; ")
    });
    let candidates: Vec<Candidate<'_>> = entries.iter().map(ComboEntry::candidate).collect();
    let near: Vec<String> = suggestions(target, &candidates)
        .into_iter()
        .map(|(index, _)| entries[index].shown(crosswalk.by))
        .collect();
    let near = if near.is_empty() {
        let names: Vec<String> = entries
            .iter()
            .filter_map(|entry| entry.name(crosswalk.by))
            .collect();
        advice(target, names.iter().map(String::as_str))
    } else {
        format!("did you mean {}?", near.join(" or "))
    };
    Ok(left.unwrap_or_default() + &near)
}
