//! The loop on a clock on which sleeping takes no real time: weeks in milliseconds.
//!
//! No sockets, no files, no waiting: `scripted.rs` has the engine.

use std::time::Duration;

use super::scripted::{Act, Run, Script, entry, send, time};
use super::*;
use rollbook_core::clock::Clock;
use rollbook_core::model::{Cause, Class, JobName, ParkReason, Pause, named};
use rollbook_core::store::runs::{JobState, Parked};

#[tokio::test]
async fn every_step_of_one_run() {
    let script = Script::new("2026-03-02T07:00:00Z", &[entry("job", "30 8 * * *")]);
    let log = script.until("2026-03-02T08:00:00Z", Vec::new()).await;
    assert_eq!(
        log,
        [
            "ready",
            "job due 02T07:30:00",
            "job schedule",
            "job ok",
            "stopping"
        ]
    );
}

#[tokio::test]
async fn half_past_eight_is_half_past_eight_all_year() {
    for (from, to, expected) in [
        (
            "2026-10-23T12:00:00Z",
            "2026-10-27T12:00:00Z",
            ["24T06:30", "25T07:30", "26T07:30", "27T07:30"],
        ),
        (
            "2027-03-26T12:00:00Z",
            "2027-03-30T12:00:00Z",
            ["27T07:30", "28T06:30", "29T06:30", "30T06:30"],
        ),
    ] {
        let script = Script::new(from, &[entry("job", "30 8 * * *")]);
        assert_eq!(
            script.dues(to).await,
            expected.map(|due| format!("job due {due}:00")),
            "{from}"
        );
    }
}

#[tokio::test]
async fn intervals_go_on_through_a_change_by_real_time() {
    let script = Script::new("2026-10-24T12:00:10Z", &[entry("job", "*/15 * * * *")]);
    assert_eq!(script.dues("2026-10-25T12:01:00Z").await.len(), 24 * 4);
    let script = Script::new("2026-03-02T07:00:00Z", &[entry("job", "*/10 * * * * *")]);
    let dues = script.dues("2026-03-02T08:01:00Z").await;
    let first_hour = dues
        .iter()
        .filter(|due| due.as_str() <= "job due 02T08:00:00");
    assert_eq!(first_hour.count(), 6 * 60);
}

#[tokio::test]
async fn a_tick_during_a_run_is_skipped() {
    let script = Script::new("2026-03-02T07:00:30Z", &[entry("job", "*/10 * * * *")])
        .with_run("job", Run::Takes(Duration::from_secs(15 * 60)));
    let log = script.until("2026-03-02T07:37:00Z", Vec::new()).await;
    assert_eq!(
        log,
        [
            "ready",
            "job due 02T07:10:00",
            "job schedule",
            "job skipped: the last run has not ended",
            "job ok",
            "job due 02T07:30:00",
            "job schedule",
            "stopping",
            "job ok",
        ]
    );
}

#[tokio::test]
async fn missed_ticks_run_once_after_start() {
    let jobs = ["catches_up", "new"].map(|name| Entry {
        catch_up: true,
        ..entry(name, "30 8 * * *")
    });
    let last = |state: &mut JobState| state.last_due = Some(time("2026-02-27T07:30:00.000Z"));
    let script = Script::new(
        "2026-03-02T12:00:00Z",
        &[
            jobs[0].clone(),
            jobs[1].clone(),
            entry("waits", "30 8 * * *"),
        ],
    )
    .with_state("catches_up", last)
    .with_state("waits", last);
    let log = script.until("2026-03-02T13:00:00Z", Vec::new()).await;
    assert_eq!(
        log,
        [
            "ready",
            "catches_up due 02T07:30:00",
            "catches_up catch_up",
            "catches_up ok",
            "stopping"
        ]
    );
    let again = Script::new("2026-03-02T13:01:00Z", &jobs);
    *again.engine.states.lock().expect("states") =
        script.engine.states.lock().expect("states").clone();
    assert_eq!(
        again.until("2026-03-02T14:00:00Z", Vec::new()).await,
        ["ready", "stopping"]
    );
}

