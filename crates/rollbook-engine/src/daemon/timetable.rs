//! Which job is due when, also across changes of the wall clock.
//!
//! No waiting, no clock, no runs: the loop passes the time and gets what is due. Elapsed wall time is compared with
//! elapsed monotonic time. The surprise: a suspended host looks like a clock that was set forward, because the monotonic
//! clock is suspended too.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::clock_rule::{Ahead, ClockStep, Correction, plausible};
use super::engine::{Entry, NextTick};
use super::forecast::forecast;
use rollbook_core::model::scalar::saturating_add;
use rollbook_core::model::schedule::{START_SPREAD, max_spread, missed, next_tick, spread};
use rollbook_core::model::{Cause, EntryName, Pause, RunStart, pause};
use rollbook_core::store::runs::JobState;

/// The longest time until the wall clock is read again (reliability.md 4.6).
pub const MAX_SLEEP: Duration = Duration::from_secs(30);

/// What a restart of the daemon may take, or a worker of a cluster until it has another's sources.
const RESTART: Duration = Duration::from_secs(120);

/// Runs that catch up after a start are spread over this time.
const CATCH_UP_SPREAD: Duration = Duration::from_secs(10 * 60);

/// How far back to search the last tick of a new job: 29 February may be eight years away.
const EIGHT_YEARS: SignedDuration = SignedDuration::from_hours(8 * 366 * 24);

/// A tick: a job is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    /// The job, or the backup.
    pub job: EntryName,
    /// When it was due, without the spread.
    pub due: Timestamp,
    /// Why the run starts, and how it reads.
    pub start: RunStart,
    /// The wall time when it was found due.
    pub now: Timestamp,
    /// Of stored times that a clock wrote which was ahead.
    pub correction: Option<Correction>,
}

/// The result of [`Timetable::advance`].
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Advance {
    /// Due ticks, the earliest first.
    pub due: Vec<Tick>,
    /// Jobs with a tick that was skipped because the clock was set forward past it.
    pub skipped: Vec<EntryName>,
    /// The clock was set.
    pub step: Option<ClockStep>,
}

/// Why jobs are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadReason {
    /// The daemon starts: missed ticks are caught up.
    Start,
    /// New configuration: jobs with the same schedule keep their plans.
    Reload,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct PlannedTick {
    due: Timestamp,
    at: Timestamp,
    cause: Cause,
}

#[derive(Debug)]
struct ScheduledJob {
    entry: Entry,
    last_due: Option<Timestamp>,
    planned: Option<PlannedTick>,
    ahead: Ahead,
    /// The end of the pause after which missed ticks were planned last.
    pause_ended: Option<Timestamp>,
}

impl ScheduledJob {
    /// The last tick that the job, which has acted on `last_due`, misses in a pause until `end`.
    fn missed_in(
        &self,
        pause: &Pause,
        last_due: Option<Timestamp>,
        end: Timestamp,
    ) -> Option<Timestamp> {
        let (cron, zone) = (self.entry.schedule.cron(), self.entry.zone.zone());
        let from = last_due.map_or(pause.since, |last| last.max(pause.since));
        missed(cron, zone, from, end).filter(|due| !self.ahead.has_run(*due))
    }

    /// When the ticks are caught up that the job misses in a pause: at its end.
    fn caught_up_at(&self, pause: &Pause, last_due: Option<Timestamp>) -> Option<Timestamp> {
        let end = pause.until.as_ref()?.timestamp();
        self.missed_in(pause, last_due, end)
            .filter(|_| self.entry.catch_up)
            .map(|_| end)
    }
}

/// All jobs and when each is due next.
#[derive(Debug)]
pub struct Timetable {
    host: String,
    jobs: BTreeMap<EntryName, ScheduledJob>,
    observed: Option<(Timestamp, Duration)>,
    /// The longest time until the wall clock is read again.
    pub(super) max_sleep: Duration,
}

impl Timetable {
    /// Without jobs; `host` makes the spread differ between machines.
    pub fn new(host: String) -> Self {
        Self {
            host,
            jobs: BTreeMap::new(),
            observed: None,
            max_sleep: MAX_SLEEP,
        }
    }

