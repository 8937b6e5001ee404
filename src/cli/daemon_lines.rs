//! What the daemon says of itself, for people: the part of `rollbook status` that no mirror can tell.

use std::path::Path;

use super::start::runtime_folders;
use super::table::grouped;
use super::words::{many, moment};
use crate::daemon::status::{Job, Status};
use crate::daemon::{StatusFile, absolute};

/// The status of the daemon that writes this mirror; nothing when none runs.
pub fn daemon_of(mirror: &Path) -> Option<Status> {
    let mirror = absolute(mirror);
    runtime_folders(&mirror)
        .iter()
        .find_map(|folder| StatusFile::in_folder(folder).read(&mirror))
}

/// Lines about the daemon itself, each with its end.
pub fn of_daemon(status: Option<&Status>) -> String {
    let Some(status) = status else {
        return "No daemon runs here; `rollbook run` starts one.\n".to_owned();
    };
    let mut text = format!(
        "The daemon runs since {} UTC (process {}).\n",
        moment(&status.since),
        status.process.pid
    );
    if let Some(refused) = &status.configuration.refused {
        text.push_str(&format!(
            "It refused the configuration on disk at {} UTC and goes on with the one before: {}\n",
            moment(&refused.at),
            refused.first
        ));
    }
    if let Some(clock) = &status.clock {
        text.push_str(&format!("Look at this machine's clock: {clock}.\n"));
    }
    if let Some(who) = &status.stuck {
        text.push_str(&format!(
            "{who} does not get on; systemd will start the daemon anew.\n"
        ));
    }
    text
}

/// Remarks about jobs that wait for a person and how they ended last, for who may not read the mirror.
pub fn of_unread_jobs(status: Option<&Status>) -> Vec<String> {
    let jobs = status
        .map(|status| status.jobs.as_slice())
        .unwrap_or_default();
    let ended = |job: &Job| {
        let last = job.last.as_ref()?;
        let (job, outcome, ended) = (&job.job, &last.outcome, moment(&last.ended));
        Some(format!("{job}: last run {outcome} at {ended} UTC"))
    };
    jobs.iter()
        .flat_map(|job| [job.waits(), ended(job)])
        .flatten()
        .collect()
}

/// Remarks about jobs that run now, and about ticks that became no run.
pub fn of_jobs(status: Option<&Status>) -> Vec<String> {
    let jobs = status
        .map(|status| status.jobs.as_slice())
        .unwrap_or_default();
    jobs.iter().filter_map(of_job).collect()
}

fn of_job(job: &Job) -> Option<String> {
    let name = &job.job;
    if let Some(running) = &job.running {
        let stream = running.stream.as_deref().unwrap_or("nothing yet");
        return Some(format!(
            "{name}: runs since {} UTC, reads {stream}; {} and {} rows so far",
            moment(&running.since),
            many(running.pages, "page", "pages"),
            grouped(running.rows)
        ));
    }
    let passed_over = job.passed_over.as_ref()?;
    Some(format!(
        "{name}: its tick of {} UTC was passed over: {}",
        moment(&passed_over.at),
        passed_over.reason
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::status::{Configuration, Last, PassedOver, Process, Refused, Running};

    const AT: &str = "2026-03-02T06:20:00.000Z";

    #[test]
    fn all_that_a_daemon_can_say() {
        let at = || AT.to_owned();
        let running = Running {
            since: at(),
            cause: "schedule".to_owned(),
            stream: Some("users".to_owned()),
            pages: 1,
            rows: 12_000,
        };
        let passed_over = PassedOver {
            at: at(),
            reason: "the last run still goes on".to_owned(),
        };
        let job = |name: &str| Job {
            job: name.to_owned(),
            ..Job::default()
        };
        let status = Status {
            process: Process {
                pid: 77,
                began: None,
            },
            since: at(),
            clock: Some("the clock shows 1970".to_owned()),
            stuck: Some("the run of rosters".to_owned()),
            configuration: Configuration {
                since: at(),
                refused: Some(Refused {
                    at: at(),
                    problems: 1,
                    first: "a.toml:1:1: no".to_owned(),
                }),
            },
            jobs: vec![
                Job {
                    running: Some(running),
                    ..job("rosters")
                },
                Job {
                    passed_over: Some(passed_over),
                    ..job("grades")
                },
                job("idle"),
            ],
            ..Status::default()
        };
        assert_eq!(
            of_daemon(Some(&status)),
            "The daemon runs since 2026-03-02 06:20:00 UTC (process 77).\n\
             It refused the configuration on disk at 2026-03-02 06:20:00 UTC and goes on with the one before: a.toml:1:1: no\n\
             Look at this machine's clock: the clock shows 1970.\n\
             the run of rosters does not get on; systemd will start the daemon anew.\n"
        );
        assert_eq!(
            of_jobs(Some(&status)),
            [
                "rosters: runs since 2026-03-02 06:20:00 UTC, reads users; 1 page and 12,000 rows so far",
                "grades: its tick of 2026-03-02 06:20:00 UTC was passed over: the last run still goes on",
            ]
        );
        assert!(of_daemon(None).starts_with("No daemon runs here"));
        assert!(of_jobs(None).is_empty());
    }

    #[test]
    fn what_waits_is_told_from_the_file_alone() {
        let last = |outcome: &str| Last {
            outcome: outcome.to_owned(),
            ended: AT.to_owned(),
        };
        let status = Status {
            jobs: vec![
                Job {
                    job: "grades".to_owned(),
                    parked: true,
                    ..Job::default()
                },
                Job {
                    job: "rosters".to_owned(),
                    held: Some(12),
                    last: Some(last("held")),
                    ..Job::default()
                },
            ],
            ..Status::default()
        };
        assert_eq!(
            of_unread_jobs(Some(&status)),
            [
                "grades is parked and waits for a person",
                "rosters holds run 12 back",
                "rosters: last run held at 2026-03-02 06:20:00 UTC",
            ]
        );
    }
}
