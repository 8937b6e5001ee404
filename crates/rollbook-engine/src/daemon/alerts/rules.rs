//! When to alert: pure rules over the state of a job or a source and the alerts that are active already.
//!
//! They read states, not events, so a restart, a lost event or a manual run changes nothing: each problem
//! is alerted once, and when all are over and a good run followed, the recovery is alerted.
//! A lost sign-in parks every job of a source one after the other; that is one alert, about the source.

use jiff::Timestamp;

use rollbook_core::document::suggest::joined;
use rollbook_core::model::admin_command::admin_command;
use rollbook_core::model::{EntryName, JobName, ParkReason, Pause, SourceName, pause, sign_in};

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
    /// In a cluster: the source, which commands for its mirror name.
    pub in_source: Option<SourceName>,
    /// Runs in a row that did not end well.
    pub failures: u32,
    /// Runs in a row that ended incomplete.
    pub incomplete_runs: u32,
    /// The last run's message.
    pub message: Option<String>,
    /// When its last good run ended.
    pub good: Option<Timestamp>,
    /// The first tick after its last good run, after the last parked run, after the last pause, or after its first run;
    /// `None` while it is paused.
    pub due: Option<Timestamp>,
}

impl JobFacts {
    /// Whether a good run is overdue for longer than this.
    pub fn is_stale(&self, stale: jiff::SignedDuration, now: Timestamp) -> bool {
        self.due.is_some_and(|due| now.duration_since(due) > stale)
    }
}

/// A job that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedJob {
    /// The job.
    pub job: JobName,
    /// Why it waits, for code.
    pub reason: ParkReason,
    /// Why it waits, for people.
    pub message: String,
}

/// The state of a source: all its jobs together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceFacts {
    /// All its jobs.
    pub jobs: Vec<JobName>,
    /// Those that wait for a person.
    pub parked: Vec<ParkedJob>,
    /// When the last good run of one of them ended.
    pub good: Option<Timestamp>,
}

/// The state of what leaves the mirror: the copy of `[store.copy]`, a bundle, or a hook.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputFacts {
    /// What is wrong, as a sentence.
    pub problem: Option<String>,
    /// What is right again when it is.
    pub over: String,
    /// When it went well last.
    pub good: Option<Timestamp>,
}

impl OutputFacts {
    /// Of a file: what it is, such as `the copy of the mirror`, its name, why it could not be written, and when it was last.
    pub fn of_file(what: &str, name: &str, message: Option<&str>, good: Option<Timestamp>) -> Self {
        let age = match good {
            Some(good) => good.strftime("is of %Y-%m-%d %H:%M UTC").to_string(),
            None => "was never written".to_owned(),
        };
        Self {
            problem: message.map(|message| format!("{what} {age}: {message}")),
            over: format!("{name} is written again"),
            good,
        }
    }
}

/// The thresholds for alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlertLimits {
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

/// From when on the job's next tick can be overdue: its last good run, or the end of a later pause. `None` while it is
/// paused, because it runs then only if a person wants that; and for a job that never ran.
pub fn overdue_from(
    last: Option<Timestamp>,
    pauses: &[Pause],
    now: Timestamp,
) -> Option<Timestamp> {
    let ended = pause::last_ended(pauses, now).map(|(_, ended)| ended);
    let from = last.map(|last| ended.map_or(last, |ended| ended.max(last)));
    from.filter(|_| pause::in_force(pauses, now).is_none())
}

/// Evaluates one job.
pub fn evaluate_job(
    entry: &EntryName,
    facts: &JobFacts,
    active: &[(AlertKind, Timestamp)],
    limits: AlertLimits,
    now: Timestamp,
) -> AlertPlan {
    if facts.parked {
        // The alert is about the source now, so earlier ones about the job end without a recovery. Only a good run ends
        // that it is stale: otherwise it would be reported again as soon as the job is parked no longer.
        let is_stale = |(kind, _): &&(AlertKind, Timestamp)| *kind == AlertKind::Stale;
        return AlertPlan {
            send: Vec::new(),
            active: active.iter().filter(is_stale).copied().collect(),
        };
    }
    let over = format!("{entry} recovered");
    update(
        job_problems(entry, facts, limits, now),
        facts.good,
        over,
        active,
        now,
    )
}

