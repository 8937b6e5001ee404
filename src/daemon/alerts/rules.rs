//! When to alert: pure rules over the state of a job or a source and the alerts that are active already.
//!
//! They look at states and not at events, so a restart, a lost event or a manual run changes nothing: each problem
//! is alerted once, and when all are over and a good run followed, the recovery is alerted.
//! A lost sign-in parks every job of a source one after the other; that is one alert, about the source.

use jiff::Timestamp;

use crate::document::suggest::joined;
use crate::model::{ParkReason, sign_in};

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A job.
    Job(&'a str),
    /// A source, with all its jobs.
    Source(&'a str),
}

/// Prefix of a source's key, so that it differs from a job of the same name; names have no blanks.
const SOURCE: &str = "source ";

impl<'a> Subject<'a> {
    /// Parses a key.
    pub fn of(key: &'a str) -> Self {
        key.strip_prefix(SOURCE)
            .map_or(Self::Job(key), Self::Source)
    }

    /// The key in the mirror, also shown to people.
    pub fn key(self) -> String {
        match self {
            Self::Job(name) => name.to_owned(),
            Self::Source(name) => format!("{SOURCE}{name}"),
        }
    }
}

/// The kind of problem, or that all of them are over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertKind {
    /// A source needs a person to sign in or to fix a credential.
    Parked,
    /// The guard held a difference back.
    Held,
    /// Several runs in a row failed.
    Failing,
    /// Several runs in a row were incomplete.
    Incomplete,
    /// No good run for too long.
    Stale,
    /// All problems are over.
    Recovered,
    /// A test, by `rollbook alerts test`.
    Test,
}

impl AlertKind {
    const ALL: [Self; 7] = [
        Self::Parked,
        Self::Held,
        Self::Failing,
        Self::Incomplete,
        Self::Stale,
        Self::Recovered,
        Self::Test,
    ];

    /// The name for machines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Parked => "parked",
            Self::Held => "held",
            Self::Failing => "failing",
            Self::Incomplete => "incomplete",
            Self::Stale => "stale",
            Self::Recovered => "recovered",
            Self::Test => "test",
        }
    }

    /// Parses a name.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// The state of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFacts {
    /// It waits for a person; the alert is about its source.
    pub parked: bool,
    /// The run that waits for an approval.
    pub held: Option<i64>,
    /// Runs in a row that did not end well.
    pub failures: u32,
    /// Runs in a row that ended incomplete.
    pub incomplete_runs: u32,
    /// The last run's message.
    pub message: Option<String>,
    /// When its last good run ended.
    pub good: Option<Timestamp>,
    /// The first tick after its last good run, after the last parked run, or after its first run.
    pub due: Option<Timestamp>,
}

/// A job that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedJob {
    /// The job.
    pub job: String,
    /// Why it waits, for code.
    pub reason: ParkReason,
    /// Why it waits, for people.
    pub message: String,
}

/// The state of a source: all its jobs together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceFacts {
    /// All its jobs.
    pub jobs: Vec<String>,
    /// Those that wait for a person.
    pub parked: Vec<ParkedJob>,
    /// When the last good run of one of them ended.
    pub good: Option<Timestamp>,
}

/// The thresholds for alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Failed runs in a row.
    pub failures: u32,
    /// Incomplete runs in a row.
    pub incomplete_runs: u32,
    /// How long a good run may be overdue.
    pub stale: jiff::SignedDuration,
}

/// Alerts to send, and those that are active afterwards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertPlan {
    /// Alerts to send now, with their messages.
    pub send: Vec<(AlertKind, String)>,
    /// Problems that were alerted and are not over, with the time of the alert.
    pub active: Vec<(AlertKind, Timestamp)>,
}

/// Evaluates one job.
pub fn evaluate_job(
    job: &str,
    facts: &JobFacts,
    active: &[(AlertKind, Timestamp)],
    limits: Limits,
    now: Timestamp,
) -> AlertPlan {
    if facts.parked {
        // The alert is about the source now, so earlier ones about the job end without a recovery.
        return AlertPlan::default();
    }
    let over = format!("{job} recovered");
    update(
        job_problems(job, facts, limits, now),
        facts.good,
        over,
        active,
        now,
    )
}

