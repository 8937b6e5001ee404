//! The daemon's status for people: the part of `rollbook status` that is not in the mirror.

use std::path::Path;

use super::start::runtime_folders;
use super::table::grouped;
use super::table::many;
use rollbook_core::model::StreamName;
use rollbook_core::model::scalar::display_time;
use rollbook_engine::daemon::status::{JobStatus, Status};
use rollbook_engine::daemon::{StatusFile, absolute};
use rollbook_engine::setup::Folders;

/// The status of the daemon that writes this mirror; `None` if no daemon runs.
pub fn daemon_status(folders: &Folders, mirror: &Path) -> Option<Status> {
    let mirror = absolute(mirror);
    runtime_folders(folders, &mirror)
        .iter()
        .find_map(|folder| StatusFile::in_folder(folder).read(&mirror))
}

/// Lines about the daemon itself.
pub fn daemon_lines(status: Option<&Status>) -> String {
    let Some(status) = status else {
        return "The daemon does not run; `rollbook run` starts it.\n".to_owned();
    };
    let mut text = format!(
        "The daemon has been running since {} UTC (process {}).\n",
        display_time(&status.since),
        status.process.pid
    );
    if let Some(refused) = &status.configuration.refused {
        text.push_str(&format!(
            "It refused the configuration on disk at {} UTC and keeps the previous one: {}\n",
            display_time(&refused.at),
            refused.first
        ));
    }
    if let Some(disk) = &status.disk {
        text.push_str(&format!("It cannot write: {disk}.\n"));
    }
    if let Some(log) = &status.held_log {
        let log = log.strip_prefix("the ").unwrap_or(log);
        text.push_str(&format!("The {log}.\n"));
    }
    if let Some(clock) = &status.clock {
        text.push_str(&format!("Check this machine's clock: {clock}.\n"));
    }
    if let Some(who) = &status.stuck {
        text.push_str(&format!(
            "{who} made no progress; systemd will restart the daemon.\n"
        ));
    }
    text
}

/// Remarks about jobs that need a person, and their last outcomes, without access to the mirror.
pub fn job_remarks_without_mirror(status: Option<&Status>) -> Vec<String> {
    let jobs = status
        .map(|status| status.jobs.as_slice())
        .unwrap_or_default();
    let ended = |job: &JobStatus| {
        let last = job.last.as_ref()?;
        let (job, outcome, ended) = (&job.job, &last.outcome, display_time(&last.ended));
        Some(format!("{job}: last run {outcome} at {ended} UTC"))
    };
    let paused = |job: &JobStatus| {
        let pause = job.paused.as_ref()?;
        Some(format!("{} is {}", job.job, pause.message))
    };
    jobs.iter()
        .flat_map(|job| [job.waits(), paused(job), ended(job)])
        .flatten()
        .collect()
}

/// Remarks about active runs and skipped ticks.
pub fn job_remarks(status: Option<&Status>) -> Vec<String> {
    let jobs = status
        .map(|status| status.jobs.as_slice())
        .unwrap_or_default();
    jobs.iter().filter_map(job_remark).collect()
}

fn job_remark(job: &JobStatus) -> Option<String> {
    let name = &job.job;
    if let Some(running) = &job.running {
        let stream = running.stream.as_ref();
        let stream = stream.map_or("no stream yet", StreamName::as_str);
        return Some(format!(
            "{name}: running since {} UTC, reading {}{stream}; {} and {} rows so far",
            display_time(&running.since),
            if running.only.is_some() { "only " } else { "" },
            many(running.pages, "page", "pages"),
            grouped(running.rows)
        ));
    }
    // What still delays the job is shown with its next tick.
    let skipped = job.skipped.as_ref();
    let is_shown = |reason: &String| job.paused.is_some() || job.delayed.as_ref() == Some(reason);
    let skipped = skipped.filter(|skipped| !is_shown(&skipped.reason))?;
    Some(format!(
        "{name}: its tick at {} UTC was skipped: {}",
        display_time(&skipped.at),
        skipped.reason
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollbook_core::model::named;
    use rollbook_engine::daemon::status::{
        Configuration, Last, Process, RefusedReload, Running, SkippedTick,
    };

    const AT: &str = "2026-03-02T06:20:00.000Z";

    #[test]
    fn every_line_about_a_daemon() {
        let at = || AT.to_owned();
        let running = Running {
            since: at(),
            cause: "schedule".to_owned(),
            only: None,
            stream: Some(named("users")),
            pages: 1,
            rows: 12_000,
        };
        let skipped = SkippedTick {
            at: at(),
            reason: "the last run has not ended".to_owned(),
        };
        let job = |name: &str| JobStatus::new(named(name));
        let status = Status {
            process: Process {
                pid: 77,
                began: None,
            },
            since: at(),
            disk: Some("the disk is full".to_owned()),
            held_log: Some("the write-ahead log grows".to_owned()),
            clock: Some("the clock shows 1970".to_owned()),
            stuck: Some("the run of rosters".to_owned()),
            configuration: Configuration {
                since: at(),
                content: None,
                refused: Some(RefusedReload {
                    at: at(),
                    problems: 1,
                    first: "a.toml:1:1: no".to_owned(),
                    places: Vec::new(),
                }),
            },
            jobs: vec![
                JobStatus {
                    running: Some(running),
                    ..job("rosters")
                },
                JobStatus {
                    skipped: Some(skipped),
                    ..job("grades")
                },
                job("idle"),
            ],
            ..Status::default()
        };
        assert_eq!(
            daemon_lines(Some(&status)),
            "The daemon has been running since 2026-03-02 06:20:00 UTC (process 77).\n\
             It refused the configuration on disk at 2026-03-02 06:20:00 UTC and keeps the previous one: a.toml:1:1: no\n\
             It cannot write: the disk is full.\n\
             The write-ahead log grows.\n\
             Check this machine's clock: the clock shows 1970.\n\
             the run of rosters made no progress; systemd will restart the daemon.\n"
        );
        assert_eq!(
            job_remarks(Some(&status)),
            [
                "rosters: running since 2026-03-02 06:20:00 UTC, reading users; 1 page and 12,000 rows so far",
                "grades: its tick at 2026-03-02 06:20:00 UTC was skipped: the last run has not ended",
            ]
        );
        assert!(daemon_lines(None).starts_with("The daemon does not run"));
        assert!(job_remarks(None).is_empty());
    }

    #[test]
    fn waiting_jobs_are_shown_from_the_file_alone() {
        let last = |outcome: &str| Last {
            outcome: outcome.to_owned(),
            ended: AT.to_owned(),
        };
        let status = Status {
            jobs: vec![
                JobStatus {
                    parked: true,
                    ..JobStatus::new(named("grades"))
                },
                JobStatus {
                    held: Some(12),
                    last: Some(last("held")),
                    ..JobStatus::new(named("rosters"))
                },
            ],
            ..Status::default()
        };
        assert_eq!(
            job_remarks_without_mirror(Some(&status)),
            [
                "grades is parked and needs a person",
                "run 12 of rosters needs approval",
                "rosters: last run held at 2026-03-02 06:20:00 UTC",
            ]
        );
    }
}
