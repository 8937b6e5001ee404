//! What is worth telling: pure rules over what is known of a job and what was told before.
//!
//! They look at states and not at events, so a restart, a lost event or a run by hand changes nothing: what
//! holds and was not told is told, once, and when all of it is over and a good run came after, that is told.

use jiff::Timestamp;

/// What is wrong with a job, or that nothing is any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It needs a person to sign in or to grant a right.
    Parked,
    /// The guard refused a difference.
    Held,
    /// So many runs in a row failed.
    Failing,
    /// No good run for too long.
    Stale,
    /// All of it is over.
    Recovered,
    /// Somebody asked for a test.
    Test,
}

impl Kind {
    const ALL: [Self; 6] = [
        Self::Parked,
        Self::Held,
        Self::Failing,
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
    /// Why it is parked.
    pub parked: Option<String>,
    /// The run that waits for an approval.
    pub held: Option<i64>,
    /// Runs in a row that did not end well.
    pub failures: u32,
    /// What the last of them says.
    pub sentence: Option<String>,
    /// When its last good run ended.
    pub good: Option<Timestamp>,
    /// The first tick after its last good run, or after its first run of all.
    pub due: Option<Timestamp>,
}

/// When something is worth telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Failed runs in a row.
    pub failures: u32,
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
    let wrong = wrong(job, facts, limits, now);
    if wrong.is_empty() {
        let first = told.iter().map(|(_, at)| *at).min();
        return match first {
            None => Judged::default(),
            // Nothing is wrong because somebody cleared it: wait for a run that shows it.
            Some(first) if facts.good.is_none_or(|good| good <= first) => Judged {
                tell: Vec::new(),
                told: told.to_vec(),
            },
            Some(_) => Judged {
                tell: vec![(Kind::Recovered, format!("{job} runs well again"))],
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

/// What is wrong now. A held run's own sentence may name a class, so only its number leaves the machine.
fn wrong(job: &str, facts: &Facts, limits: Limits, now: Timestamp) -> Vec<(Kind, String)> {
    let mut wrong = Vec::new();
    let said = |sentence: &Option<String>| {
        sentence
            .as_deref()
            .map_or(String::new(), |text| format!(": {text}"))
    };
    if facts.parked.is_some() {
        wrong.push((
            Kind::Parked,
            format!(
                "{job} waits for a person{}; afterwards `rollbook resume {job}`",
                said(&facts.parked)
            ),
        ));
    } else if let Some(run) = facts.held {
        wrong.push((
            Kind::Held,
            format!("run {run} of {job} was held back; `rollbook runs show {run}` says why, `rollbook approve {run}` accepts it"),
        ));
    } else if facts.failures >= limits.failures {
        let failures = facts.failures;
        wrong.push((
            Kind::Failing,
            format!(
                "{failures} runs of {job} in a row did not end well{}",
                said(&facts.sentence)
            ),
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

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