#[tokio::test]
async fn states_are_read_all_at_once() {
    let jobs: Vec<Entry> = (0..50)
        .map(|number| entry(&format!("job_{number}"), "30 8 * * *"))
        .collect();
    let script = Script::new("2026-03-02T12:00:00Z", &jobs);
    let back: Act = Box::new(|script| script.clock.set_wall(time("2026-03-02T09:00:00Z")));
    let log = script
        .until("2026-03-02T13:00:00Z", vec![("2026-03-02T12:30:00Z", back)])
        .await;
    assert_eq!(log.first().map(String::as_str), Some("ready"));
    let singly = *script.engine.single_states.lock().expect("a number");
    assert_eq!(singly, 0, "at the start, after the clock was set back");
}

#[tokio::test]
async fn a_clock_that_is_set_repeats_no_last_tick_and_stops_no_job() {
    let set = |to: &'static str| -> Act { Box::new(move |script| script.clock.set_wall(time(to))) };
    let script = Script::new("2026-03-02T10:05:00Z", &[entry("job", "0 * * * *")]);
    let acts = vec![
        ("2026-03-02T12:30:00Z", set("2026-03-02T06:30:00Z")),
        ("2026-03-02T13:30:00Z", set("2026-03-02T15:30:00Z")),
    ];
    let mut log = script.until("2026-03-02T17:30:00Z", acts).await;
    log.retain(|text| text.contains(" due ") || text.contains("clock"));
    let back = "the clock was set back by 6 h, from 2026-03-02 12:30:";
    assert_eq!(
        log.iter().filter(|text| text.starts_with(back)).count(),
        1,
        "{log:?}"
    );
    log.retain(|text| text.contains(" due "));
    // 12:00 ran last, and does not run again.
    let expected = [
        "11", "12", "07", "08", "09", "10", "11", "13", "15", "16", "17",
    ];
    assert_eq!(log, expected.map(|hour| format!("job due 02T{hour}:00:00")));
}

#[tokio::test]
async fn a_clock_that_is_set_back_by_ten_hours_costs_no_pause() {
    let set = |to: &'static str| -> Act { Box::new(move |script| script.clock.set_wall(time(to))) };
    let parked = |state: &mut JobState| {
        state.parked = Some(Parked {
            reason: ParkReason::CredentialRefused,
            message: "sign in again".to_owned(),
            config_fingerprint: Some("same".to_owned()),
        });
        state.last_due = Some(time("2026-03-02T15:40:00Z"));
    };
    let failing = |state: &mut JobState| {
        state.failures = 8;
        state.last_due = Some(time("2026-03-02T16:00:00Z"));
    };
    let deferred = |state: &mut JobState| {
        state.last_due = Some(time("2026-03-02T16:00:00Z"));
        state.deferred_until = Some(time("2026-03-02T17:10:00Z"));
    };
    for (name, edit, expected) in [
        ("parked", &parked as &dyn Fn(&mut JobState), "03T04:40"),
        ("failing", &failing, "02T07:00"),
        ("deferred", &deferred, "02T07:20"),
    ] {
        let script = Script::new("2026-03-02T16:05:00Z", &[entry("job", "*/20 * * * *")])
            .with_state("job", edit);
        let acts = vec![("2026-03-02T16:06:00Z", set("2026-03-02T06:06:00Z"))];
        let mut log = script.until("2026-03-03T05:00:00Z", acts).await;
        log.retain(|text| text.contains(" due "));
        assert_eq!(log[0], format!("job due {expected}:00"), "{name}");
    }
}

