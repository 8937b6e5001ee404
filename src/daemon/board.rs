//! Turns what the loop tells into the status as it is now. No files, no sockets, no clock.

use jiff::Timestamp;

use super::engine::{Event, Next};
use super::status::{Job, Last, PassedOver, Refused, Running, State, Status};
use crate::model::scalar::written;
use crate::sync::Progress;

/// How much an event changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    /// Nothing that is shown.
    None,
    /// How far a run is; many follow one another.
    Progress,
    /// Something that somebody may wait to see.
    State,
}

/// Takes one event into the status.
pub(super) fn take(status: &mut Status, event: &Event, now: Timestamp) -> Change {
    let at = written(now);
    match event {
        Event::Ready => status.state = State::Running,
        Event::ClockUnset(shown) => {
            status.clock = Some(format!(
                "the clock shows {shown} and is not set yet; no job runs for two minutes or until it is"
            ));
        }
        Event::ClockBelieved(shown) => {
            status.clock = Some(format!(
                "the clock shows {shown}, which is before this program was made; jobs run by it all the same"
            ));
        }
        Event::ClockSet => status.clock = None,
        Event::Planned(nexts) => plan(status, nexts),
        Event::Waiting(all) => {
            for job in &mut status.jobs {
                let found = all.iter().find(|waiting| waiting.job == job.job);
                job.parked = found.is_some_and(|waiting| waiting.parked);
                job.held = found.and_then(|waiting| waiting.held);
            }
        }
        Event::Alive if status.stuck.is_none() => return Change::None,
        Event::Alive => status.stuck = None,
        Event::Stuck(who) => status.stuck = Some(who.clone()),
        Event::Reloading => status.state = State::Reloading,
        Event::Reloaded => {
            status.state = State::Running;
            status.configuration.since = at;
            status.configuration.refused = None;
        }
        Event::ReloadRefused(refusal) => {
            status.state = State::Running;
            status.configuration.refused = Some(Refused {
                at,
                problems: refusal.problems,
                first: refusal.first.clone(),
            });
        }
        Event::RunStarted { job, cause } => with(status, job, |job| {
            job.passed_over = None;
            job.running = Some(Running {
                since: at,
                cause: cause.to_string(),
                ..Running::default()
            });
        }),
        Event::RunMoved { job, progress } => {
            with(status, job, |job| moved(job, progress));
            return match progress {
                Progress::Start { .. } => Change::State,
                Progress::Page { .. } | Progress::Quiet(_) | Progress::End { .. } => {
                    Change::Progress
                }
            };
        }
        Event::RunEnded { job, outcome } => {
            with(status, job, |job| ended(job, outcome.as_str(), at));
        }
        Event::RunCrashed { job } => with(status, job, |job| ended(job, "crashed", at)),
        Event::TickDropped { job, reason } => with(status, job, |job| {
            let reason = reason.to_string();
            job.passed_over = Some(PassedOver { at, reason });
        }),
        Event::Lost(why) => status.lost = Some(why.clone()),
        Event::Stopping => status.state = State::Stopping,
    }
    Change::State
}

/// The jobs in force, with what is known of those that were before.
fn plan(status: &mut Status, nexts: &[Next]) {
    let mut before = std::mem::take(&mut status.jobs);
    for next in nexts {
        let place = before.iter().position(|job| job.job == next.job);
        let known = place.map(|place| before.swap_remove(place));
        status.jobs.push(Job {
            job: next.job.clone(),
            time_zone: next.zone.clone(),
            next_tick: next.due.map(written),
            ..known.unwrap_or_default()
        });
    }
}

fn with(status: &mut Status, name: &str, act: impl FnOnce(&mut Job)) {
    // The run of a job that was removed may end after it.
    if let Some(job) = status.jobs.iter_mut().find(|job| job.job == name) {
        act(job);
    }
}

fn moved(job: &mut Job, progress: &Progress) {
    let Some(running) = &mut job.running else {
        return;
    };
    match progress {
        Progress::Start { stream, .. } => running.stream = Some(stream.clone()),
        Progress::Page { rows, .. } => {
            running.pages += 1;
            running.rows += rows;
        }
        Progress::Quiet(_) | Progress::End { .. } => {}
    }
}

fn ended(job: &mut Job, outcome: &str, ended: String) {
    job.running = None;
    job.last = Some(Last {
        outcome: outcome.to_owned(),
        ended,
    });
}

#[cfg(test)]
mod tests;