    /// Replaces the jobs.
    ///
    /// Returns ticks to record as done, for new jobs: otherwise a job whose machine is off whenever it is due would never have
    /// missed a tick, and one whose source moves to another worker would lose its first.
    pub fn load(
        &mut self,
        entries: Vec<Entry>,
        last_due: impl Fn(&EntryName) -> Option<Timestamp>,
        reason: LoadReason,
        now: Timestamp,
    ) -> Vec<(EntryName, Timestamp)> {
        let mut before = std::mem::take(&mut self.jobs);
        let mut first_seen = Vec::new();
        for entry in entries {
            let old = before.remove(&entry.name);
            let kept = old.as_ref().filter(|old| same_ticks(&old.entry, &entry));
            let mut planned = kept.and_then(|old| old.planned);
            let pause_ended = old.as_ref().and_then(|old| old.pause_ended);
            let (mut last_due, ahead) = match &old {
                Some(old) => (old.last_due, old.ahead.clone()),
                None => {
                    let stored = last_due(&entry.name);
                    (stored, Ahead::at_start(stored, now))
                }
            };
            if last_due.is_none() {
                let (cron, zone) = (entry.schedule.cron(), entry.zone.zone());
                let done =
                    missed(cron, zone, saturating_add(now, -EIGHT_YEARS), now).unwrap_or(now);
                first_seen.push((entry.name.clone(), done));
                last_due = Some(done);
            }
            if kept.is_none() {
                planned = self.plan(&entry, last_due, &ahead, now);
                if reason == LoadReason::Start {
                    planned = self.plan_catch_up(&entry, last_due, now, planned);
                }
            }
            let name = entry.name.clone();
            let job = ScheduledJob {
                entry,
                last_due,
                planned,
                ahead,
                pause_ended,
            };
            self.jobs.insert(name, job);
        }
        first_seen
    }

    /// The names of all jobs.
    pub fn names(&self) -> Vec<EntryName> {
        self.jobs.keys().cloned().collect()
    }

    /// Whether the job exists.
    pub fn has(&self, name: &EntryName) -> bool {
        self.jobs.contains_key(name)
    }

    /// A tick independent of the schedule, which changes no planned tick; `None` without such a job.
    pub fn tick_now(&self, name: &EntryName, start: RunStart, now: Timestamp) -> Option<Tick> {
        self.jobs.get(name).map(|job| Tick {
            job: name.clone(),
            due: now,
            start,
            now,
            correction: job.ahead.correction,
        })
    }

    /// The last tick of all jobs that was acted on, if it is later than `now`: the clock was ahead.
    pub fn latest_ahead(&self, now: Timestamp) -> Option<Timestamp> {
        let latest = self.jobs.values().filter_map(|job| job.last_due).max();
        latest.filter(|latest| *latest > now)
    }

    /// Plans one run for the ticks that a job with `catch_up` has missed in a pause which is over.
    pub fn catch_up_after_pauses(
        &mut self,
        states: &BTreeMap<EntryName, JobState>,
        now: Timestamp,
    ) {
        for (name, job) in &mut self.jobs {
            let state = states.get(name).cloned().unwrap_or_default();
            let state = Correction::apply(job.ahead.correction, state);
            let Some((pause, ended)) = pause::last_ended(&state.pauses, now) else {
                continue;
            };
            // Once for each pause; at a start of the daemon the ticks that were missed are planned already.
            if job.pause_ended.replace(ended) == Some(ended)
                || !job.entry.catch_up
                || job
                    .planned
                    .is_some_and(|planned| planned.cause == Cause::CatchUp)
            {
                continue;
            }
            let Some(due) = job.missed_in(pause, state.last_due, ended) else {
                continue;
            };
            let offset = offset(&self.host, &job.entry, CATCH_UP_SPREAD);
            let late = PlannedTick {
                due,
                at: saturating_add(ended, signed(offset)),
                cause: Cause::CatchUp,
            };
            if job.planned.is_none_or(|planned| late.at < planned.at) {
                job.planned = Some(late);
            }
        }
    }