/// Evaluates a source by its jobs.
pub fn evaluate_source(
    source: &SourceName,
    facts: &SourceFacts,
    active: &[(AlertKind, Timestamp)],
    now: Timestamp,
) -> AlertPlan {
    let first = facts.parked.first();
    let problem = first.map(|first| (AlertKind::Parked, parked_message(source, first, facts)));
    let over = format!("{source} accepts our credentials again");
    update(problem.into_iter().collect(), facts.good, over, active, now)
}

/// Evaluates the copy, a bundle or a hook.
pub fn evaluate_output(
    facts: &OutputFacts,
    active: &[(AlertKind, Timestamp)],
    now: Timestamp,
) -> AlertPlan {
    let problem = facts.problem.iter();
    let problem = problem.map(|text| (AlertKind::Failing, text.clone()));
    update(
        problem.collect(),
        facts.good,
        facts.over.clone(),
        active,
        now,
    )
}

/// Alerts problems that are new, and the recovery once a good run confirms it.
fn update(
    problems: Vec<(AlertKind, String)>,
    good: Option<Timestamp>,
    over: String,
    active: &[(AlertKind, Timestamp)],
    now: Timestamp,
) -> AlertPlan {
    // A clock that was ahead reported in the future; then a good run from now on confirms the end.
    let active: Vec<(AlertKind, Timestamp)> = active
        .iter()
        .map(|(kind, at)| (*kind, (*at).min(now)))
        .collect();
    if problems.is_empty() {
        let first = active.iter().map(|(_, at)| *at).min();
        return match first {
            None => AlertPlan::default(),
            // The problem may only have been cleared by an admin: wait for a run that confirms it.
            Some(first) if good.is_none_or(|good| good <= first) => AlertPlan {
                send: Vec::new(),
                active,
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
    // Only a good run ends it; a clock that was set back hides it.
    if !plan
        .active
        .iter()
        .any(|(kind, _)| *kind == AlertKind::Stale)
    {
        plan.active.extend(before(AlertKind::Stale));
    }
    plan
}

/// A job's current problems. A held run's message may name a school class, so only its number leaves the machine.
fn job_problems(
    entry: &EntryName,
    facts: &JobFacts,
    limits: AlertLimits,
    now: Timestamp,
) -> Vec<(AlertKind, String)> {
    let mut problems = Vec::new();
    let message = facts.message.as_deref();
    let message = message.map_or(String::new(), |text| format!(": {text}"));
    if let Some(run) = facts.held {
        let command = |words| admin_command(&format!("{words} {run}"), facts.in_source.as_ref());
        let (show, approve) = (command("runs show"), command("approve"));
        problems.push((
            AlertKind::Held,
            format!(
                "run {run} of {entry} was held back; `{show}` shows why, `{approve}` accepts it"
            ),
        ));
    } else if facts.incomplete_runs >= limits.incomplete_runs {
        problems.push((
            AlertKind::Incomplete,
            format!(
                "{} runs of {entry} in a row were incomplete, so rows may be missing from the mirror{message}",
                facts.incomplete_runs
            ),
        ));
    } else if facts.failures >= limits.failures {
        let failures = facts.failures;
        problems.push((
            AlertKind::Failing,
            format!("{failures} runs of {entry} in a row failed{message}"),
        ));
    }
    if facts.is_stale(limits.stale, now) {
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
            format!("a good run of {entry} is overdue; {last}"),
        ));
    }
    problems
}

/// Why a source's jobs are parked, and what to do. After a sign-in they resume by themselves (`app/engine.rs`).
fn parked_message(source: &SourceName, first: &ParkedJob, facts: &SourceFacts) -> String {
    let all = joined(facts.jobs.iter().map(JobName::as_str));
    if first.reason == ParkReason::SignInNeeded {
        let login = sign_in::command(source.as_str());
        return format!(
            "sign-in needed: {source} has no valid sign-in; run `{login}`, then {all} resume at the next tick"
        );
    }
    let resume: Vec<String> = (facts.parked.iter())
        .filter(|parked| parked.reason != ParkReason::Unready)
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
