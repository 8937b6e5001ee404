//! What is said of each stream of a run, from what was read, planned and written.

use super::*;

/// A refused sign-in parks the job. A right that is missing for one stream does not: the others go on.
pub(super) fn outcome_of(error: &Failure) -> Outcome {
    let lacks_right = error
        .http()
        .is_some_and(crate::http::HttpError::is_forbidden);
    match error.class() {
        Class::Auth if !lacks_right => Outcome::Parked,
        class => Outcome::Failed(class),
    }
}

/// The description says that a vendor may not serve this stream.
pub(super) fn is_left_out(stream: &StreamJob, error: &Failure) -> bool {
    stream.spec.optional
        && error
            .http()
            .is_some_and(|error| error.is_forbidden() || error.is_missing())
}

pub(super) fn left_out(stream: &StreamJob, error: &Failure, duration: Duration) -> StreamReport {
    let mut report = base_report(stream, &WalkFacts::default(), "full", duration);
    report.outcome = Outcome::LeftOut;
    report.record.outcome = Outcome::LeftOut.word().to_owned();
    report.record.sentence = Some(error.to_string());
    report
}

pub(super) fn base_report(
    stream: &StreamJob,
    facts: &WalkFacts,
    reading: &str,
    duration: Duration,
) -> StreamReport {
    let record = StreamRecord {
        stream: stream.spec.name.clone(),
        reading: reading.to_owned(),
        outcome: Outcome::Ok.word().to_owned(),
        pages: facts.pages,
        rows_read: facts.received,
        unlisted: facts.unlisted.iter().cloned().collect(),
        duration_ms: duration.as_millis() as u64,
        ..StreamRecord::default()
    };
    StreamReport {
        record,
        outcome: Outcome::Ok,
        hold: None,
        rejects: facts.rejects(),
        written: false,
        stated: facts.server_time,
    }
}

pub(super) fn report_of(stream: &StreamJob, reading: &Reading, duration: Duration) -> StreamReport {
    let plan = &reading.staged.plan;
    let kind = if reading.full { "full" } else { "incremental" };
    let mut report = base_report(stream, &reading.facts, kind, duration);
    let record = &mut report.record;
    (record.new, record.changed, record.gone) =
        (plan.new, plan.changed, plan.gone + plan.by_status);
    (record.waiting, record.unchanged, record.rejected) =
        (plan.waiting, plan.unchanged, plan.rejected);
    record.sentence = match &reading.doubt {
        Some(doubt) => Some(format!(
            "nothing was removed, because the reading does not hold together: {doubt}"
        )),
        None => named(&reading.left_out),
    };
    if plan.rejected > 0 {
        report.outcome = Outcome::OkWithRejects;
        record.outcome = Outcome::OkWithRejects.word().to_owned();
    }
    report
}

/// What a dry run says it would do.
pub(super) fn as_planned(ready: Ready) -> StreamReport {
    let mut report = ready.report;
    if ready.removals == Removals::All {
        report.record.gone += report.record.waiting;
        report.record.waiting = 0;
    }
    report
}

pub(super) fn nothing_written(mut report: StreamReport) -> StreamReport {
    report.record.waiting += report.record.gone;
    write_counts(&mut report.record, Applied::default());
    report
}

pub(super) fn not_applied(report: StreamReport, name: &str, outcome: &Outcome) -> StreamReport {
    let mut report = nothing_written(report);
    report.outcome = outcome.clone();
    report.record.outcome = outcome.word().to_owned();
    report.record.sentence = Some(format!("not applied, because {name} was not"));
    report.record.waiting = 0;
    report
}

pub(super) fn write_counts(record: &mut StreamRecord, applied: Applied) {
    (record.new, record.changed, record.gone) = (applied.new, applied.changed, applied.gone);
}

/// A few names of what the vendor refuses, and why the first one was.
pub(super) fn named(left_out: &[(String, String)]) -> Option<String> {
    let (_, reason) = left_out.first()?;
    let mut names: Vec<&str> = left_out.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let more = names.len().saturating_sub(NAMED_ITEMS);
    let shown = names[..names.len() - more].join(", ");
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    Some(format!("left out {shown}{more}: {reason}"))
}
