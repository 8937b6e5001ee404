//! Which job is due when, also when somebody sets the clock.
//!
//! No waiting, no clock, no runs: the loop says what time it is and is told what is due. Two times
//! are compared: what the wall clock passed and what really passed. The surprise: a host that slept
//! looks like a clock that was set, because the monotonic clock sleeps with it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::engine::{Entry, Next};
use super::verdict::believed;
use crate::model::Cause;
use crate::model::scalar::moved;
use crate::model::schedule::{TOGETHER, missed, next_tick, room, spread};

/// The wall clock is looked at again after this long at most (reliability.md 4.6).
pub const LONGEST_NAP: Duration = Duration::from_secs(30);

/// What was missed while the machine was off is spread over this long.
const CATCH_UP_SPREAD: Duration = Duration::from_secs(10 * 60);

/// A clock put forward by more than this was wrong before: what it skipped counts as missed.
const CORRECTION: SignedDuration = SignedDuration::from_hours(3);

/// A clock put back by less than this was nudged; nothing is planned anew.
const NUDGE: SignedDuration = SignedDuration::from_secs(1);

/// How far back a tick is looked for that a new job counts as done: 29 February may be eight years away.
const EIGHT_YEARS: SignedDuration = SignedDuration::from_hours(8 * 366 * 24);

/// A job's time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    /// The job.
    pub job: String,
    /// As in [`Entry::config_fingerprint`].
    pub config_fingerprint: String,
    /// When it was due; the spread is not in it.
    pub due: Timestamp,
    /// Why it runs.
    pub cause: Cause,
    /// When that was seen.
    pub now: Timestamp,
}

/// What a look at the clock showed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Jobs whose time has come, the earliest first.
    pub due: Vec<Tick>,
    /// Jobs that lost a tick to a clock that was put forward.
    pub jumped: Vec<String>,
}

/// On what occasion the jobs are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// The daemon starts: what was missed is made up for.
    Start,
    /// New configuration: plans of jobs that tick as before stay.
    Reload,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Plan {
    due: Timestamp,
    at: Timestamp,
    cause: Cause,
}

#[derive(Debug)]
struct Timed {
    entry: Entry,
    last_due: Option<Timestamp>,
    plan: Option<Plan>,
}

/// All jobs and when each is due next.
#[derive(Debug)]
pub struct Timetable {
    host: String,
    jobs: BTreeMap<String, Timed>,
    looked: Option<(Timestamp, Duration)>,
}

impl Timetable {
    /// Without jobs; `host` makes the spread differ from machine to machine.
    pub fn new(host: String) -> Self {
        Self {
            host,
            jobs: BTreeMap::new(),
            looked: None,
        }
    }

    /// Takes these jobs in place of those it had.
    ///
    /// Returns the ticks to write down as done for jobs that want to catch up and were never seen
    /// before: else a job whose machine is off whenever it is due would never have missed anything.
    pub fn load(
        &mut self,
        entries: Vec<Entry>,
        last_due: impl Fn(&str) -> Option<Timestamp>,
        occasion: Occasion,
        now: Timestamp,
    ) -> Vec<(String, Timestamp)> {
        let mut before = std::mem::take(&mut self.jobs);
        let mut first_seen = Vec::new();
        for entry in entries {
            let old = before.remove(&entry.name);
            let kept = old.as_ref().filter(|old| same_ticks(&old.entry, &entry));
            let mut plan = kept.and_then(|old| old.plan);
            let mut last_due = match &old {
                Some(old) => old.last_due,
                None => last_due(&entry.name),
            };
            if last_due.is_none() && entry.catch_up {
                let (cron, zone) = (entry.schedule.cron(), entry.zone.zone());
                let done = missed(cron, zone, moved(now, -EIGHT_YEARS), now).unwrap_or(now);
                first_seen.push((entry.name.clone(), done));
                last_due = Some(done);
            }
            if kept.is_none() {
                plan = self.plan(&entry, last_due, now);
                if occasion == Occasion::Start {
                    plan = self.plan_catch_up(&entry, last_due, now, plan);
                }
            }
            let name = entry.name.clone();
            let timed = Timed {
                entry,
                last_due,
                plan,
            };
            self.jobs.insert(name, timed);
        }
        first_seen
    }

    /// Whether there is such a job.
    pub fn has(&self, job: &str) -> bool {
        self.jobs.contains_key(job)
    }

    /// A tick out of turn, which changes no plan; nothing when there is no such job.
    pub fn at_once(&self, job: &str, cause: Cause, now: Timestamp) -> Option<Tick> {
        self.jobs.get(job).map(|timed| Tick {
            job: job.to_owned(),
            config_fingerprint: timed.entry.config_fingerprint.clone(),
            due: now,
            cause,
            now,
        })
    }

    /// When each job is due next, by name.
    pub fn nexts(&self) -> Vec<Next> {
        let next = |(name, timed): (&String, &Timed)| Next {
            job: name.clone(),
            zone: timed
                .entry
                .zone
                .zone()
                .iana_name()
                .unwrap_or("UTC")
                .to_owned(),
            due: timed.plan.map(|plan| plan.due),
        };
        self.jobs.iter().map(next).collect()
    }

