//! Applies the loop's events to the status. No files, no sockets, no clock.

use jiff::Timestamp;

use super::clock_rule::shown;
use super::engine::{Event, JobCondition, NextTick};
use super::status::{
    DaemonState, JobStatus, Last, PauseStatus, RefusedReload, Running, SkippedTick, Status,
};
use crate::sync::Progress;
use rollbook_core::model::EntryName;
use rollbook_core::model::scalar::to_canonical;

/// How much an event changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    /// Nothing in the status.
    None,
    /// Progress of a run; these are frequent.
    Progress,
    /// Anything else: written at once.
    State,
}

/// Applies one event to the status.
pub(super) fn apply(status: &mut Status, event: &Event, now: Timestamp) -> Change {
    let at = to_canonical(now);
    match event {
        Event::Ready => status.state = DaemonState::Running,
        Event::ClockUnset(time) => {
            status.clock = Some(format!(
                "the clock shows {} UTC and is not set; no job runs until it is, or for two minutes",
                shown(*time)
            ));
        }
        Event::ClockAccepted(time) => {
            status.clock = Some(format!(
                "the clock shows {} UTC, which is before this version was built; jobs run nevertheless",
                shown(*time)
            ));
        }
        Event::ClockSet | Event::ClockSteady => status.clock = None,
        Event::ClockStepped(step) => {
            status.clock = Some(format!(
                "{step}; the last tick does not run again, and jobs continue at their next one"
            ));
        }
        Event::ClockWasAhead {
            recorded,
            shown: now,
        } => {
            status.clock = Some(format!(
                "the clock shows {} UTC, and the last recorded tick is {} UTC: the clock was ahead; jobs continue at their next tick",
                shown(*now),
                shown(*recorded)
            ));
        }
        Event::Planned(next_ticks) => replace_jobs(status, next_ticks),
        Event::Conditions(all) => {
            status.outputs.clone_from(&all.outputs);
            for job in &mut status.jobs {
                if let Some(condition) = all.jobs.iter().find(|found| job.job == found.job) {
                    record_condition(job, condition);
                }
            }
        }
        Event::Alive if status.stuck.is_none() => return Change::None,
        Event::Alive => status.stuck = None,
        Event::Stuck(who) => status.stuck = Some(who.clone()),
        Event::Reloading => status.state = DaemonState::Reloading,
        Event::Reloaded => {
            status.state = DaemonState::Running;
            status.configuration.since = at;
            status.configuration.refused = None;
        }
        Event::ReloadRefused(refusal) => {
            status.state = DaemonState::Running;
            status.configuration.refused = Some(RefusedReload {
                at,
                problems: refusal.problems,
                first: refusal.first.clone(),
                places: refusal.places.clone(),
            });
        }
        Event::RunStarted { job, start } => with(status, job, |job| {
            job.skipped = None;
            job.running = Some(Running {
                since: at,
                cause: start.cause.to_string(),
                only: start.only.clone(),
                ..Running::default()
            });
        }),
        Event::RunProgress { job, progress } => {
            with(status, job, |job| record_progress(job, progress));
            return match progress {
                Progress::Start { .. } => Change::State,
                Progress::Page { .. } | Progress::ExpectSilence(_) | Progress::End { .. } => {
                    Change::Progress
                }
            };
        }
        Event::RunEnded { job, outcome } => {
            with(status, job, |job| record_end(job, outcome.as_str(), at));
        }
        Event::RunCrashed { job } => with(status, job, |job| record_end(job, "crashed", at)),
        Event::TickSkipped { job, reason } => with(status, job, |job| {
            let reason = reason.to_string();
            job.skipped = Some(SkippedTick { at, reason });
        }),
        Event::DiskFull(is_full) => {
            status.disk = is_full
                .then(|| "the disk or a quota is full; runs fail until there is space".to_owned());
        }
        Event::LogHeld(bytes) => status.held_log = bytes.map(held_log),
        Event::FatalError(why) => status.fatal_error = Some(why.clone()),
        Event::Stopping => status.state = DaemonState::Stopping,
    }
    Change::State
}

fn held_log(bytes: u64) -> String {
    format!(
        "the write-ahead log of the mirror has {} MiB and cannot be emptied, because another program has been reading the mirror \
         for more than ten minutes; `rollbook status`, as root, names it: end it, or let it read a copy ([store.copy])",
        bytes >> 20
    )
}

/// Replaces the jobs and keeps the state of those that remain.
fn replace_jobs(status: &mut Status, next_ticks: &[NextTick]) {
    let mut before = std::mem::take(&mut status.jobs);
    for next in next_ticks {
        let index = before.iter().position(|job| job.job == next.job);
        let known = index.map(|index| before.swap_remove(index));
        status.jobs.push(JobStatus {
            time_zone: next.zone.clone(),
            next_tick: next.due.map(to_canonical),
            delayed: next.delayed.as_ref().map(ToString::to_string),
            paused: next.pause.as_ref().map(PauseStatus::from),
            ..known.unwrap_or_else(|| JobStatus::new(next.job.clone()))
        });
    }
}

fn with(status: &mut Status, name: &EntryName, act: impl FnOnce(&mut JobStatus)) {
    // A run may end after its job was removed.
    if let Some(job) = status.jobs.iter_mut().find(|job| job.job == *name) {
        act(job);
    }
}

fn record_condition(job: &mut JobStatus, condition: &JobCondition) {
    job.source.clone_from(&condition.source);
    job.parked = condition.parked.is_some();
    job.park_reason = condition.parked;
    job.held = condition.held;
    job.held_streams.clone_from(&condition.held_streams);
    job.stale_at = condition.stale_at.map(to_canonical);
    job.failures = condition.failures;
}

fn record_progress(job: &mut JobStatus, progress: &Progress) {
    let Some(running) = &mut job.running else {
        return;
    };
    match progress {
        Progress::Start { stream, .. } => running.stream = Some(stream.clone()),
        Progress::Page { rows, .. } => {
            running.pages += 1;
            running.rows += rows;
        }
        Progress::ExpectSilence(_) | Progress::End { .. } => {}
    }
}

fn record_end(job: &mut JobStatus, outcome: &str, ended: String) {
    // One stream alone does not make the job fresh.
    let running = job.running.take();
    if running.is_some_and(|running| running.only.is_some()) {
        return;
    }
    job.last = Some(Last {
        outcome: outcome.to_owned(),
        ended,
    });
}

#[cfg(test)]
mod tests;
