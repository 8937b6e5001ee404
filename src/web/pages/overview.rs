//! What the overview says: the state of each job, and what needs an admin, with the command. Pure, from the history and the states
//! of the jobs; no message is shown, because it may have a vendor's words.

use jiff::Timestamp;

use crate::daemon::status::Status;
use crate::model::decision::APPROVAL_TTL;
use crate::model::run_history::{JobRuns, PastRun};
use crate::model::{EntryName, Outcome, ParkReason, scalar};

/// A job, or the backup, between its runs.
#[derive(Clone, Debug)]
pub struct ReportJob {
    /// Its name.
    pub job: EntryName,
    /// Its last runs; nothing for the backup.
    pub runs: Option<JobRuns>,
    /// Its next tick in its own zone; nothing if there is none.
    pub next: Option<String>,
    /// Why ticks before that are skipped, or the pause.
    pub delayed: Option<String>,
    /// Why it waits for an admin.
    pub parked: Option<ParkReason>,
    /// The run that needs an approval.
    pub held: Option<i64>,
    /// Runs in a row that failed.
    pub failures: u32,
    /// Whether a run is active.
    pub is_running: bool,
}

/// Something that an admin has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The sentence.
    pub what: String,
    /// Commands in their order.
    pub commands: Vec<String>,
}

/// A failure or two may pass by themselves.
const FAILING: u32 = 3;

/// What needs an admin: of the daemon first, then of each job. Nothing is said of a daemon that does not run.
pub fn needs(daemon: Option<&Status>, jobs: &[ReportJob], now: Timestamp) -> Vec<Need> {
    let of_daemon = daemon.map(daemon_needs).unwrap_or_default();
    let of_jobs = jobs.iter().flat_map(|job| job_needs(job, now));
    of_daemon.into_iter().chain(of_jobs).collect()
}

fn need(what: impl Into<String>, commands: &[&str]) -> Need {
    Need {
        what: what.into(),
        commands: commands
            .iter()
            .map(|command| (*command).to_owned())
            .collect(),
    }
}

fn daemon_needs(daemon: &Status) -> Vec<Need> {
    let mut needs = Vec::new();
    if daemon.fatal_error.is_some() {
        let what = "The daemon cannot write the mirror safely and ends by itself.";
        needs.push(need(what, &["journalctl -u rollbook", "rollbook verify"]));
    }
    if daemon.disk.is_some() {
        let what = "The disk or a quota is full; runs fail until there is space.";
        needs.push(need(what, &["df -h"]));
    }
    if daemon.stuck.is_some() {
        let what = "The daemon made no progress; systemd restarts it.";
        needs.push(need(what, &["journalctl -u rollbook"]));
    }
    if let Some(refused) = &daemon.configuration.refused {
        let problems = match refused.problems {
            0 => String::new(),
            1 => " It has 1 problem.".to_owned(),
            many => format!(" It has {many} problems."),
        };
        let what = format!(
            "The daemon refused the configuration on disk and keeps the previous one.{problems}"
        );
        needs.push(need(what, &["rollbook check"]));
    }
    if daemon.clock.is_some() {
        needs.push(need(
            "Check this machine's clock.",
            &["timedatectl", "rollbook status"],
        ));
    }
    needs
}

