//! What is worth telling: pure rules over what is known of a job or a source, and what was told before.
//!
//! They look at states and not at events, so a restart, a lost event or a run by hand changes nothing: what
//! holds and was not told is told, once, and when all of it is over and a good run came after, that is told.
//! A lost sign-in parks every job of a source one after the other; that is one story, and the source's.

use jiff::Timestamp;

use crate::model::nearest::joined;
use crate::model::{ParkReason, sign_in};

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About<'a> {
    /// A job.
    Job(&'a str),
    /// A source, with all its jobs.
    Source(&'a str),
}

/// Tells a source from a job of the same name; no name has a blank.
const SOURCE: &str = "source ";

impl<'a> About<'a> {
    /// What a key says.
    pub fn of(key: &'a str) -> Self {
        key.strip_prefix(SOURCE)
            .map_or(Self::Job(key), Self::Source)
    }

    /// How it is written down, and how people read it.
    pub fn key(self) -> String {
        match self {
            Self::Job(name) => name.to_owned(),
            Self::Source(name) => format!("{SOURCE}{name}"),
        }
    }
}

/// What is wrong, or that nothing is any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A source needs a person to sign in or to put a credential right.
    Parked,
    /// The guard refused a difference.
    Held,
    /// So many runs in a row failed.
    Failing,
    /// So many runs in a row ended incomplete.
    Incomplete,
    /// No good run for too long.
    Stale,
    /// All of it is over.
    Recovered,
    /// Somebody asked for a test.
    Test,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::Parked,
        Self::Held,
        Self::Failing,
        Self::Incomplete,
        Self::Stale,
        Self::Recovered,
        Self::Test,
    ];

    /// The word for machines.
    pub fn word(self) -> &'static str {
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

    /// The kind that a word means.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// What is known of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// It waits for a person, which is told of its source.
    pub parked: bool,
    /// The run that waits for an approval.
    pub held: Option<i64>,
    /// Runs in a row that did not end well.
    pub failures: u32,
    /// Runs in a row that ended incomplete.
    pub incomplete_runs: u32,
    /// What the last run says.
    pub sentence: Option<String>,
    /// When its last good run ended.
    pub good: Option<Timestamp>,
    /// The first tick after its last good run, after one that was parked, or after its first run of all.
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
    pub why: String,
}

/// What is known of a source's jobs together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceFacts {
    /// All its jobs.
    pub jobs: Vec<String>,
    /// Those that wait for a person.
    pub parked: Vec<ParkedJob>,
    /// When the last good run of one of them ended.
    pub good: Option<Timestamp>,
}

/// When something is worth telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Failed runs in a row.
    pub failures: u32,
    /// Incomplete runs in a row.
    pub incomplete_runs: u32,
    /// How long after it was due a good run may be missing.
    pub stale: jiff::SignedDuration,
}

/// Something to tell, and what was told once it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// What to tell now, with its sentence.
    pub tell: Vec<(Kind, String)>,
    /// What was told and holds, with the time it was told.
    pub told: Vec<(Kind, Timestamp)>,
}

/// Judges one job.
pub fn judge(
    job: &str,
    facts: &Facts,
    told: &[(Kind, Timestamp)],
    limits: Limits,
    now: Timestamp,
) -> Judged {
    if facts.parked {
        // Whatever was told of it before: it is its source's story now, which ends by itself.
        return Judged::default();
    }
    let over = format!("{job} runs well again");
    settle(wrong(job, facts, limits, now), facts.good, over, told, now)
}

/// Judges a source by its jobs.
pub fn judge_source(
    source: &str,
    facts: &SourceFacts,
    told: &[(Kind, Timestamp)],
    now: Timestamp,
) -> Judged {
    let wrong = facts.parked.first();
    let wrong = wrong.map(|first| (Kind::Parked, stands_still(source, first, facts)));
    let over = format!("{source} lets us in again");
    settle(wrong.into_iter().collect(), facts.good, over, told, now)
}

/// Tells what is new of what is wrong, and the end of it once a good run shows it.
fn settle(
    wrong: Vec<(Kind, String)>,
    good: Option<Timestamp>,
    over: String,
    told: &[(Kind, Timestamp)],
    now: Timestamp,
) -> Judged {
    if wrong.is_empty() {
        let first = told.iter().map(|(_, at)| *at).min();
        return match first {
            None => Judged::default(),
            // Nothing is wrong because somebody cleared it: wait for a run that shows it.
            Some(first) if good.is_none_or(|good| good <= first) => Judged {
                tell: Vec::new(),
                told: told.to_vec(),
            },
            Some(_) => Judged {
                tell: vec![(Kind::Recovered, over)],
                told: Vec::new(),
            },
        };
    }
    let before = |kind: Kind| told.iter().find(|(known, _)| *known == kind);
    let mut judged = Judged::default();
    for (kind, sentence) in wrong {
        match before(kind) {
            Some(known) => judged.told.push(*known),
            None => {
                judged.told.push((kind, now));
                judged.tell.push((kind, sentence));
            }
        }
    }
    judged
}

/// What is wrong with a job now. A held run's own sentence may name a class, so only its number leaves the
/// machine.
fn wrong(job: &str, facts: &Facts, limits: Limits, now: Timestamp) -> Vec<(Kind, String)> {
    let mut wrong = Vec::new();
    let said = facts.sentence.as_deref();
    let said = said.map_or(String::new(), |text| format!(": {text}"));
    if let Some(run) = facts.held {
        wrong.push((
            Kind::Held,
            format!("run {run} of {job} was held back; `rollbook runs show {run}` says why, `rollbook approve {run}` accepts it"),
        ));
    } else if facts.incomplete_runs >= limits.incomplete_runs {
        wrong.push((
            Kind::Incomplete,
            format!(
                "{} runs of {job} in a row were incomplete, so the mirror may lack rows{said}",
                facts.incomplete_runs
            ),
        ));
    } else if facts.failures >= limits.failures {
        let failures = facts.failures;
        wrong.push((
            Kind::Failing,
            format!("{failures} runs of {job} in a row did not end well{said}"),
        ));
    }
    if let Some(due) = facts.due
        && now.duration_since(due) > limits.stale
    {
        let last = facts.good.map_or("it never had one".to_owned(), |good| {
            format!(
                "the last one ended at {}",
                good.strftime("%Y-%m-%d %H:%M UTC")
            )
        });
        wrong.push((
            Kind::Stale,
            format!("{job} has had no good run since one was due; {last}"),
        ));
    }
    wrong
}

/// Why a source's jobs stand still, and the way back. After a sign-in they go on by themselves (`app/engine.rs`).
fn stands_still(source: &str, first: &ParkedJob, facts: &SourceFacts) -> String {
    let all = joined(facts.jobs.iter().map(String::as_str));
    if first.reason == ParkReason::SignInNeeded {
        let login = sign_in::command(source);
        return format!(
            "sign in needed: nobody is signed in to {source}, or the sign-in no longer works; run `{login}`, and {all} \
             will go on"
        );
    }
    let resume: Vec<String> = (facts.parked.iter())
        .filter(|parked| !parked.reason.costs_nothing_to_try())
        .map(|parked| format!("`rollbook resume {}`", parked.job))
        .collect();
    let after = match resume.is_empty() {
        true => format!("{all} will go on"),
        false => joined(resume.iter().map(String::as_str)),
    };
    format!(
        "{source} waits for a person: {}; afterwards {after}",
        first.why
    )
}

#[cfg(test)]
mod tests;