#[tokio::test]
async fn a_clock_that_was_set_back_before_the_start_is_reported_for_a_day() {
    let script = Script::new("2026-03-02T06:05:00Z", &[entry("job", "0 * * * *")]).with_state(
        "job",
        |state| {
            state.last_due = Some(time("2026-03-02T16:00:00Z"));
        },
    );
    let mut log = script.until("2026-03-03T06:10:00Z", Vec::new()).await;
    log.retain(|text| !text.ends_with("schedule") && !text.ends_with("ok"));
    assert_eq!(
        log[..3],
        [
            "ready",
            "recorded 2026-03-02T16:00:00Z",
            "job due 02T07:00:00"
        ]
    );
    assert_eq!(log[log.len() - 2..], ["clock steady", "stopping"]);
    assert!(!log.contains(&"job due 02T16:00:00".to_owned()), "{log:?}");
}

#[tokio::test]
async fn a_deferred_job_waits_and_a_failing_one_slows_down() {
    let script = Script::new("2026-03-02T07:01:00Z", &[entry("job", "*/10 * * * *")])
        .with_state("job", |state| {
            state.deferred_until = Some(time("2026-03-02T07:25:00.000Z"))
        });
    assert_eq!(
        script.dues("2026-03-02T07:45:00Z").await,
        ["job due 02T07:30:00", "job due 02T07:40:00"]
    );
    let script = Script::new("2026-03-02T07:01:00Z", &[entry("job", "*/10 * * * *")]).with_state(
        "job",
        |state| {
            state.failures = 7;
            state.last_due = Some(time("2026-03-02T07:00:00.000Z"));
        },
    );
    assert_eq!(
        script.dues("2026-03-02T08:15:00Z").await,
        ["job due 02T07:30:00", "job due 02T08:00:00"]
    );
}

#[tokio::test]
async fn a_parked_job_is_retried_once_a_day_until_its_configuration_changes() {
    let script = Script::new("2026-03-02T07:01:00Z", &[entry("job", "0 * * * *")]).with_state(
        "job",
        |state| {
            state.parked = Some(Parked {
                reason: ParkReason::CredentialRefused,
                message: "sign in again".to_owned(),
                config_fingerprint: Some("same".to_owned()),
            });
            state.last_due = Some(time("2026-03-02T07:00:00.000Z"));
        },
    );
    let change: Act = Box::new(|script| {
        let fingerprint = &script.engine.config_fingerprint;
        *fingerprint.lock().expect("a fingerprint") = "another".to_owned();
    });
    let mut log = script
        .until(
            "2026-03-04T09:30:00Z",
            vec![("2026-03-04T07:30:00Z", change)],
        )
        .await;
    log.retain(|text| text.contains(" due "));
    let expected = ["03T06", "04T05", "04T08", "04T09"];
    assert_eq!(log, expected.map(|hour| format!("job due {hour}:00:00")));
}

#[tokio::test]
async fn a_new_configuration_is_loaded_and_a_broken_one_is_not() {
    let script = Script::new(
        "2026-03-02T07:01:00Z",
        &[entry("removed", "10 * * * *"), entry("stays", "50 * * * *")],
    )
    .with_run("removed", Run::UntilStopped);
    let reload = |new: Result<Vec<Entry>, String>| -> Act {
        Box::new(move |script| {
            *script.engine.on_disk.lock().expect("on disk") = new.clone();
            for _ in 0..100 {
                script.control.reload.notify_one();
            }
        })
    };
    let new = vec![entry("added", "45 * * * *"), entry("stays", "50 * * * *")];
    let acts = vec![
        (
            "2026-03-02T07:20:00Z",
            reload(Err("line 3: unknown key".to_owned())),
        ),
        ("2026-03-02T07:30:00Z", reload(Ok(new))),
    ];
    assert_eq!(
        script.until("2026-03-02T08:30:00Z", acts).await,
        [
            "ready",
            "removed due 02T07:10:00",
            "removed schedule",
            "refused: line 3: unknown key",
            "reloaded",
            "removed interrupted",
            "added due 02T07:45:00",
            "added schedule",
            "added ok",
            "stays due 02T07:50:00",
            "stays schedule",
            "stays ok",
            "stopping",
        ]
    );
}

