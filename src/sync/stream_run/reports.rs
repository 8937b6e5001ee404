//! The report of each stream of a run, from what was read, planned and written.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Ready;
use crate::connector::file::PageBy;
use crate::model::guard::Hold;
use crate::model::plan::{CellLoss, Plan};
use crate::model::row::{Reject, Repair};
use crate::model::{Completeness, Inconsistency, Outcome, StreamName};
use crate::store::apply::{Applied, Removals};
use crate::store::held::HeldRows;
use crate::store::runs::StreamRecord;
use crate::sync::items::listed;
use crate::sync::job::{Job, StreamJob};
use crate::sync::read::Reading;
use crate::sync::report::StreamReport;
use crate::sync::timeline::TimelineReport;
use crate::sync::walk::WalkFacts;

/// The most names in a message.
const NAMED_ITEMS: usize = 5;

pub(super) fn not_served(stream: &StreamJob, message: String, duration: Duration) -> StreamReport {
    let mut report = base_report(stream, &WalkFacts::default(), "full", duration);
    report.record.outcome = Outcome::NotServed;
    report.record.message = Some(message);
    report
}

pub(super) fn base_report(
    stream: &StreamJob,
    facts: &WalkFacts,
    reading: &str,
    duration: Duration,
) -> StreamReport {
    let record = StreamRecord {
        reading: reading.to_owned(),
        pages: facts.pages,
        rows_read: facts.received,
        unlisted: facts.unlisted.iter().cloned().collect(),
        duration_ms: duration.as_millis() as u64,
        ..StreamRecord::new(stream.spec.name.clone())
    };
    StreamReport {
        record,
        park: None,
        hold: None,
        held_rows: None,
        rejects: facts.rejects(),
        written: false,
        vendor_time: facts.server_time,
    }
}

pub(super) fn report_of(stream: &StreamJob, reading: &Reading, duration: Duration) -> StreamReport {
    let plan = &reading.staged.plan;
    let kind = if reading.full { "full" } else { "incremental" };
    let mut report = base_report(stream, &reading.facts, kind, duration);
    let record = &mut report.record;
    (record.new, record.changed, record.removed) =
        (plan.new, plan.changed, plan.removed + plan.by_status);
    (record.unconfirmed, record.unchanged, record.rejected) =
        (plan.unconfirmed, plan.unchanged, plan.rejected);
    report
        .rejects
        .extend(unreadable_cells(stream, &reading.facts));
    let record = &mut report.record;
    let seen = Findings {
        duplicates: unexpected_duplicates(stream, &reading.staged.plan),
        ..Findings::of(reading)
    };
    record.completeness = Some(reading.completeness.as_str().to_owned());
    record.outcome = seen.outcome();
    record.message = seen.message();
    report
}

/// Cells that could not be read, recorded like rejects.
pub(super) fn unreadable_cells(
    stream: &StreamJob,
    facts: &WalkFacts,
) -> impl Iterator<Item = (Reject, u64)> {
    facts
        .unreadable
        .iter()
        .filter_map(|((column, reason), cells)| {
            let column = stream.spec.columns.get(*column as usize)?;
            let reject = Reject {
                path: column.from.clone(),
                reason: format!("{reason}; `{}` keeps its last value", column.name),
                row: None,
            };
            Some((reject, *cells))
        })
}

/// What a reading reports besides its counts.
#[derive(Default)]
pub(super) struct Findings<'a> {
    contradiction: Option<&'a Inconsistency>,
    ignored_total: Option<(u64, u64)>,
    failed: &'a [(String, String)],
    refused: &'a [(String, String)],
    rejects: Vec<(&'a str, &'a str, u64)>,
    unidentified: u64,
    unreadable: Option<&'a BTreeMap<String, CellLoss>>,
    repaired: Option<&'a BTreeMap<(String, Repair), u64>>,
    older: u64,
    duplicates: u64,
    notes: &'a [String],
}

impl<'a> Findings<'a> {
    fn of(reading: &'a Reading) -> Self {
        let plan = &reading.staged.plan;
        Self {
            contradiction: match &reading.completeness {
                Completeness::Contradicted(why) => Some(why),
                Completeness::Proven | Completeness::Unproven => None,
            },
            ignored_total: reading.ignored_total,
            failed: &reading.failed,
            refused: &reading.refused,
            rejects: rejects_of(&reading.facts),
            unidentified: plan.unidentified,
            unreadable: Some(&plan.unreadable),
            repaired: Some(&plan.repaired),
            older: plan.older,
            duplicates: 0,
            notes: &reading.facts.notes,
        }
    }