    /// The next tick of each job that starts a run, by name; `states` are those between the runs.
    pub fn next_ticks(
        &self,
        states: &BTreeMap<EntryName, JobState>,
        config_fingerprint: impl Fn(&EntryName) -> String,
        now: Timestamp,
    ) -> Vec<NextTick> {
        let next = |(name, job): (&EntryName, &ScheduledJob)| {
            let state = states.get(name).cloned().unwrap_or_default();
            let state = Correction::apply(job.ahead.correction, state);
            let next = |after| next_of(&job.entry, &job.ahead, after);
            let planned = job.planned.map(|planned| planned.due);
            let fingerprint = || config_fingerprint(name);
            let found = planned.map(|planned| forecast(&state, fingerprint, planned, next));
            let (mut due, delayed) = found.unwrap_or_default();
            let pause = state.paused(now).cloned();
            if let Some(pause) = &pause {
                due = job.caught_up_at(pause, state.last_due).or(due);
            }
            NextTick {
                job: name.clone(),
                zone: job
                    .entry
                    .zone
                    .zone()
                    .iana_name()
                    .unwrap_or("UTC")
                    .to_owned(),
                due,
                delayed,
                pause,
            }
        };
        self.jobs.iter().map(next).collect()
    }

    /// Returns what is due at `now`, and plans the ticks after it. `running` is monotonic time; `stored` is the last tick
    /// in the mirror.
    pub fn advance(
        &mut self,
        now: Timestamp,
        running: Duration,
        stored: impl Fn(&EntryName) -> Option<Timestamp>,
    ) -> Advance {
        let mut advance = Advance::default();
        if let Some((before, was_running)) = self.observed.replace((now, running)) {
            let passed = running.saturating_sub(was_running);
            advance.step = ClockStep::between(before, now, passed);
            match advance.step {
                Some(step) if step.is_back() => self.clock_set_back(step, stored),
                Some(_) => advance.skipped = self.clock_set_forward(before, now),
                None => {}
            }
        }
        let mut due = Vec::new();
        for (name, job) in &self.jobs {
            if let Some(planned) = job.planned.filter(|planned| planned.at <= now) {
                due.push((planned, name.clone()));
            }
        }
        due.sort_by_key(|(planned, _)| planned.at);
        for (planned, name) in due {
            advance.due.extend(self.take(&name, planned, now));
        }
        advance
    }

    /// The time until the next tick, at most `max_sleep`.
    pub fn time_to_next(&self, now: Timestamp) -> Duration {
        let next = self
            .jobs
            .values()
            .filter_map(|job| Some(job.planned?.at))
            .min();
        let left = next.map_or(SignedDuration::MAX, |at| at.duration_since(now));
        Duration::try_from(left)
            .unwrap_or_default()
            .min(self.max_sleep)
    }

    /// All ticks since the planned tick are one run: that of the latest tick.
    fn take(&mut self, name: &EntryName, planned: PlannedTick, now: Timestamp) -> Option<Tick> {
        let job = self.jobs.get(name)?;
        let (cron, zone) = (job.entry.schedule.cron(), job.entry.zone.zone());
        let due = missed(cron, zone, planned.due, now)
            .filter(|due| !job.ahead.has_run(*due))
            .unwrap_or(planned.due);
        let next = self.plan(&job.entry, Some(due), &job.ahead, now);
        let job = self.jobs.get_mut(name)?;
        job.last_due = Some(due);
        job.planned = next;
        Some(Tick {
            job: name.clone(),
            due,
            start: planned.cause.into(),
            now,
            correction: job.ahead.correction,
        })
    }

    /// Plans follow from the new time, without the tick that was acted on last.
    fn clock_set_back(
        &mut self,
        step: ClockStep,
        stored: impl Fn(&EntryName) -> Option<Timestamp>,
    ) {
        let now = step.to;
        for (name, job) in &mut self.jobs {
            job.ahead.set_back(job.last_due, stored(name), step);
        }
        let latest = saturating_add(now, signed(CATCH_UP_SPREAD));
        self.replan(
            |job| match job.planned {
                Some(planned) if planned.cause == Cause::CatchUp && planned.due <= now => {
                    Replan::Keep(PlannedTick {
                        at: planned.at.min(latest),
                        ..planned
                    })
                }
                _ => Replan::Recompute,
            },
            now,
        );
    }