#[tokio::test]
async fn a_panic_ends_its_run_only() {
    let script = Script::new(
        "2026-03-02T07:01:00Z",
        &[entry("broken", "10 * * * *"), entry("whole", "20 * * * *")],
    )
    .with_run("broken", Run::Panics)
    .with_run("whole", Run::Ends(Class::Transient));
    let mut log = script.until("2026-03-02T08:30:00Z", Vec::new()).await;
    log.retain(|text| !text.contains(" due ") && !text.contains(" schedule"));
    assert_eq!(
        log,
        [
            "ready",
            "broken crashed",
            "whole failed",
            "broken crashed",
            "whole failed",
            "stopping"
        ]
    );
}

#[tokio::test]
async fn a_full_disk_costs_ticks_and_nothing_else() {
    let full = |full: bool| -> Act {
        Box::new(move |script| *script.engine.full.lock().expect("full") = full)
    };
    let script = Script::new("2026-03-02T07:01:00Z", &[entry("job", "*/10 * * * *")]);
    let acts = vec![
        ("2026-03-02T07:05:00Z", full(true)),
        ("2026-03-02T07:15:00Z", full(false)),
    ];
    assert_eq!(
        script.until("2026-03-02T07:25:00Z", acts).await,
        [
            "ready",
            "disk full",
            "job skipped: the disk is full",
            "disk has room",
            "job due 02T07:20:00",
            "job schedule",
            "job ok",
            "stopping"
        ]
    );
}

#[tokio::test]
async fn a_log_that_cannot_be_emptied_is_reported_and_again_when_it_has_doubled() {
    let held = |bytes: Option<u64>| -> Act {
        Box::new(move |script| *script.engine.held_log.lock().expect("held log") = bytes)
    };
    let script = Script::new("2026-03-02T07:01:00Z", &[]);
    let acts = vec![
        ("2026-03-02T07:05:00Z", held(Some(70))),
        ("2026-03-02T07:06:00Z", held(Some(139))),
        ("2026-03-02T07:07:00Z", held(Some(140))),
        ("2026-03-02T07:08:00Z", held(None)),
    ];
    assert_eq!(
        script.until("2026-03-02T07:10:00Z", acts).await,
        [
            "ready",
            "a log of 70 is held",
            "a log of 140 is held",
            "the log was emptied",
            "stopping"
        ]
    );
}

#[tokio::test]
async fn a_stop_takes_four_seconds_at_most() {
    let script = Script::new(
        "2026-03-02T07:01:00Z",
        &[entry("deaf", "10 * * * *"), entry("polite", "10 * * * *")],
    )
    .with_run("deaf", Run::IgnoresStop)
    .with_run("polite", Run::UntilStopped);
    let mut log = script.until("2026-03-02T07:14:00Z", Vec::new()).await;
    log.retain(|text| !text.contains(" due ") && !text.contains(" schedule"));
    assert_eq!(log, ["ready", "stopping", "polite interrupted"]);
    let naps = script.clock.naps();
    assert_eq!(naps.last(), Some(&Duration::from_secs(4)));
}

#[tokio::test]
async fn thousands_of_jobs_due_at_once_all_run_a_few_at_a_time() {
    let jobs: Vec<Entry> = (0..2000)
        .map(|number| entry(&format!("school_{number}"), "0 30 8 * * *"))
        .collect();
    let mut script = Script::new("2026-03-02T07:29:00Z", &jobs);
    for job in &jobs {
        script = script.with_run(job.name.as_str(), Run::Takes(Duration::ZERO));
    }
    let log = script.until("2026-03-02T08:30:00Z", Vec::new()).await;
    assert_eq!(
        log.iter().filter(|text| text.ends_with(" ok")).count(),
        2000
    );
    let most = script.engine.concurrent.lock().expect("at once").1;
    assert!((1..=8).contains(&most), "{most} at once");
}

