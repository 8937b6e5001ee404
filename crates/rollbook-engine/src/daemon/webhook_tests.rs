//! Webhooks in the loop, on a test clock. The scripted webhook asks for an early run every five minutes at most.

use std::time::Duration;

use super::scripted::{Act, Run, Script, early, entry, time};
use rollbook_core::model::{Class, Pause};
use rollbook_core::store::runs::{JobState, Parked};

/// Five hundred webhooks at once.
fn storm() -> Act {
    Box::new(|script| {
        for _ in 0..500 {
            script.control.webhooks.request(vec![early("job")]);
        }
    })
}

/// What happens from 07:00 on; the job's tick is at 07:30 UTC.
async fn played(script: Script, end: &str, acts: Vec<(&str, Act)>) -> Vec<String> {
    let mut log = script.until(end, acts).await;
    log.retain(|text| text.starts_with("job"));
    log
}

fn morning() -> Script {
    Script::new("2026-03-02T07:00:00Z", &[entry("job", "30 8 * * *")])
}

#[tokio::test(flavor = "current_thread")]
async fn a_storm_is_one_run_and_one_that_starts_after_the_last_webhook() {
    let acts = vec![
        ("2026-03-02T07:01:00Z", storm()),
        ("2026-03-02T07:01:02Z", storm()),
        ("2026-03-02T07:05:00Z", storm()),
    ];
    let log = played(morning(), "2026-03-02T07:20:00Z", acts).await;
    assert_eq!(log, ["job webhook", "job ok", "job webhook", "job ok"]);
}

#[tokio::test(flavor = "current_thread")]
async fn a_webhook_during_a_run_starts_one_afterwards_whatever_the_wall_clock_does() {
    for set in [
        None,
        Some("2026-03-02T05:00:00Z"),
        Some("2026-03-04T09:00:00Z"),
    ] {
        let script = morning().with_run("job", Run::Takes(Duration::from_secs(180)));
        let mut acts: Vec<(&str, Act)> = vec![("2026-03-02T07:01:00Z", storm())];
        acts.push(("2026-03-02T07:02:30Z", storm()));
        if let Some(set) = set {
            acts.push((
                "2026-03-02T07:03:00Z",
                Box::new(move |script| script.clock.set_wall(time(set))),
            ));
        }
        let start = set.unwrap_or("2026-03-02T07:03:00Z");
        let end = time(start) + jiff::SignedDuration::from_mins(10);
        let log = played(script, &end.to_string(), acts).await;
        let runs = log.iter().filter(|text| *text == "job webhook").count();
        assert_eq!(runs, 2, "{set:?}: {log:?}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_tick_of_the_schedule_waits_for_an_early_run_and_is_not_lost() {
    let script = morning().with_run("job", Run::Takes(Duration::from_secs(120)));
    let acts = vec![("2026-03-02T07:29:30Z", storm())];
    let log = played(script, "2026-03-02T07:40:00Z", acts).await;
    let expected = [
        "job webhook",
        "job ok",
        "job due 02T07:30:00",
        "job schedule",
        "job ok",
    ];
    assert_eq!(log, expected);
}

#[tokio::test(flavor = "current_thread")]
async fn a_run_of_the_schedule_reads_what_was_announced_before_it() {
    let acts = vec![
        ("2026-03-02T07:28:00Z", storm()),
        ("2026-03-02T07:29:00Z", storm()),
    ];
    let log = played(morning(), "2026-03-02T07:50:00Z", acts).await;
    let expected = [
        "job webhook",
        "job ok",
        "job due 02T07:30:00",
        "job schedule",
        "job ok",
    ];
    assert_eq!(log, expected);
}

#[tokio::test(flavor = "current_thread")]
async fn a_tick_that_is_skipped_reads_nothing_that_was_announced() {
    let hourly = Script::new("2026-03-02T07:00:00Z", &[entry("job", "0 * * * *")]);
    // Longer than the time between two ticks.
    let script = hourly.with_run("job", Run::Takes(Duration::from_secs(80 * 60)));
    let acts = vec![("2026-03-02T08:30:00Z", storm())];
    let log = played(script, "2026-03-02T09:30:00Z", acts).await;
    let expected = [
        "job due 02T08:00:00",
        "job schedule",
        "job skipped: the last run has not ended",
        "job ok",
        "job webhook",
    ];
    assert_eq!(log[..expected.len()], expected, "{log:?}");
}

#[tokio::test(flavor = "current_thread")]
async fn a_job_that_waits_is_left_to_its_schedule() {
    type Wait = fn(&mut JobState);
    let waits: [(&str, Wait); 5] = [
        ("paused", |state| {
            let since = time("2026-03-01T07:00:00Z");
            state.pauses = vec![Pause { since, until: None }];
        }),
        ("deferred", |state| {
            state.deferred_until = Some(time("2026-03-02T07:25:00Z"))
        }),
        ("parked long ago", |state| {
            state.last_due = Some(time("2026-02-25T07:30:00Z"));
            state.parked = Some(Parked {
                reason: rollbook_core::model::ParkReason::SignInNeeded,
                message: "sign in".to_owned(),
                config_fingerprint: None,
            });
        }),
        ("failing", |state| state.failures = 5),
        ("refused", |state| state.refused_runs = 1),
    ];
    for (name, wait) in waits {
        let script = morning().with_state("job", wait);
        let acts = vec![("2026-03-02T07:01:00Z", storm())];
        let log = played(script, "2026-03-02T07:20:00Z", acts).await;
        assert_eq!(log, [""; 0], "{name}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_few_failures_do_not_stop_webhooks() {
    let script = morning().with_run("job", Run::Ends(Class::Transient));
    let acts = vec![
        ("2026-03-02T07:01:00Z", storm()),
        ("2026-03-02T07:10:00Z", storm()),
    ];
    let log = played(script, "2026-03-02T07:20:00Z", acts).await;
    assert_eq!(
        log,
        ["job webhook", "job failed", "job webhook", "job failed"]
    );
}