    /// Ticks that the clock skipped count as missed; earlier ones stay due.
    fn clock_set_forward(&mut self, before: Timestamp, now: Timestamp) -> Vec<EntryName> {
        let mut skipped = Vec::new();
        self.replan(
            |job| match job.planned {
                Some(planned) if before < planned.due && planned.due <= now => {
                    if job.entry.catch_up {
                        Replan::Keep(PlannedTick {
                            cause: Cause::CatchUp,
                            ..planned
                        })
                    } else {
                        skipped.push(job.entry.name.clone());
                        Replan::Recompute
                    }
                }
                Some(planned) => Replan::Keep(planned),
                None => Replan::Recompute,
            },
            now,
        );
        skipped
    }

    fn replan(&mut self, mut how: impl FnMut(&ScheduledJob) -> Replan, now: Timestamp) {
        let mut jobs = std::mem::take(&mut self.jobs);
        for job in jobs.values_mut() {
            job.planned = match how(job) {
                Replan::Keep(planned) => Some(planned),
                Replan::Recompute => self.plan(&job.entry, job.last_due, &job.ahead, now),
            };
        }
        self.jobs = jobs;
    }

    /// The job's next tick after the last one that was acted on, or after `now` if a clock that was ahead acted on it.
    fn plan(
        &self,
        entry: &Entry,
        last_due: Option<Timestamp>,
        ahead: &Ahead,
        now: Timestamp,
    ) -> Option<PlannedTick> {
        let plan_after = |after| self.plan_after(entry, ahead, after);
        let Some(last_due) = plausible(last_due, now) else {
            return plan_after(now);
        };
        // A tick is not missed until its spread is over, also right after a start.
        let recent = last_due.max(saturating_add(now, -signed(START_SPREAD)));
        plan_after(recent)
            .filter(|planned| planned.due > now || planned.at > now)
            .or_else(|| plan_after(now))
    }

    fn plan_after(&self, entry: &Entry, ahead: &Ahead, after: Timestamp) -> Option<PlannedTick> {
        let (cron, zone) = (entry.schedule.cron(), entry.zone.zone());
        let due = next_of(entry, ahead, after)?;
        let room = max_spread(cron, due, next_tick(cron, zone, due));
        let at = saturating_add(due, signed(self.offset(entry, room)));
        Some(PlannedTick {
            due,
            at,
            cause: Cause::Schedule,
        })
    }

    /// Catches up a missed tick, unless the next tick is sooner.
    fn plan_catch_up(
        &self,
        entry: &Entry,
        last_due: Option<Timestamp>,
        now: Timestamp,
        next: Option<PlannedTick>,
    ) -> Option<PlannedTick> {
        let (cron, zone) = (entry.schedule.cron(), entry.zone.zone());
        // A restart, or another worker of a cluster, costs no tick of a job that does not catch up after a long time.
        let is_recent = |due: &Timestamp| now.duration_since(*due) <= signed(RESTART);
        let late = plausible(last_due, now)
            .and_then(|last_due| missed(cron, zone, last_due, now))
            .filter(|due| entry.catch_up || is_recent(due))
            .map(|due| PlannedTick {
                due,
                at: saturating_add(now, signed(self.offset(entry, CATCH_UP_SPREAD))),
                cause: Cause::CatchUp,
            });
        match (late, next) {
            (Some(late), Some(next)) => Some(if late.at < next.at { late } else { next }),
            (late, next) => late.or(next),
        }
    }

    fn offset(&self, entry: &Entry, within: Duration) -> Duration {
        offset(&self.host, entry, within)
    }
}

fn offset(host: &str, entry: &Entry, within: Duration) -> Duration {
    spread(&format!("{host}/{}", entry.name), within)
}

enum Replan {
    Keep(PlannedTick),
    Recompute,
}

/// The first tick after a time that a clock which was ahead has not acted on.
fn next_of(entry: &Entry, ahead: &Ahead, after: Timestamp) -> Option<Timestamp> {
    let next = |after: &Timestamp| next_tick(entry.schedule.cron(), entry.zone.zone(), *after);
    std::iter::successors(next(&after), next).find(|tick| !ahead.has_run(*tick))
}

fn same_ticks(old: &Entry, new: &Entry) -> bool {
    old.schedule == new.schedule && old.zone == new.zone
}

/// Never saturates for the short durations used here.
fn signed(length: Duration) -> SignedDuration {
    SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests;