#[tokio::test]
async fn idle_jobs_do_not_wake_the_loop() {
    let jobs: Vec<Entry> = (0..200)
        .map(|number| entry(&format!("school_{number}"), "30 8 * * *"))
        .collect();
    let script = Script::new("2026-03-02T08:00:00Z", &jobs);
    script.until("2026-03-02T10:00:00Z", Vec::new()).await;
    let naps = script.clock.naps();
    assert!(
        naps.iter()
            .rev()
            .skip(1)
            .all(|nap| *nap == Duration::from_secs(30)),
        "{naps:?}"
    );
    assert!(naps.len() <= 2 * 120 + 2, "{}", naps.len());
}

#[tokio::test]
async fn a_clock_in_1970_is_waited_for() {
    let job = [Entry {
        catch_up: true,
        ..entry("job", "30 8 * * *")
    }];
    let script = Script::new("1970-01-01T00:00:05Z", &job).with_state("job", |state| {
        state.last_due = Some(time("2026-03-01T07:30:00.000Z"))
    });
    let set: Act = Box::new(|script| script.clock.set_wall(time("2026-03-02T12:00:00Z")));
    let log = script
        .until("2026-03-02T13:00:00Z", vec![("1970-01-01T00:01:00Z", set)])
        .await;
    assert_eq!(
        log,
        [
            "ready",
            "clock unset",
            "clock set",
            "job due 02T07:30:00",
            "job catch_up",
            "job ok",
            "stopping"
        ]
    );
    let script = Script::new("1970-01-01T00:00:05Z", &[]);
    assert_eq!(
        script.until("1970-01-01T00:01:30Z", Vec::new()).await,
        ["ready", "clock unset", "stopping"]
    );
    let script = Script::new("1970-01-01T00:00:05Z", &[entry("job", "30 8 * * *")]);
    let dues = script.dues("1970-01-01T08:00:00Z").await;
    assert_eq!(dues, ["job due 01T07:30:00"], "it runs after two minutes");
}

#[tokio::test]
async fn fifty_years_between_two_clocks_are_one_run() {
    let job = |name: &str, catch_up| Entry {
        catch_up,
        ..entry(name, "30 8 * * *")
    };
    let script = Script::new(
        "1970-01-01T00:00:05Z",
        &[job("catches_up", true), job("waits", false)],
    );
    let last = |state: &mut JobState| state.last_due = Some(time("2026-03-01T07:30:00.000Z"));
    let script = script
        .with_state("catches_up", last)
        .with_state("waits", last);
    // The clock is set long after it was believed.
    let set: Act = Box::new(|script| script.clock.set_wall(time("2026-03-02T12:00:00Z")));
    let mut log = script
        .until("2026-03-02T13:00:00Z", vec![("1970-01-01T05:00:00Z", set)])
        .await;
    log.retain(|text| !text.contains(" due "));
    assert_eq!(
        log,
        [
            "ready",
            "clock unset",
            "clock accepted",
            "clock set",
            "the clock was set forward by 20514 d 6 h, from 1970-01-01 05:00:35 UTC to 2026-03-02 12:00:00 UTC",
            "waits skipped: the clock was set forward past it",
            "catches_up catch_up",
            "catches_up ok",
            "stopping"
        ]
    );
}

/// The one test with signals: they reach the whole process, so two at a time would disturb each other.
#[tokio::test]
async fn signals_reload_and_stop() {
    // The one that is sent twice is last, because the second may arrive late.
    for (name, times) in [("INT", 1), ("TERM", 2)] {
        let script = Script::new("2026-03-02T07:00:00Z", &[]);
        let (sender, mut sent) = tokio::sync::mpsc::unbounded_channel();
        let stopped = std::sync::Once::new();
        let events = move |event| {
            match &event {
                Event::Ready => (0..5).for_each(|_| send("HUP")),
                Event::Reloaded => stopped.call_once(|| (0..times).for_each(|_| send(name))),
                _ => {}
            }
            sender.send(event).expect("an open channel");
        };
        let control = script.control.clone();
        let ended = tokio::select! {
            ended = run_loop(script.engine, Clock::system(), script.control, events) => ended,
            () = forward_signals(&control) => Ok(()),
        };
        assert_eq!(ended, Ok(()), "{name}");
        let mut all = Vec::new();
        while let Ok(event) = sent.try_recv() {
            all.push(event);
        }
        // The system may hand over a storm in parts; each part is one reload.
        let reported = [Event::Ready, Event::Reloaded, Event::Stopping];
        all.retain(|event| reported.contains(event));
        all.dedup();
        let once = reported;
        assert_eq!(all, once, "{name}");
    }
}