    /// Tells what is due, and plans what comes after it. `running` is monotonic.
    pub fn look(&mut self, now: Timestamp, running: Duration) -> Seen {
        let mut seen = Seen::default();
        if let Some((before, was_running)) = self.looked.replace((now, running)) {
            let passed = SignedDuration::try_from(running.saturating_sub(was_running));
            let jump = now.duration_since(before) - passed.unwrap_or_default();
            if jump < -NUDGE {
                self.put_back(now);
            } else if jump > CORRECTION {
                seen.jumped = self.put_forward(before, now);
            }
        }
        let mut due = Vec::new();
        for (name, timed) in &self.jobs {
            if let Some(plan) = timed.plan.filter(|plan| plan.at <= now) {
                due.push((plan, name.clone()));
            }
        }
        due.sort_by_key(|(plan, _)| plan.at);
        for (plan, name) in due {
            seen.due.extend(self.take(&name, plan, now));
        }
        seen
    }

    /// How long nothing is due, and at most [`LONGEST_NAP`].
    pub fn nap(&self, now: Timestamp) -> Duration {
        let nearest = self
            .jobs
            .values()
            .filter_map(|timed| Some(timed.plan?.at))
            .min();
        let left = nearest.map_or(SignedDuration::MAX, |at| at.duration_since(now));
        Duration::try_from(left)
            .unwrap_or_default()
            .min(LONGEST_NAP)
    }

    /// However many ticks have passed since the plan was made, they are one run: that of the latest.
    fn take(&mut self, name: &str, plan: Plan, now: Timestamp) -> Option<Tick> {
        let timed = self.jobs.get(name)?;
        let (cron, zone) = (timed.entry.schedule.cron(), timed.entry.zone.zone());
        let due = missed(cron, zone, plan.due, now).unwrap_or(plan.due);
        let next = self.plan(&timed.entry, Some(due), now);
        let timed = self.jobs.get_mut(name)?;
        timed.last_due = Some(due);
        timed.plan = next;
        Some(Tick {
            job: name.to_owned(),
            config_fingerprint: timed.entry.config_fingerprint.clone(),
            due,
            cause: plan.cause,
            now,
        })
    }

    /// Nothing runs twice: plans start after the last tick that was acted on.
    fn put_back(&mut self, now: Timestamp) {
        let latest = moved(now, signed(CATCH_UP_SPREAD));
        self.replan(
            |timed| match timed.plan {
                Some(plan) if plan.cause == Cause::CatchUp && plan.due <= now => {
                    Replan::Keep(Plan {
                        at: plan.at.min(latest),
                        ..plan
                    })
                }
                _ => Replan::Anew,
            },
            now,
        );
    }

    /// What the clock skipped counts as missed; what was due before is not concerned.
    fn put_forward(&mut self, before: Timestamp, now: Timestamp) -> Vec<String> {
        let mut jumped = Vec::new();
        self.replan(
            |timed| match timed.plan {
                Some(plan) if before < plan.due && plan.due <= now => {
                    if timed.entry.catch_up {
                        Replan::Keep(Plan {
                            cause: Cause::CatchUp,
                            ..plan
                        })
                    } else {
                        jumped.push(timed.entry.name.clone());
                        Replan::Anew
                    }
                }
                Some(plan) => Replan::Keep(plan),
                None => Replan::Anew,
            },
            now,
        );
        jumped
    }

    fn replan(&mut self, mut how: impl FnMut(&Timed) -> Replan, now: Timestamp) {
        let mut jobs = std::mem::take(&mut self.jobs);
        for timed in jobs.values_mut() {
            timed.plan = match how(timed) {
                Replan::Keep(plan) => Some(plan),
                Replan::Anew => self.plan(&timed.entry, timed.last_due, now),
            };
        }
        self.jobs = jobs;
    }

    /// The job's next tick that has not been acted on.
    fn plan(&self, entry: &Entry, last_due: Option<Timestamp>, now: Timestamp) -> Option<Plan> {
        let Some(last_due) = believed(last_due, now) else {
            return self.plan_after(entry, now);
        };
        // A tick whose spread is not over yet is not missed, also when the daemon has just started.
        let recent = last_due.max(moved(now, -signed(TOGETHER)));
        self.plan_after(entry, recent)
            .filter(|plan| plan.due > now || plan.at > now)
            .or_else(|| self.plan_after(entry, last_due.max(now)))
    }

    fn plan_after(&self, entry: &Entry, after: Timestamp) -> Option<Plan> {
        let (cron, zone) = (entry.schedule.cron(), entry.zone.zone());
        let due = next_tick(cron, zone, after)?;
        let room = room(cron, due, next_tick(cron, zone, due));
        let at = moved(due, signed(self.offset(entry, room)));
        Some(Plan {
            due,
            at,
            cause: Cause::Schedule,
        })
    }

    /// What was missed is made up for, unless the next tick comes sooner anyway.
    fn plan_catch_up(
        &self,
        entry: &Entry,
        last_due: Option<Timestamp>,
        now: Timestamp,
        next: Option<Plan>,
    ) -> Option<Plan> {
        let (cron, zone) = (entry.schedule.cron(), entry.zone.zone());
        let late = believed(last_due, now)
            .filter(|_| entry.catch_up)
            .and_then(|last_due| missed(cron, zone, last_due, now))
            .map(|due| Plan {
                due,
                at: moved(now, signed(self.offset(entry, CATCH_UP_SPREAD))),
                cause: Cause::CatchUp,
            });
        match (late, next) {
            (Some(late), Some(next)) => Some(if late.at < next.at { late } else { next }),
            (late, next) => late.or(next),
        }
    }

    fn offset(&self, entry: &Entry, within: Duration) -> Duration {
        spread(&format!("{}/{}", self.host, entry.name), within)
    }
}

enum Replan {
    Keep(Plan),
    Anew,
}

fn same_ticks(old: &Entry, new: &Entry) -> bool {
    old.schedule == new.schedule && old.zone == new.zone
}

/// For the short lengths used here, which always fit.
fn signed(length: Duration) -> SignedDuration {
    SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests;