/// Evaluates a source by its jobs.
pub fn evaluate_source(
    source: &str,
    facts: &SourceFacts,
    active: &[(AlertKind, Timestamp)],
    now: Timestamp,
) -> AlertPlan {
    let first = facts.parked.first();
    let problem = first.map(|first| (AlertKind::Parked, parked_message(source, first, facts)));
    let over = format!("{source} accepts our credentials again");
    update(problem.into_iter().collect(), facts.good, over, active, now)
}

/// Alerts problems that are new, and the recovery once a good run confirms it.
fn update(
    problems: Vec<(AlertKind, String)>,
    good: Option<Timestamp>,
    over: String,
    active: &[(AlertKind, Timestamp)],
    now: Timestamp,
) -> AlertPlan {
    if problems.is_empty() {
        let first = active.iter().map(|(_, at)| *at).min();
        return match first {
            None => AlertPlan::default(),
            // The problem may only have been cleared by an admin: wait for a run that confirms it.
            Some(first) if good.is_none_or(|good| good <= first) => AlertPlan {
                send: Vec::new(),
                active: active.to_vec(),
            },
            Some(_) => AlertPlan {
                send: vec![(AlertKind::Recovered, over)],
                active: Vec::new(),
            },
        };
    }
    let before = |kind: AlertKind| active.iter().find(|(known, _)| *known == kind);
    let mut plan = AlertPlan::default();
    for (kind, message) in problems {
        match before(kind) {
            Some(known) => plan.active.push(*known),
            None => {
                plan.active.push((kind, now));
                plan.send.push((kind, message));
            }
        }
    }
    plan
}

/// A job's current problems. A held run's message may name a school class, so only its number leaves the machine.
fn job_problems(
    job: &str,
    facts: &JobFacts,
    limits: Limits,
    now: Timestamp,
) -> Vec<(AlertKind, String)> {
    let mut problems = Vec::new();
    let message = facts.message.as_deref();
    let message = message.map_or(String::new(), |text| format!(": {text}"));
    if let Some(run) = facts.held {
        problems.push((
            AlertKind::Held,
            format!("run {run} of {job} was held back; `rollbook runs show {run}` shows why, `rollbook approve {run}` accepts it"),
        ));
    } else if facts.incomplete_runs >= limits.incomplete_runs {
        problems.push((
            AlertKind::Incomplete,
            format!(
                "{} runs of {job} in a row were incomplete, so rows may be missing from the mirror{message}",
                facts.incomplete_runs
            ),
        ));
    } else if facts.failures >= limits.failures {
        let failures = facts.failures;
        problems.push((
            AlertKind::Failing,
            format!("{failures} runs of {job} in a row failed{message}"),
        ));
    }
    if let Some(due) = facts.due
        && now.duration_since(due) > limits.stale
    {
        let last = facts
            .good
            .map_or("there was none so far".to_owned(), |good| {
                format!(
                    "the last one ended at {}",
                    good.strftime("%Y-%m-%d %H:%M UTC")
                )
            });
        problems.push((
            AlertKind::Stale,
            format!("a good run of {job} is overdue; {last}"),
        ));
    }
    problems
}

/// Why a source's jobs are parked, and what to do. After a sign-in they resume by themselves (`app/engine.rs`).
fn parked_message(source: &str, first: &ParkedJob, facts: &SourceFacts) -> String {
    let all = joined(facts.jobs.iter().map(String::as_str));
    if first.reason == ParkReason::SignInNeeded {
        let login = sign_in::command(source);
        return format!(
            "sign-in needed: {source} has no valid sign-in; run `{login}`, then {all} resume at the next tick"
        );
    }
    let resume: Vec<String> = (facts.parked.iter())
        .filter(|parked| !parked.reason.costs_nothing_to_try())
        .map(|parked| format!("`rollbook resume {}`", parked.job))
        .collect();
    let after = match resume.is_empty() {
        true => format!("{all} resume at the next tick"),
        false => joined(resume.iter().map(String::as_str)),
    };
    format!("{source} needs a person: {}; then {after}", first.message)
}

#[cfg(test)]
mod tests;