#[tokio::test]
async fn the_watchdog_is_not_notified_while_a_run_is_stuck() {
    let last = |script: &Script| script.alive.lock().expect("alive").to_string();
    for (name, run, alive) in [
        (
            "a run without progress",
            Run::IgnoresStop,
            "2026-03-02T07:15:",
        ),
        (
            "a run that log it would be silent",
            Run::Silent(Duration::from_secs(20 * 60)),
            "2026-03-02T07:35:",
        ),
        (
            "a run that ends",
            Run::Ends(Class::Transient),
            "2026-03-02T07:59:",
        ),
    ] {
        let script = Script::new("2026-03-02T07:01:00Z", &[entry("job", "10 * * * *")]);
        let script = script.with_run("job", run);
        let log = script.until("2026-03-02T08:00:00Z", Vec::new()).await;
        let stuck = log.iter().filter(|text| *text == "stuck: the run of job");
        let is_stuck = !matches!(run, Run::Ends(_));
        assert_eq!(stuck.count(), usize::from(is_stuck), "{name}: {log:?}");
        assert!(
            last(&script).starts_with(alive),
            "{name}: {}",
            last(&script)
        );
    }
}

#[tokio::test]
async fn the_watchdog_is_not_notified_while_the_writer_is_stuck() {
    let works = |steps: u64| -> Act {
        Box::new(move |script| *script.engine.writer.lock().expect("writer") = steps)
    };
    let script = Script::new("2026-03-02T07:01:00Z", &[entry("job", "10 * * * *")]);
    // A run that waits for the writer is as alive as the writer.
    let script = script.with_run("job", Run::IgnoresStop);
    let acts = vec![
        ("2026-03-02T07:12:00Z", works(1)),
        ("2026-03-02T07:22:00Z", works(3)),
    ];
    let log = script.until("2026-03-02T08:00:00Z", acts).await;
    let stuck: Vec<&String> = log
        .iter()
        .filter(|text| text.starts_with("stuck"))
        .collect();
    assert_eq!(stuck, ["stuck: the mirror's writer"], "{log:?}");
    let alive = script.alive.lock().expect("alive").to_string();
    assert!(alive.starts_with("2026-03-02T07:37:"), "{alive}");
}

#[tokio::test]
async fn a_short_watchdog_timeout_means_more_notifications() {
    let mut script = Script::new("2026-03-02T07:00:00Z", &[entry("job", "30 8 * * *")]);
    script.control.alive_every = Some(Duration::from_secs(5));
    script.until("2026-03-02T07:10:00Z", Vec::new()).await;
    let naps = script.clock.naps();
    let longest = naps.iter().rev().skip(1).max();
    assert_eq!(longest, Some(&Duration::from_secs(5)));
}

#[test]
fn a_requested_run_waits_for_the_active_one() {
    let request = |job: &str| RunRequest {
        job: named(job),
        start: Cause::Command.into(),
    };
    let run_now = RunNow::default();
    for job in ["idle", "active", "idle"] {
        run_now.request(request(job));
    }
    let is_active = |job: &JobName| *job == *"active";
    assert_eq!(run_now.take(is_active), [request("idle")]);
    assert_eq!(run_now.take(|_| true), []);
    assert_eq!(
        run_now.take(|_| false),
        [request("active"), request("idle")]
    );
}

