//! `rollbook jobs`: what each job reads, and when it runs next.

use serde::Serialize;

use super::exit::Exit;
use super::mirror_access::MirrorAccess;
use super::table::indented;
use super::ticks::{UpcomingTick, ticks_unless_paused};
use super::{out, table};
use rollbook_app::app::known_job;
use rollbook_core::clock::Clock;
use rollbook_core::model::{JobName, SourceName, StreamName, pause};
use rollbook_core::store::pauses;
use rollbook_core::store::schema::outdated;
use rollbook_engine::daemon::status::PauseStatus;
use rollbook_engine::setup::{Folders, JobSetup};

/// Number of ticks shown per job.
const TICKS_SHOWN: usize = 3;

/// Options of `jobs`.
#[derive(Debug, clap::Args)]
pub struct JobsOptions {
    /// Only this job
    job: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Lists all jobs.
pub fn run(folders: &Folders, options: &JobsOptions) -> Result<(), Exit> {
    let access = MirrorAccess::open_quietly(folders)?;
    let (setup, now) = (access.setup()?, Clock::system().now());
    // A mirror that was not upgraded yet has no pauses.
    let mirror = match access.mirror_if_made() {
        Some(mirror) if outdated(mirror)?.is_none() => Some(mirror),
        _ => None,
    };
    let mut jobs = Vec::new();
    let listed = match &options.job {
        Some(name) => vec![known_job(setup, name).map_err(Exit::usage)?],
        None => setup.jobs.iter().collect(),
    };
    for (name, job) in listed {
        let pauses = mirror.map_or(Ok(Vec::new()), |mirror| {
            pauses::of_job(mirror, name, &job.source)
        })?;
        let pause = pause::in_force(&pauses, now);
        let next_ticks = ticks_unless_paused(&job.config, now, pause, TICKS_SHOWN);
        jobs.push(ListedJob {
            paused: pause.map(PauseStatus::from),
            ..ListedJob::of(name, job, next_ticks)
        });
    }
    if options.json {
        out::json(&jobs);
    } else {
        out::text(text(&jobs));
    }
    Ok(())
}

#[derive(Debug, Serialize)]
struct ListedJob {
    job: JobName,
    source: SourceName,
    streams: Vec<StreamName>,
    schedule: String,
    time_zone: String,
    apply: &'static str,
    catch_up: bool,
    next_ticks: Vec<UpcomingTick>,
    paused: Option<PauseStatus>,
}

impl ListedJob {
    fn of(name: &JobName, job: &JobSetup, next_ticks: Vec<UpcomingTick>) -> Self {
        let zone = job.config.time_zone.zone();
        Self {
            job: name.clone(),
            source: job.source.clone(),
            streams: job.streams.iter().map(|spec| spec.name.clone()).collect(),
            schedule: job.config.schedule.as_str().to_owned(),
            time_zone: zone.iana_name().unwrap_or("UTC").to_owned(),
            apply: job.config.apply.as_str(),
            catch_up: job.config.catch_up,
            next_ticks,
            paused: None,
        }
    }
}

fn text(jobs: &[ListedJob]) -> String {
    if jobs.is_empty() {
        return "There is no job; write one in the jobs folder (`rollbook schema job` describes the file).".to_owned();
    }
    let mut text = String::new();
    for job in jobs {
        let count = table::many(job.streams.len() as u64, "stream", "streams");
        let apply = match job.apply {
            "together" => "applied together",
            _ => "applied separately",
        };
        let missed = if job.catch_up {
            "a missed run is caught up"
        } else {
            "a missed run is skipped"
        };
        text.push_str(&format!(
            "{}: reads {count} of {}, {apply}; {missed}\n",
            job.job, job.source
        ));
        text.push_str(&format!("  {}\n", job.streams.join(", ")));
        text.push_str(&format!("  {}  ({})\n", job.schedule, job.time_zone));
        if let Some(pause) = &job.paused {
            text.push_str(&format!("  {}\n", pause.message));
        }
        let rows = job.next_ticks.iter().enumerate().map(|(index, tick)| {
            let head = if index == 0 { "next" } else { "" };
            [
                head.to_owned(),
                tick.in_zone(),
                format!("= {}", tick.in_utc()),
            ]
        });
        text.push_str(&indented(2, rows));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::table::snapshots;
    use crate::cli::ticks::ticks;
    use rollbook_core::model::named;

    fn job(streams: &[&str]) -> ListedJob {
        let config = serde_json::from_value(serde_json::json!({
            "source": "north", "streams": ["orgs", "users"], "schedule": "0 6 * * *",
            "time_zone": "Australia/Sydney", "apply": "together",
        }))
        .expect("a job");
        let after = "2026-02-01T12:00:00Z".parse().expect("a time");
        let next_ticks = ticks(&config, after, 2);
        let setup = JobSetup {
            source: config.source.clone(),
            config,
            streams: Vec::new(),
            choices: std::collections::BTreeMap::new(),
            fingerprint: String::new(),
        };
        ListedJob {
            streams: streams.iter().map(|stream| named(stream)).collect(),
            ..ListedJob::of(&named("rosters"), &setup, next_ticks)
        }
    }

    #[test]
    fn a_job_is_four_lines_and_its_ticks() {
        assert_eq!(
            text(&[job(&["orgs", "users"])]),
            "rosters: reads 2 streams of north, applied together; a missed run is skipped\n  \
             orgs, users\n  \
             0 6 * * *  (Australia/Sydney)\n  \
             next  Mon 2026-02-02 06:00 AEDT  = 2026-02-01 19:00 UTC\n        \
             Tue 2026-02-03 06:00 AEDT  = 2026-02-02 19:00 UTC\n\n"
        );
        let long = [
            "academic_sessions",
            "audit_logs",
            "business_accounts",
            "course_enrolments",
            "course_offers",
            "learners",
            "unit_enrolments",
            "unit_offers",
        ];
        snapshots::check("jobs", |_| text(&[job(&["users"]), job(&long)]));
    }
}
