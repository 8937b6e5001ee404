//! What needs an admin, with the commands. Pure; no message of a run is shown, because it may have a vendor's words; those
//! of databases are the publisher's own.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::facts::{ShownJob, SiteFacts};
use rollbook_core::document::suggest::joined;
use rollbook_core::model::decision::APPROVAL_TTL;
use rollbook_core::model::figures::{grouped, many, minute};
use rollbook_core::model::run_history::PastRun;
use rollbook_core::model::{EntryName, HoldRule, JobName, ParkReason, PublishName, scalar};
use rollbook_engine::daemon::status::{
    FAILING, HeldStream, JobStatus, OutputState, Outputs, PublishStatus, Status,
};

/// So many reasons of a database are shown.
const MOST_PROBLEMS: usize = 5;

/// Something that an admin has to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AdminNeed {
    /// The sentence.
    pub what: String,
    /// What explains it, a line each.
    pub details: Vec<String>,
    /// Commands in their order.
    pub commands: Vec<String>,
    /// The job that it is about.
    pub job: Option<JobName>,
}

impl AdminNeed {
    fn new(what: impl Into<String>, commands: &[&str]) -> Self {
        let commands = commands.iter().map(|command| (*command).to_owned());
        Self {
            what: what.into(),
            commands: commands.collect(),
            ..Self::default()
        }
    }
}

/// What needs an admin: of the daemon first, then of each job, then of outputs. Nothing is said of a daemon that does not run: the site and the
/// report have their own words for that.
pub(super) fn needs(facts: &SiteFacts<'_>) -> Vec<AdminNeed> {
    let of_daemon = facts.daemon.map(daemon_needs).unwrap_or_default();
    let jobs = facts.jobs();
    let of_jobs = jobs.iter().flat_map(|job| job_needs(job, facts.now));
    let of_outputs = facts
        .outputs
        .map(|outputs| outputs_needs(outputs, facts.now))
        .unwrap_or_default();
    of_daemon
        .into_iter()
        .chain(of_jobs)
        .chain(of_outputs)
        .collect()
}

fn daemon_needs(daemon: &Status) -> Vec<AdminNeed> {
    let mut needs = Vec::new();
    if daemon.fatal_error.is_some() {
        let what = "The daemon cannot write the mirror safely and ends by itself.";
        needs.push(AdminNeed::new(
            what,
            &["journalctl -u rollbook", "rollbook verify"],
        ));
    }
    if daemon.disk.is_some() {
        let what = "The disk or a quota is full; runs fail until there is space.";
        needs.push(AdminNeed::new(what, &["df -h"]));
    }
    if daemon.held_log.is_some() {
        let what = "Another program has been reading the mirror for more than ten minutes, so its write-ahead log grows.";
        needs.push(AdminNeed::new(what, &["sudo rollbook status"]));
    }
    if daemon.stuck.is_some() {
        let what = "The daemon made no progress; systemd restarts it.";
        needs.push(AdminNeed::new(what, &["journalctl -u rollbook"]));
    }
    if let Some(refused) = &daemon.configuration.refused {
        let problems = match refused.problems {
            0 => String::new(),
            some => format!(" It has {}.", many(some as u64, "problem", "problems")),
        };
        let what = format!(
            "The daemon refused the configuration on disk and keeps the previous one.{problems}"
        );
        needs.push(AdminNeed::new(what, &["rollbook check"]));
    }
    if daemon.clock.is_some() {
        let what = "Check this machine's clock.";
        needs.push(AdminNeed::new(what, &["timedatectl", "rollbook status"]));
    }
    needs
}