    fn outcome(&self) -> Outcome {
        let unreadable = self.unreadable.is_some_and(|cells| !cells.is_empty());
        let lossy = |(_, repair): &(String, Repair)| repair.loses_something();
        let unreadable = unreadable || self.repaired.is_some_and(|all| all.keys().any(lossy));
        if self.contradiction.is_some() || !self.failed.is_empty() {
            Outcome::Incomplete
        } else if !self.rejects.is_empty() || unreadable {
            Outcome::OkWithRejects
        } else {
            Outcome::Ok
        }
    }

    fn message(&self) -> Option<String> {
        let parts = [
            self.contradiction.map(contradicted),
            named("could not read", self.failed)
                .map(|parts| format!("{parts}; its rows are unchanged")),
            named("not served:", self.refused),
            rejected(&self.rejects, self.unidentified, true),
            self.unreadable.and_then(cells),
            self.repaired.and_then(repaired),
            self.ignored_total.map(|(received, declared)| {
                format!(
                    "received {received} of {declared} declared rows; the difference has been the same for days \
                     and is ignored (to ignore it always, set `page.total = \"ignore\"` in the connector)"
                )
            }),
            (self.older > 0).then(|| {
                format!(
                    "{} received in an older version than the stored one; applied if the next reading confirms it",
                    rows(self.older)
                )
            }),
            match self.contradiction {
                Some(Inconsistency::Duplicates { .. }) => None,
                _ => duplicates(self.duplicates),
            },
        ];
        let parts: Vec<String> = parts
            .into_iter()
            .flatten()
            .chain(self.notes.iter().cloned())
            .collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// Rejected rows by path and reason.
fn rejects_of(facts: &WalkFacts) -> Vec<(&str, &str, u64)> {
    let rejects = facts.rejects.iter();
    rejects
        .map(|((path, reason), rows)| (path.as_str(), reason.as_str(), *rows))
        .collect()
}

fn rejected(rejects: &[(&str, &str, u64)], unidentified: u64, removes: bool) -> Option<String> {
    let all: u64 = rejects.iter().map(|(.., count)| count).sum();
    if all == 0 {
        return None;
    }
    let shown: Vec<String> = rejects
        .iter()
        .take(NAMED_ITEMS)
        .map(|(path, reason, count)| format!("`{path}`: {reason} ({count})"))
        .collect();
    let absence = match unidentified > 0 && removes {
        true => "; nothing is removed, because a row without a readable key can be any missing row",
        false => "",
    };
    Some(format!(
        "{} rejected: {}{absence}",
        rows(all),
        shown.join(", ")
    ))
}

/// Duplicates to explain. A watermark walk receives the rows of one time again, by design: in each run, so they are
/// explained only where rows were added.
fn unexpected_duplicates(stream: &StreamJob, plan: &Plan) -> u64 {
    match stream.spec.page.by {
        PageBy::Watermark if plan.new == 0 => 0,
        _ => plan.duplicates.rows,
    }
}

/// Why more rows were received than there are.
fn duplicates(count: u64) -> Option<String> {
    match count {
        0 => None,
        1 => Some("received 1 duplicate, which is stored once".to_owned()),
        count => Some(format!(
            "received {count} duplicates, which are stored once"
        )),
    }
}

fn rows(count: u64) -> String {
    match count {
        1 => "1 row".to_owned(),
        count => format!("{count} rows"),
    }
}

/// How many rows may be missing, and what to do.
fn contradicted(why: &Inconsistency) -> String {
    let missing = match why {
        Inconsistency::Total {
            received, declared, ..
        } if declared > received => format!("; {} may be missing", rows(declared - received)),
        _ => String::new(),
    };
    format!("{why}{missing}; received rows are applied, missing rows are not removed")
}

fn cells(unreadable: &BTreeMap<String, CellLoss>) -> Option<String> {
    let all: u64 = unreadable.values().map(|loss| loss.unreadable).sum();
    if all == 0 {
        return None;
    }
    let shown: Vec<String> = unreadable
        .iter()
        .take(NAMED_ITEMS)
        .map(|(column, loss)| format!("`{column}` ({})", loss.unreadable))
        .collect();
    let (values, keep) = match all {
        1 => ("1 value", "keeps its last value"),
        _ => ("values", "keep their last value"),
    };
    let number = if all == 1 {
        String::new()
    } else {
        format!("{all} ")
    };
    Some(format!(
        "{number}{values} cannot be read and {keep}: {}",
        shown.join(", ")
    ))
}

fn repaired(all: &BTreeMap<(String, Repair), u64>) -> Option<String> {
    let shown: Vec<String> = all
        .iter()
        .take(NAMED_ITEMS)
        .map(|((column, repair), values)| format!("`{column}`: {} ({values})", repair.as_str()))
        .collect();
    (!shown.is_empty()).then(|| shown.join(", "))
}

/// Why a reading is held, and what it would have done.
pub(super) fn held(why: &Hold, reading: &Reading) -> String {
    let plan = &reading.staged.plan;
    let declared = reading
        .facts
        .total
        .map(|total| format!(" of {total} declared"))
        .unwrap_or_default();
    let replaced = match why {
        Hold::Account { .. } => "; once approved, its rows are replaced",
        _ => "",
    };
    format!(
        "held: {why}{replaced}; it would add {}, change {} and remove {} rows; received {} rows{declared}; the mirror is unchanged",
        plan.new,
        plan.changed,
        plan.lost(),
        reading.facts.received,
    )
}

/// A time series of another account is not asked for before it is approved.
pub(super) fn held_unread(stream: &StreamJob, why: &Hold, approval: String) -> StreamReport {
    let mut report = base_report(stream, &WalkFacts::default(), "by time", Duration::ZERO);
    report.record.outcome = Outcome::Held;
    report.record.message = Some(format!(
        "held: {why}; nothing was requested; once approved, new values are added beside the old ones"
    ));
    report.hold = Some(approval);
    report
}

pub(super) fn timeline_outcome(done: &TimelineReport) -> Outcome {
    let lossy = |(_, repair): &(String, Repair)| repair.loses_something();
    let has_rejects = !done.facts.rejects.is_empty()
        || !done.unreadable.is_empty()
        || done.repaired.keys().any(lossy);
    match (&done.failure, &done.held) {
        (Some(error), _) => error.outcome(),
        (None, Some(_)) => Outcome::Held,
        (None, None) if !done.incomplete.is_empty() || !done.unfinished.is_empty() => {
            Outcome::Incomplete
        }
        (None, None) if has_rejects => Outcome::OkWithRejects,
        (None, None) => Outcome::Ok,
    }
}

pub(super) fn timeline_message(stream: &StreamJob, done: &TimelineReport) -> Option<String> {
    let failed = match (&done.failure, done.items) {
        (Some(error), 0 | 1) => Some(error.to_string()),
        (Some(_), items) => {
            let what = format!("{} of {items} could not be read:", done.failed.len());
            named(&what, &done.failed)
        }
        (None, _) => None,
    };
    let failure = failed.map(|why| format!("{why}; complete steps are kept"));
    let held = done.held.as_ref().map(|(why, _)| {
        format!(
            "held a step of {}: {why}; its rows were not applied",
            stream.spec.name
        )
    });
    let incomplete = named("stopped before", &done.incomplete)
        .map(|parts| format!("{parts}; the next run continues there"));
    let parts = [
        failure,
        held,
        incomplete,
        unfinished(done),
        named("not served:", &done.refused),
        rejected(&rejects_of(&done.facts), done.facts.unidentified, false),
        cells(&done.unreadable),
        repaired(&done.repaired),
        duplicates(done.duplicates),
    ];
    let notes = done.facts.notes.iter().cloned();
    let parts: Vec<String> = parts.into_iter().flatten().chain(notes).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// How far the walks are that this run's time did not suffice for.
fn unfinished(done: &TimelineReport) -> Option<String> {
    let (_, earliest) = done.unfinished.iter().min_by_key(|(_, at)| *at)?;
    let until = earliest.strftime("%Y-%m-%d %H:%M UTC");
    Some(match done.items {
        0 | 1 => format!("read up to {until}; the next run continues there"),
        items => format!(
            "{} of {items} are read to their end, the others up to {until} at least; the next run continues there",
            items - done.unfinished.len()
        ),
    })
}

/// Adds what a dry run did not request, so that it cannot know what follows from it.
pub(super) fn add_unrequested(streams: &mut [StreamReport], job: &Job) {
    let new = |part: &StreamReport| (part.record.stream.clone(), part.record.new);
    let new: BTreeMap<StreamName, u64> = streams.iter().map(new).collect();
    // Streams whose own rows are not all known.
    let mut partial: Vec<StreamName> = Vec::new();
    for part in streams {
        let record = &mut part.record;
        let Some(stream) = job.stream(&record.stream) else {
            continue;
        };
        let parent = parent_of(stream, job).filter(|parent| {
            let added = new.get(*parent).is_some_and(|rows| *rows > 0);
            added || partial.iter().any(|name| name == parent)
        });
        if parent.is_some() {
            partial.push(record.stream.clone());
        }
        let of_parents = parent.map(|parent| {
            format!(
                "nothing was requested for the rows of {parent} that a run would add, so what it would receive for \
                 them is unknown"
            )
        });
        let missing = record.unconfirmed;
        let of_removals = (missing > 0 && record.outcome.is_good()).then(|| {
            format!(
                "{} missing; a second reading, which a dry run does not make, decides about the removal",
                rows(missing)
            )
        });
        let each = stream.spec.for_each.as_ref();
        let of_counts = each.and_then(|each| each.count.as_ref()).map(|_| {
            "the vendor's number of rows was not compared, so older rows that arrived late are unknown"
                .to_owned()
        });
        add_to_message(record, [of_parents, of_removals, of_counts]);
    }
}

/// The stream for whose rows a stream is read.
fn parent_of<'a>(stream: &'a StreamJob, job: &Job) -> Option<&'a str> {
    match listed(stream, &job.source) {
        Some(_) => None,
        None => stream.spec.for_each.as_ref()?.stream.as_deref(),
    }
}

fn add_to_message(record: &mut StreamRecord, more: impl IntoIterator<Item = Option<String>>) {
    let parts = record.message.take().into_iter();
    let parts: Vec<String> = parts.chain(more.into_iter().flatten()).collect();
    record.message = (!parts.is_empty()).then(|| parts.join("; "));
}

/// The report of a dry run.
pub(super) fn as_planned(ready: Ready) -> StreamReport {
    let mut report = ready.report;
    report.held_rows = held_rows(&ready.reading);
    if ready.removals == Removals::All {
        report.record.removed += report.record.unconfirmed;
        report.record.unconfirmed = 0;
    }
    report
}

pub(super) fn nothing_written(mut report: StreamReport) -> StreamReport {
    report.record.unconfirmed += report.record.removed;
    write_counts(&mut report.record, Applied::default());
    report
}

/// The deletion feed of a stream, where this run tried to read it and did not receive all of it: its name and outcome.
pub(super) fn failed_feed(
    stream: &StreamJob,
    done: &[StreamReport],
) -> Option<(StreamName, Outcome)> {
    let feed = stream.feed.as_ref()?;
    let report = done
        .iter()
        .find(|report| report.record.stream == feed.stream)?;
    let outcome = report.record.outcome;
    (!outcome.is_good()).then(|| (feed.stream.clone(), outcome))
}

/// A reading of changes shows no removals by itself: without its deletion feed the mirror may hold rows that the vendor has
/// removed.
pub(super) fn removals_unknown(report: &mut StreamReport, feed: &StreamName, outcome: Outcome) {
    if report.record.outcome.is_good() {
        report.record.outcome = Outcome::Incomplete;
    }
    let why = format!(
        "removals of this stream are listed by {feed}, which was {outcome}; they are applied when {feed} is read again"
    );
    add_to_message(&mut report.record, [Some(why)]);
}

/// The rows of a difference that is not applied. Without them a run is held all the same.
pub(super) fn held_rows(reading: &Reading) -> Option<Arc<HeldRows>> {
    HeldRows::of(&reading.staged)
        .inspect_err(|error| tracing::warn!(%error, "a held run does not show its rows"))
        .ok()
        .map(Arc::new)
}

pub(super) fn not_applied(part: Ready, name: &StreamName, outcome: Outcome) -> StreamReport {
    let held_rows = match outcome {
        Outcome::Held => held_rows(&part.reading),
        _ => None,
    };
    let mut report = nothing_written(part.report);
    report.held_rows = held_rows;
    report.record.outcome = outcome;
    report.record.message = Some(format!("not applied, because {name} was not"));
    report.record.unconfirmed = 0;
    report
}

pub(super) fn write_counts(record: &mut StreamRecord, applied: Applied) {
    (record.new, record.changed, record.removed) = (applied.new, applied.changed, applied.removed);
}

/// Adds how many rows point to rows that are not there, by the stream that they point to.
pub(super) fn add_dangling(
    record: &mut StreamRecord,
    counts: &BTreeMap<StreamName, u64>,
    together: bool,
) {
    let again = if together { ", in two readings" } else { "" };
    let parts = counts.iter().map(|(stream, count)| {
        let point = if *count == 1 { "points" } else { "point" };
        Some(format!(
            "{} {point} to rows of {stream} that do not exist{again}",
            rows(*count)
        ))
    });
    add_to_message(record, parts);
}

/// A few names of items, and why the first one is named.
pub(super) fn named(what: &str, items: &[(String, String)]) -> Option<String> {
    let (_, reason) = items.first()?;
    let mut names: Vec<&str> = items.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let more = names.len().saturating_sub(NAMED_ITEMS);
    let shown = names[..names.len() - more].join(", ");
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    let named = format!("{what} {shown}{more}");
    Some(format!(
        "{}: {reason}",
        named.trim_end().trim_end_matches(':')
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(count: usize) -> Vec<(String, String)> {
        (0..count)
            .map(|number| (format!("i{number}"), "403".to_owned()))
            .collect()
    }

    #[test]
    fn how_a_reading_ended() {
        let cut = Inconsistency::Total {
            received: 1000,
            declared: 1060,
            short_end: false,
        };
        let moved = Inconsistency::Duplicates { rows: 2 };
        let (one, seven) = (items(1), items(7));
        let email: BTreeMap<String, CellLoss> = [(
            "email".to_owned(),
            CellLoss {
                unreadable: 2,
                readable: 98,
            },
        )]
        .into();
        let no_key = vec![("sourcedId : text", "the key is missing", 1)];
        for (name, seen, outcome, message) in [
            ("all well", Findings::default(), Outcome::Ok, None),
            (
                "cut",
                Findings {
                    contradiction: Some(&cut),
                    ..Findings::default()
                },
                Outcome::Incomplete,
                Some(
                    "received 1000 of 1060 declared rows; if the total is always wrong, set `page.total = \"ignore\"` in the connector; 60 rows may be missing; received rows are applied, missing rows are not removed",
                ),
            ),
            (
                "moved",
                Findings {
                    contradiction: Some(&moved),
                    duplicates: 2,
                    ..Findings::default()
                },
                Outcome::Incomplete,
                Some(
                    "received 2 rows twice, so as many others may be missing: the list changed while it was read; \
                     received rows are applied, missing rows are not removed",
                ),
            ),
            (
                "an item failed",
                Findings {
                    failed: &one,
                    ..Findings::default()
                },
                Outcome::Incomplete,
                Some("could not read i0: 403; its rows are unchanged"),
            ),
            (
                "items are refused",
                Findings {
                    refused: &seven,
                    ..Findings::default()
                },
                Outcome::Ok,
                Some("not served: i0, i1, i2, i3, i4 and 2 more: 403"),
            ),
            (
                "a row without a key",
                Findings {
                    rejects: no_key,
                    unidentified: 1,
                    ..Findings::default()
                },
                Outcome::OkWithRejects,
                Some(
                    "1 row rejected: `sourcedId : text`: the key is missing (1); nothing is removed, because a row without a readable key can be any missing row",
                ),
            ),
            (
                "unreadable cells",
                Findings {
                    unreadable: Some(&email),
                    ..Findings::default()
                },
                Outcome::OkWithRejects,
                Some("2 values cannot be read and keep their last value: `email` (2)"),
            ),
            (
                "duplicates",
                Findings {
                    duplicates: 3,
                    ..Findings::default()
                },
                Outcome::Ok,
                Some("received 3 duplicates, which are stored once"),
            ),
            (
                "a duplicate in a list that is cut",
                Findings {
                    contradiction: Some(&Inconsistency::Shrunk),
                    duplicates: 1,
                    ..Findings::default()
                },
                Outcome::Incomplete,
                Some(
                    "the list became shorter while it was read; received rows are applied, missing rows are not removed; \
                     received 1 duplicate, which is stored once",
                ),
            ),
            (
                "an older version",
                Findings {
                    older: 1,
                    ..Findings::default()
                },
                Outcome::Ok,
                Some(
                    "1 row received in an older version than the stored one; applied if the next reading confirms it",
                ),
            ),
        ] {
            assert_eq!(seen.outcome(), outcome, "{name}");
            assert_eq!(seen.message().as_deref(), message, "{name}");
        }
    }
}
