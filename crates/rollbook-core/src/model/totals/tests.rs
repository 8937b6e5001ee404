use super::*;
use crate::model::{Class, named};

#[test]
fn buckets_are_cumulative_and_their_bounds_inclusive() {
    let mut histogram = Histogram::new(&[10, 100]);
    for length in [0, 10, 11, 100, 101] {
        histogram.add(length);
    }
    let counts: Vec<u64> = histogram
        .buckets
        .iter()
        .map(|bucket| bucket.count)
        .collect();
    assert_eq!(
        (counts, histogram.count, histogram.sum_ms),
        (vec![2, 4], 5, 222)
    );
}

#[test]
fn bounds_grow() {
    for bounds in [RUN_BOUNDS_MS, LATENCY_BOUNDS_MS] {
        assert!(bounds.is_sorted_by(|one, next| one < next), "{bounds:?}");
    }
}

fn part(run: i64, outcome: Outcome) -> StreamResult<'static> {
    StreamResult {
        run,
        source: "north",
        stream: "users",
        day: jiff::civil::date(2026, 3, 2),
        outcome,
        is_complete: true,
        new: if outcome.is_good() { 2 } else { 0 },
        changed: 0,
        removed: 0,
        unchanged: 10,
        missing: 0,
        rejected: 1,
        duration_ms: 1_000,
        pages: 1,
        received: 13,
    }
}

#[test]
fn runs_since_the_start_are_counted_once_whenever_they_end() {
    let mut fold = TotalsFold::behind(4, String::new());
    let job = named("rosters");
    // Run 6 is active while 7 ends; a reload reads the records of all runs again.
    for (runs, open) in [
        (vec![4, 5, 7], Some(6)),
        (vec![4, 5, 7], Some(6)),
        (vec![4, 5, 6, 7], None),
    ] {
        for run in runs {
            fold.add_stream(&part(run, Outcome::Ok));
            fold.add_run(run, &job, Outcome::Ok, 90_000);
        }
        fold.end(open);
    }
    let stream = &fold.totals.streams[0];
    assert_eq!((stream.new, stream.received, stream.rejected), (6, 39, 3));
    let job = &fold.totals.jobs[0];
    assert_eq!(
        (job.runs["ok"], job.duration.count, job.duration.sum_ms),
        (3, 3, 270_000)
    );
}

#[test]
fn what_was_not_applied_is_not_counted() {
    let mut fold = TotalsFold::default();
    for (run, outcome) in [
        (1, Outcome::Held),
        (2, Outcome::Failed(Class::Transient)),
        (3, Outcome::Incomplete),
    ] {
        fold.add_stream(&part(run, outcome));
    }
    let stream = &fold.totals.streams[0];
    assert_eq!((stream.new, stream.received, stream.rejected), (0, 13, 1));
}