/// What bundles, hooks and databases need. One failure passes by itself usually, but a receiver that waits is seen nowhere else.
fn outputs_needs(outputs: &Outputs, now: Timestamp) -> Vec<AdminNeed> {
    let bundles = outputs.bundles.iter().filter_map(|bundle| {
        let name = &bundle.bundle;
        let look = format!("rollbook export {name} --dry-run");
        match bundle.state {
            OutputState::Held => Some(AdminNeed::new(
                format!("The bundle {name} is held: it would lose too many rows. Look at what would change, then approve it."),
                &[&look, &format!("rollbook export {name} --approve")],
            )),
            OutputState::Failed => Some(AdminNeed::new(
                format!("The bundle {name} cannot be written{}.", since(bundle.failed_since.as_deref())),
                &["rollbook status", &look],
            )),
            OutputState::Pending | OutputState::Ok | OutputState::Waiting => None,
        }
    });
    let hooks = outputs.hooks.iter();
    let hooks = hooks.filter(|hook| hook.state == OutputState::Failed);
    let hooks = hooks.map(|hook| {
        let what = format!(
            "The hook {} cannot be told of {}{}.",
            hook.hook,
            hook.follows,
            since(hook.failed_since.as_deref())
        );
        AdminNeed::new(what, &["rollbook status"])
    });
    let databases = database_needs(&outputs.published, now);
    bundles.chain(hooks).chain(databases).collect()
}

/// One for each database with sources that fail or are late.
fn database_needs(published: &[PublishStatus], now: Timestamp) -> Vec<AdminNeed> {
    let is_late = |one: &PublishStatus| {
        let late = one.late_at.as_deref().and_then(scalar::parse);
        late.is_some_and(|late| late <= now)
    };
    let open = published
        .iter()
        .filter(|one| one.state == OutputState::Failed || is_late(one));
    let mut databases: BTreeMap<&PublishName, Vec<&PublishStatus>> = BTreeMap::new();
    for one in open {
        databases.entry(&one.publish).or_default().push(one);
    }
    let need = |(name, sources): (&PublishName, Vec<&PublishStatus>)| {
        let since = sources
            .iter()
            .filter_map(|one| one.lag_since.as_ref().or(one.failed_since.as_ref()));
        let since = since.min().map(String::as_str);
        let names = joined(sources.iter().map(|one| one.source.as_str()));
        let what = format!(
            "{names} cannot be published to {name}{}.",
            self::since(since)
        );
        let mut problems: Vec<String> = sources
            .iter()
            .filter_map(|one| one.problem.clone())
            .collect();
        problems.sort();
        problems.dedup();
        problems.truncate(MOST_PROBLEMS);
        AdminNeed {
            details: problems,
            ..AdminNeed::new(what, &["rollbook publish status"])
        }
    };
    databases.into_iter().map(need).collect()
}

fn since(at: Option<&str>) -> String {
    at.map_or_else(String::new, |at| format!(", since {} UTC", minute(at)))
}

/// What one job needs.
pub(super) fn job_needs(job: &ShownJob<'_>, now: Timestamp) -> Vec<AdminNeed> {
    let Some(status) = job.status else {
        return Vec::new();
    };
    let parked = status.parked.then(|| parked(job, status.park_reason));
    let held = status.held.map(|run| held(job, status, run, now));
    let waits = parked.is_some() || held.is_some();
    let failing =
        (!waits && status.failures >= FAILING).then(|| failing(&job.name, status.failures));
    let stale = (!waits && failing.is_none())
        .then(|| stale(job, status, now))
        .flatten();
    let all = [parked, held, failing, stale].into_iter().flatten();
    all.map(|need| AdminNeed {
        job: job.name.job().cloned(),
        ..need
    })
    .collect()
}

fn parked(job: &ShownJob<'_>, reason: Option<ParkReason>) -> AdminNeed {
    let name = &job.name;
    let source = job.source().map_or("its source", |source| source.as_str());
    let resume = format!("rollbook resume {name}");
    match reason {
        Some(ParkReason::SignInNeeded) => AdminNeed::new(
            format!("{name} needs a sign-in to {source}; then it resumes by itself."),
            &[&format!("rollbook login {source}")],
        ),
        Some(ParkReason::CredentialRefused) => AdminNeed::new(
            format!(
                "The vendor refused the credential of {source}. Replace it, then resume {name}."
            ),
            &["rollbook check --online", &resume],
        ),
        Some(ParkReason::PasswordRefused) => AdminNeed::new(
            format!("The vendor refused the password of {source}. Replace it, then resume {name}."),
            &[&resume],
        ),
        Some(ParkReason::VaultShut) => AdminNeed::new(
            format!("The key of the vault is missing. Provide it, then resume {name}."),
            &[&resume],
        ),
        Some(ParkReason::RefreshOpen) => AdminNeed::new(
            format!(
                "A token refresh of {source} began whose end is not known, so its refresh token is not sent again. \
                 Sign in again; or resume {name}, and it is sent once more."
            ),
            &[&format!("rollbook login {source}"), &resume],
        ),
        Some(ParkReason::Unready) => AdminNeed::new(
            format!(
                "{name} needs something on this machine, such as a secret; then it resumes by itself."
            ),
            &["rollbook check"],
        ),
        None => AdminNeed::new(format!("{name} is parked."), &["rollbook status", &resume]),
    }
}

