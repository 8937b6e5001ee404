//! What can be wrong with `pseudonymise` and `truncate`: columns that the engine reads by, values that cannot be masked, and
//! columns with the same values that are not masked alike.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{ColumnChoice, JobDraft, Jobs};
use crate::setup::checks::Checks;
use crate::setup::files::JobFile;
use rollbook_core::connector::api::StreamSpec;
use rollbook_core::connector::columns::Column;
use rollbook_core::document::suggest::advice;
use rollbook_core::document::{Location, Node, Problem};
use rollbook_core::model::Masking;
use rollbook_core::model::row::Kind;

/// References are followed so far; a longer line is a circle.
const MAX_STEPS: usize = 8;

/// A column of a stream that a job reads.
struct Holder<'j> {
    file: &'j JobFile,
    stream: &'j str,
    column: &'j Column,
}

impl Checks<'_> {
    /// The keys of `[stream.NAME]` that mask columns.
    pub(super) fn masks(&mut self, file: &JobFile, spec: &StreamSpec) {
        let at = |key: &str| file.tree.at(&["stream", spec.name.as_str(), key]);
        let choice = ColumnChoice::of(&file.tree, spec.name.as_str());
        let listed = at("pseudonymise").map(Node::items).unwrap_or_default();
        let listed = listed
            .iter()
            .filter_map(|node| Some((node.text()?, node.location())));
        let cut = at("truncate").map(Node::entries).unwrap_or_default();
        let cut = cut.iter().map(|entry| {
            let location = Location::within(entry.value.file(), entry.key.clone());
            (entry.name.as_str(), location)
        });
        let wanted = listed
            .map(|(name, location)| (name, Masking::Pseudonym, location))
            .chain(cut.map(|(name, location)| (name, Masking::Year, location)));
        for (name, masking, location) in wanted {
            if let Some((message, help)) = refusal(spec, &choice, name, masking) {
                self.problems
                    .push(Problem::error(location, message).maybe_help(help));
            }
        }
    }

    /// Columns that hold the same values, because one refers to the other, must be pseudonymised alike.
    pub(super) fn references_masked_alike(&mut self, jobs: &Jobs<'_>) {
        let mut groups: BTreeMap<(&str, String), Vec<Holder<'_>>> = BTreeMap::new();
        for job in jobs {
            let Some(source) = job.source else { continue };
            for spec in &job.streams {
                for column in spec.columns.iter().filter(|column| column.combo.is_none()) {
                    let target = target(jobs, source, spec, column);
                    let holder = Holder {
                        file: job.file,
                        stream: spec.name.as_str(),
                        column,
                    };
                    groups.entry((source, target)).or_default().push(holder);
                }
            }
        }
        for holders in groups.into_values() {
            let is_masked =
                |holder: &&Holder<'_>| holder.column.masking == Some(Masking::Pseudonym);
            let (masked, clear): (Vec<_>, Vec<_>) = holders.iter().partition(is_masked);
            let (Some(masked), Some(clear)) = (masked.first(), clear.first()) else {
                continue;
            };
            let message = format!(
                "`{}.{}` holds the same values as `{}.{}`, which is not pseudonymised",
                masked.stream, masked.column.name, clear.stream, clear.column.name
            );
            let help = format!(
                "add `{}` to `pseudonymise` of [stream.{}] in {}.toml, or leave the column out there",
                clear.column.name, clear.stream, clear.file.name
            );
            let path = ["stream", masked.stream, "pseudonymise"];
            self.job_problem(masked.file, &path, message, Some(help));
        }
    }
}

/// Stream and column whose values a column holds in the end, its own where it refers to none.
fn target(jobs: &Jobs<'_>, source: &str, spec: &Arc<StreamSpec>, column: &Column) -> String {
    let (mut stream, mut name) = (spec.name.to_string(), column.name.clone());
    for _ in 0..MAX_STEPS {
        let mut readers = jobs.iter().filter(|job| job.source == Some(source));
        let read = readers.find_map(|job: &JobDraft<'_>| job.stream(&stream));
        let next = read.and_then(|spec| {
            let column = &spec.columns[spec.column(&name)?];
            column.refers_to.clone().filter(|_| column.combo.is_none())
        });
        let Some(next) = next else { break };
        (stream, name) = (next.stream, next.column);
    }
    format!("{stream}.{name}")
}

/// Why a column cannot be masked so, and what to do.
fn refusal(
    spec: &StreamSpec,
    choice: &ColumnChoice,
    name: &str,
    masking: Masking,
) -> Option<(String, Option<String>)> {
    let how = match masking {
        Masking::Pseudonym => "pseudonymised",
        Masking::Year | Masking::Month => "truncated",
    };
    let cannot = |why: &str| format!("`{name}` cannot be {how}: {why}");
    let drop = || Some("use `drop`, or leave it out of `keep`".to_owned());
    let Some(index) = spec.column(name) else {
        let known = spec.columns.iter().map(|column| column.name.as_str());
        let message = format!("{} has no column `{name}`", spec.name);
        return Some((message, Some(advice(name, known))));
    };
    let column = &spec.columns[index];
    if !choice.reasons(spec)[index].is_mirrored() {
        let help = "add it to `keep`, or remove it here".to_owned();
        return Some((cannot("it is not mirrored"), Some(help)));
    }
    let is_key = spec.key.contains(&index);
    if spec.read_by().contains(&index) {
        return Some((cannot("rows are read or found by it"), None));
    }
    if masking != Masking::Pseudonym {
        let is_date = column.kind == Kind::Date;
        return match (is_key, is_date) {
            (true, _) => Some((cannot("it is a part of the key"), None)),
            (_, true) => None,
            (_, false) => {
                let why = format!("only a date can be, and it is {}", kind(column.kind));
                Some((cannot(&why), drop()))
            }
        };
    }
    if choice.truncate.contains_key(name) {
        let help = "write it in one of `pseudonymise` and `truncate`".to_owned();
        return Some((cannot("it is truncated"), Some(help)));
    }
    match (&spec.removed.feed, &column.combo) {
        (Some(feed), _) if is_key => {
            let why = format!("{} names removed rows by it", feed.stream);
            Some((cannot(&why), None))
        }
        (_, Some(_)) => Some((cannot("it is a code of a combo list"), drop())),
        _ if column.kind == Kind::Boolean => {
            Some((cannot("true and false would still be two texts"), drop()))
        }
        _ => None,
    }
}

fn kind(kind: Kind) -> String {
    match kind {
        Kind::Integer => "an integer".to_owned(),
        other => format!("a {}", other.as_str()),
    }
}
