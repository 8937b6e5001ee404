//! The history of a mirror with records of runs.

use super::*;
use rollbook_core::model::{Cause, Outcome, named};
use rollbook_core::store::Store;
use rollbook_core::store::runs::{self, RunEnd, StreamRecord};

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// Records a run of 90 seconds; the newest ones may still run.
async fn run(store: &Store, started: &'static str, new: u64, outcome: Option<Outcome>) -> i64 {
    let act = move |connection: &mut rusqlite::Connection| {
        let (job, source) = (named("rosters"), named("north"));
        let started = at(started);
        let run = runs::begin(connection, (&job, &source), Cause::Schedule, None, started)?;
        let record = StreamRecord {
            reading: "full".to_owned(),
            completeness: Some("proven".to_owned()),
            outcome: outcome.unwrap_or_default(),
            new,
            unchanged: 10,
            unconfirmed: 3,
            ..StreamRecord::new(named("users"))
        };
        runs::record_stream(connection, run, &source, &record, &[])?;
        if let Some(outcome) = outcome {
            let end = RunEnd {
                outcome,
                message: Some("users: a message of the vendor".to_owned()),
                hold: None,
            };
            runs::end(
                connection,
                run,
                started + SignedDuration::from_secs(90),
                &end,
            )?;
        }
        Ok(run)
    };
    store.write(act).await.expect("recorded")
}

#[tokio::test]
async fn the_days_that_the_daemon_keeps_are_those_that_a_command_computes() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("mirror.db")).expect("a mirror");
    let now = at("2026-03-03T07:00:00Z");
    run(&store, "2025-01-01T06:00:00Z", 1, Some(Outcome::Ok)).await;
    run(&store, "2026-03-02T06:00:00Z", 2, Some(Outcome::Ok)).await;
    let mut fold = HistoryFold::default();
    let update = |fold: &mut HistoryFold| {
        let reader = store.reader().expect("a reader");
        update(fold, None, &reader, store.path(), None, now).expect("computed");
    };
    update(&mut fold);
    let days = |history: &RunHistory| history.streams[0].days.clone();
    assert_eq!(days(&fold.history).len(), 1, "the first is too old");
    run(&store, "2026-03-02T07:00:00Z", 0, Some(Outcome::Held)).await;
    let open = run(&store, "2026-03-03T06:00:00Z", 5, None).await;
    run(&store, "2026-03-03T06:30:00Z", 1, Some(Outcome::Ok)).await;
    update(&mut fold);
    update(&mut fold);
    let end = move |connection: &mut rusqlite::Connection| {
        runs::end(connection, open, now, &RunEnd::default())
    };
    store.write(end).await.expect("ended");
    update(&mut fold);

    let reader = store.reader().expect("a reader");
    let computed = run_history(&reader, store.path(), None, now).expect("computed");
    let found = days(&fold.history);
    assert_eq!(found.len(), 2);
    assert_eq!(
        (found[0].runs, found[0].would_be_removed, found[0].rows),
        (2, 3, Some(15))
    );
    assert_eq!((found[1].runs, found[1].new), (2, 6));
    assert_eq!(days(&computed)[0], found[0]);
    assert_eq!((days(&computed)[1].runs, days(&computed)[1].new), (2, 6));

    let job = &computed.jobs[0];
    let strip: Vec<(i64, Outcome, u64)> = job
        .runs
        .iter()
        .map(|run| (run.run, run.outcome, run.duration_ms))
        .collect();
    assert_eq!(
        strip[1..],
        [
            (2, Outcome::Ok, 90_000),
            (3, Outcome::Held, 90_000),
            (4, Outcome::Ok, 3_600_000),
            (5, Outcome::Ok, 90_000),
        ]
    );
    assert_eq!(job.last_good.as_deref(), Some("2026-03-03T06:31:30.000Z"));
    assert_eq!(job.streams, [computed.streams[0].stream.clone()]);
    let text = serde_json::to_string(&computed).expect("written");
    assert!(!text.contains("vendor"), "{text}");
    let read: RunHistory = serde_json::from_str(&text).expect("read");
    assert_eq!(read, computed);
}

/// A reload computes the days again from the records; what was purged meanwhile stays in the totals.
#[tokio::test]
async fn totals_survive_a_reload_and_a_purge() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("mirror.db")).expect("a mirror");
    run(&store, "2026-03-01T06:00:00Z", 7, Some(Outcome::Ok)).await;
    let reader = store.reader().expect("a reader");
    let before = last_ended_run(&reader).expect("read");
    let mut totals = TotalsFold::behind(before, "2026-03-01T12:00:00.000Z".to_owned());
    drop(reader);
    let mut update_all = |now: &str| {
        let reader = store.reader().expect("a reader");
        let (mut fold, now) = (HistoryFold::default(), at(now));
        update(
            &mut fold,
            Some(&mut totals),
            &reader,
            store.path(),
            None,
            now,
        )
        .expect("computed");
        (
            totals.totals.streams[0].new,
            totals.totals.jobs[0].runs.clone(),
        )
    };
    run(&store, "2026-03-02T06:00:00Z", 2, Some(Outcome::Ok)).await;
    let (new, _) = update_all("2026-03-02T07:00:00Z");
    assert_eq!(new, 2, "not the run before the start");
    let (new, _) = update_all("2026-03-02T07:00:00Z");
    assert_eq!(new, 2, "once");
    run(&store, "2027-08-01T06:00:00Z", 3, Some(Outcome::Held)).await;
    let (new, runs) = update_all("2027-08-01T07:00:00Z");
    assert_eq!(new, 5, "the day of the first run has dropped out");
    assert_eq!((runs["ok"], runs["held"]), (1, 1));
}