fn held(job: &ShownJob<'_>, status: &JobStatus, run: i64, now: Timestamp) -> AdminNeed {
    let name = &job.name;
    let past = job.past().iter().rev().find(|past| past.run == run);
    let details = status.held_streams.iter().map(held_line).collect();
    let need = match past.is_none_or(|past| is_too_old(past, now)) {
        true => AdminNeed::new(
            format!(
                "Run {run} of {name} was held more than a day ago and can no longer be approved. Run it again."
            ),
            &[&format!("rollbook sync {name}")],
        ),
        false => AdminNeed::new(
            format!("Run {run} of {name} was held. Look at its rows, then approve it."),
            &[
                &format!("rollbook runs show {run} --rows"),
                &format!("rollbook approve {run}"),
            ],
        ),
    };
    AdminNeed { details, ..need }
}

/// `users: 512 of 866 rows would be removed, 540 added (most keys are replaced by others)`.
pub(super) fn held_line(held: &HeldStream) -> String {
    let of = held
        .rows
        .map_or(String::new(), |rows| format!(" of {}", grouped(rows)));
    let mut parts = Vec::new();
    if held.would_be_removed > 0 || held.rows.is_some() {
        parts.push(format!(
            "{}{of} rows would be removed",
            grouped(held.would_be_removed)
        ));
    }
    for (number, word) in [(held.new, "added"), (held.changed, "changed")] {
        if number > 0 {
            parts.push(format!("{} {word}", grouped(number)));
        }
    }
    let rule = held
        .rule
        .map_or(String::new(), |rule| format!(" ({})", rule_in_words(rule)));
    format!("{}: {}{rule}", held.stream, parts.join(", "))
}

fn rule_in_words(rule: HoldRule) -> &'static str {
    match rule {
        HoldRule::Removals => "too large a share of the rows",
        HoldRule::RemovalsMax => "more rows than may be removed at once",
        HoldRule::ChangedKeys => "most keys are replaced by others",
        HoldRule::Rejects => "too many rows were rejected",
        HoldRule::Per => "too much of one group",
        HoldRule::NothingReceived => "nothing was received",
        HoldRule::NoReadableKey => "no row has a readable key",
        HoldRule::ColumnFormat => "too many values of a column cannot be read",
        HoldRule::EmptiedColumns => "columns that had values have none",
        HoldRule::Account => "the source reads another account",
    }
}

fn failing(name: &EntryName, failures: u32) -> AdminNeed {
    match name {
        EntryName::Job(name) => AdminNeed::new(
            format!("{name} failed {failures} times in a row."),
            &[&format!("rollbook runs {name}")],
        ),
        EntryName::Backup => AdminNeed::new(
            format!("The backup failed {failures} times in a row."),
            &["rollbook backup"],
        ),
    }
}

fn stale(job: &ShownJob<'_>, status: &JobStatus, now: Timestamp) -> Option<AdminNeed> {
    let at = scalar::parse(status.stale_at.as_ref()?)?;
    let good = job.runs.and_then(|runs| runs.last_good.as_deref());
    let since = good.map_or("yet".to_owned(), |ended| {
        format!("since {} UTC", minute(ended))
    });
    let name = &job.name;
    let what = format!("{name} is stale: it had no good run {since}.");
    let command = match name {
        EntryName::Job(name) => format!("rollbook runs {name}"),
        EntryName::Backup => "rollbook backup".to_owned(),
    };
    (at <= now).then(|| AdminNeed::new(what, &[&command]))
}

fn is_too_old(held: &PastRun, now: Timestamp) -> bool {
    let length = jiff::SignedDuration::from_millis(held.duration_ms as i64);
    let ended = scalar::parse(&held.started).map(|at| scalar::saturating_add(at, length));
    ended.is_none_or(|ended| now.duration_since(ended) > APPROVAL_TTL)
}

#[cfg(test)]
mod tests;