#[tokio::test]
async fn an_approved_run_starts_at_once_also_if_the_job_waits() {
    let approve = |job: &'static str| -> Act {
        Box::new(move |script| {
            script.control.run_now.request(RunRequest {
                job: named(job),
                start: Cause::Approval.into(),
            })
        })
    };
    let script = Script::new("2026-03-02T07:01:00Z", &[entry("job", "0 * * * *")]);
    let script = script.with_state("job", |state| {
        state.failures = 11;
        state.last_due = Some(time("2026-03-02T07:00:00.000Z"));
    });
    let acts = vec![
        ("2026-03-02T07:20:00Z", approve("job")),
        ("2026-03-02T07:30:00Z", approve("removed")),
    ];
    let mut log = script.until("2026-03-02T07:50:00Z", acts).await;
    log.retain(|text| !text.contains(" due "));
    assert_eq!(log, ["ready", "job approval", "job ok", "stopping"]);
}

#[tokio::test]
async fn a_pause_skips_ticks_and_its_end_makes_up_for_them_once() {
    let pause = |until: Option<&str>| Pause {
        since: time("2026-03-02T06:00:00Z"),
        until: until.map(|until| time(until).to_zoned(jiff::tz::TimeZone::UTC)),
    };
    let jobs = [
        Entry {
            catch_up: true,
            ..entry("catches_up", "30 8 * * *")
        },
        entry("waits", "30 8 * * *"),
    ];
    let paused = |until: Option<&str>| {
        let pause = pause(until);
        move |state: &mut JobState| {
            state.last_due = Some(time("2026-03-01T07:30:00Z"));
            state.pauses = vec![pause];
        }
    };
    let acted = |mut log: Vec<String>| {
        log.retain(|text| text.contains(" due ") || text.contains("catch_up"));
        log
    };
    let until = Some("2026-03-04T12:00:00Z");
    let script = Script::new("2026-03-02T07:00:00Z", &jobs)
        .with_state("catches_up", paused(until))
        .with_state("waits", paused(until));
    let log = script.until("2026-03-04T11:59:00Z", Vec::new()).await;
    assert_eq!(
        log.iter()
            .filter(|text| text.ends_with("skipped: paused until 2026-03-04 12:00 UTC"))
            .count(),
        6,
        "{log:?}"
    );
    // Another daemon, which starts before the end.
    let again = Script::new("2026-03-04T11:59:00Z", &jobs);
    *again.engine.states.lock().expect("states") =
        script.engine.states.lock().expect("states").clone();
    assert_eq!(
        acted(again.until("2026-03-05T08:00:00Z", Vec::new()).await),
        [
            "catches_up due 04T07:30:00",
            "catches_up catch_up",
            "waits due 05T07:30:00",
            "catches_up due 05T07:30:00",
        ]
    );
    // One that starts after it makes up for them as for every missed tick; one tick in the pause is enough.
    let late = Script::new("2026-03-04T13:00:00Z", &jobs)
        .with_state("catches_up", paused(until))
        .with_state("waits", paused(until));
    assert_eq!(
        acted(late.until("2026-03-04T14:00:00Z", Vec::new()).await),
        ["catches_up due 04T07:30:00", "catches_up catch_up"]
    );
    // An admin ends one that has no end.
    let end: Act = Box::new(move |script| {
        for state in script.engine.states.lock().expect("states").values_mut() {
            let now = time("2026-03-03T10:00:00Z");
            state.pauses[0].until = Some(now.to_zoned(jiff::tz::TimeZone::UTC));
        }
        *script.engine.writer.lock().expect("writer") += 2;
        script.control.run_now.wake();
    });
    let open = Script::new("2026-03-02T07:00:00Z", &jobs)
        .with_state("catches_up", paused(None))
        .with_state("waits", paused(None));
    let acts = vec![("2026-03-03T10:00:00Z", end)];
    assert_eq!(
        acted(open.until("2026-03-04T08:00:00Z", acts).await),
        [
            "catches_up due 03T07:30:00",
            "catches_up catch_up",
            "waits due 04T07:30:00",
            "catches_up due 04T07:30:00",
        ]
    );
}