fn job_needs(job: &ReportJob, now: Timestamp) -> Vec<Need> {
    let name = &job.job;
    let source = job.runs.as_ref().map_or("", |runs| runs.source.as_str());
    let mut needs = Vec::new();
    let resume = format!("rollbook resume {name}");
    match job.parked {
        None => {}
        Some(ParkReason::SignInNeeded) => needs.push(need(
            format!("{name} needs a sign-in to {source}; then it resumes by itself."),
            &[&format!("rollbook login {source}")],
        )),
        Some(ParkReason::CredentialRefused) => needs.push(need(
            format!("The vendor refused the credential of {source}. Replace it, then resume {name}."),
            &["rollbook check --online", &resume],
        )),
        Some(ParkReason::PasswordRefused) => needs.push(need(
            format!("The vendor refused the password of {source}. Replace it, then resume {name}."),
            &[&resume],
        )),
        Some(ParkReason::VaultShut) => needs.push(need(
            format!("The key of the vault is missing. Provide it, then resume {name}."),
            &[&resume],
        )),
        Some(ParkReason::Unready) => needs.push(need(
            format!("{name} needs something on this machine, such as a secret; then it resumes by itself."),
            &["rollbook check"],
        )),
    }
    if let Some(run) = job.held {
        let rows = format!("rollbook runs show {run} --rows");
        let held = job.runs.iter().flat_map(|runs| &runs.runs);
        let held = held.rev().find(|past| past.run == run);
        needs.push(match held.is_none_or(|past| is_too_old(past, now)) {
            true => need(
                format!("Run {run} of {name} was held more than a day ago and can no longer be approved. Run it again."),
                &[&format!("rollbook sync {name}")],
            ),
            false => need(
                format!("Run {run} of {name} was held. Look at its rows, then approve it."),
                &[&rows, &format!("rollbook approve {run}")],
            ),
        });
    }
    if job.parked.is_none() && job.held.is_none() && job.failures >= FAILING {
        let (what, command) = match name {
            EntryName::Job(name) => (
                format!("{name} failed {} times in a row.", job.failures),
                format!("rollbook runs {name}"),
            ),
            EntryName::Backup => (
                format!("The backup failed {} times in a row.", job.failures),
                "rollbook backup".to_owned(),
            ),
        };
        needs.push(need(what, &[&command]));
    }
    needs
}

fn is_too_old(held: &PastRun, now: Timestamp) -> bool {
    let length = jiff::SignedDuration::from_millis(held.duration_ms as i64);
    let ended = scalar::parse(&held.started).map(|at| scalar::saturating_add(at, length));
    ended.is_none_or(|ended| now.duration_since(ended) > APPROVAL_TTL)
}

impl ReportJob {
    /// Its state in a word or two, and whether an admin has to do something.
    pub fn state(&self) -> (&'static str, Mood) {
        let last = self.runs.as_ref().and_then(|runs| runs.runs.last());
        if self.parked.is_some() {
            return ("parked", Mood::Bad);
        }
        if self.held.is_some() {
            return ("held", Mood::Held);
        }
        if self.is_running {
            return ("running", Mood::Good);
        }
        let last_whole = last.filter(|run| run.only.is_none()).or_else(|| {
            let runs = self.runs.iter().flat_map(|runs| &runs.runs);
            runs.rev().find(|run| run.only.is_none())
        });
        match last_whole {
            None if self.failures > 0 => ("failed", Mood::Bad),
            None if self.runs.is_none() => ("", Mood::Good),
            None => ("never ran", Mood::Doubtful),
            Some(run) => (run.outcome.as_str(), Mood::of(run.outcome)),
        }
    }
}

/// How an outcome is shown. Never by colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Nothing to do.
    Good,
    /// It may pass by itself.
    Doubtful,
    /// A run waits for an approval.
    Held,
    /// It failed, or waits for an admin.
    Bad,
}

impl Mood {
    /// Of a run.
    pub fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Ok | Outcome::OkWithRejects | Outcome::NotServed => Self::Good,
            Outcome::Incomplete | Outcome::Interrupted => Self::Doubtful,
            Outcome::Held => Self::Held,
            Outcome::Failed(_) | Outcome::Parked => Self::Bad,
        }
    }

    /// The name of its class in the style sheet.
    pub fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Doubtful => "doubtful",
            Self::Held => "heldrun",
            Self::Bad => "badrun",
        }
    }
}

/// A strip of runs in words: `30 runs: 28 ok, 1 held, 1 failed; the last ok`.
pub fn strip_text(runs: &[PastRun]) -> String {
    let Some(last) = runs.last() else {
        return "no run is recorded".to_owned();
    };
    let mut counts: Vec<(Outcome, usize)> = Vec::new();
    for run in runs {
        let word = run.outcome.as_str();
        match counts.iter_mut().find(|(known, _)| known.as_str() == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((run.outcome, 1)),
        }
    }
    counts.sort_by_key(|(outcome, _)| outcome.severity());
    let counts: Vec<String> = counts
        .iter()
        .map(|(outcome, count)| format!("{count} {outcome}"))
        .collect();
    let runs = crate::model::figures::many(runs.len() as u64, "run", "runs");
    format!("{runs}: {}; the last {}", counts.join(", "), last.outcome)
}

#[cfg(test)]
mod tests;
