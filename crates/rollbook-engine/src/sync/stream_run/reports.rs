//! The report of each stream of a run, from what was read, planned and written.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Ready;
use super::findings::{
    Findings, cells, duplicates, expired, named, rejected, rejects_of, repaired, rows,
};
use crate::sync::items::listed;
use crate::sync::job::{Job, StreamJob};
use crate::sync::read::Reading;
use crate::sync::report::StreamReport;
use crate::sync::timeline::TimelineReport;
use crate::sync::walk::WalkFacts;
use rollbook_core::model::guard::Hold;
use rollbook_core::model::row::{Reject, Repair};
use rollbook_core::model::{HoldRule, Outcome, StreamName};
use rollbook_core::store::apply::{Applied, Removals};
use rollbook_core::store::held::HeldRows;
use rollbook_core::store::runs::StreamRecord;

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
        suppressed: facts.suppressed,
        unlisted: facts.unlisted.list(),
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
    let seen = Findings::of(stream, reading);
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
            };
            Some((reject, *cells))
        })
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
        expired(done.expired),
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
            items.saturating_sub(done.unread.len())
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
    match listed(&stream.spec, &job.source) {
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
    report.held_rows = held_rows(&ready.reading, None);
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
pub(super) fn held_rows(reading: &Reading, rule: Option<HoldRule>) -> Option<Arc<HeldRows>> {
    HeldRows::of(&reading.staged, rule)
        .inspect_err(|error| tracing::warn!(%error, "a held run does not show its rows"))
        .ok()
        .map(Arc::new)
}

pub(super) fn not_applied(part: Ready, name: &StreamName, outcome: Outcome) -> StreamReport {
    let held_rows = match outcome {
        Outcome::Held => held_rows(&part.reading, None),
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
