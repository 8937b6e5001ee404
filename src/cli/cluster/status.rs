//! `rollbook cluster status`: workers, sources, and which configuration they have.

use super::database::{ClusterAccess, failed};
use crate::cli::exit::Exit;
use crate::cli::out;
use crate::cli::table::{TextTable, bullets, grouped, left, many, minute, note, right};
use rollbook_app::app::survey_cluster;
use rollbook_core::model::JobSummary;
use rollbook_engine::daemon::cluster_status::{ClusterSource, ClusterStatus, ClusterWorker};
use rollbook_engine::setup::Setup;

/// Of a hash, for people.
const HASH_SHOWN: usize = 8;

/// Options of `cluster status`.
#[derive(Debug, clap::Args)]
pub struct ClusterStatusOptions {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Shows the cluster; fails when a source has had no worker for too long.
pub async fn run(
    access: &ClusterAccess,
    setup: &Setup,
    options: &ClusterStatusOptions,
) -> Result<(), Exit> {
    let status = survey(access, setup).await?;
    if options.json {
        out::json(&status);
    } else {
        out::text(text(&status, out::width()));
    }
    match status.is_well() {
        true => Ok(()),
        false => Err(Exit::unsuccessful()),
    }
}

/// Shows the same before the status of the sources, unless that is for a program.
pub async fn show_first(
    access: &ClusterAccess,
    setup: &Setup,
    arguments: &[String],
) -> Result<(), Exit> {
    if !arguments.iter().any(|argument| argument == "--json") {
        out::text(text(&survey(access, setup).await?, out::width()));
    }
    Ok(())
}

async fn survey(access: &ClusterAccess, setup: &Setup) -> Result<ClusterStatus, Exit> {
    let found = survey_cluster(&access.database, &access.session, setup.sources.keys()).await;
    found.map_err(|error| failed(access, &error))
}

fn text(status: &ClusterStatus, width: Option<usize>) -> String {
    let mut text = format!(
        "The cluster in the database on {} has {} and {}",
        status.database,
        many(status.workers.len() as u64, "worker", "workers"),
        many(status.sources.len() as u64, "source", "sources")
    );
    text.push_str(&match status.without_a_worker() {
        0 => "; each source has a worker.\n".to_owned(),
        free => format!(
            "; {} no worker.\n",
            many(free as u64, "source has", "sources have")
        ),
    });
    let configuration = &status.configuration;
    if !configuration.since.is_empty() {
        text.push_str(&format!(
            "Configuration {} of {} since {} UTC.\n",
            shown(&configuration.hash),
            configuration.host,
            minute(&configuration.since)
        ));
    }
    let tables = [
        workers(&status.workers, width),
        sources(&status.sources, width),
    ];
    for table in tables.into_iter().filter(|table| !table.is_empty()) {
        text.push('\n');
        text.push_str(&table);
    }
    let gone = status.sources.iter().filter(|source| !source.configured);
    let gone: Vec<String> = gone
        .map(|one| {
            let name = &one.source;
            format!("the configuration has no {name} any more; `rollbook cluster forget {name}` removes what the database has of it")
        })
        .collect();
    if !gone.is_empty() {
        text.push('\n');
        text.push_str(&bullets(&gone));
    }
    text
}

fn shown(hash: &str) -> &str {
    hash.get(..HASH_SHOWN).unwrap_or(hash)
}

fn workers(workers: &[ClusterWorker], width: Option<usize>) -> String {
    let mut table = TextTable::new([
        left("worker"),
        left("since (UTC)"),
        left("version").optional(),
        right("sources"),
        right("load"),
        right("giving back"),
        right("room"),
        note(""),
    ]);
    for worker in workers {
        table.row([
            worker.start.clone(),
            minute(&worker.since),
            worker.version.clone(),
            grouped(worker.sources),
            grouped(worker.load),
            number(worker.leaving),
            grouped(worker.room),
            match (&worker.waits, worker.other_configuration) {
                (Some(why), _) => format!("takes no sources: {why}"),
                (None, true) => "has another configuration".to_owned(),
                (None, false) => String::new(),
            },
        ]);
    }
    table.render(width)
}

fn number(value: u64) -> String {
    match value {
        0 => String::new(),
        some => grouped(some),
    }
}

fn sources(sources: &[ClusterSource], width: Option<usize>) -> String {
    let mut table = TextTable::new([
        left("source"),
        left("worker"),
        right("for"),
        right("claims").optional(),
        left("stored (UTC)"),
        right("ago"),
        left("last run"),
        note(""),
    ]);
    for source in sources {
        table.row([
            source.source.to_string(),
            source.worker.clone().unwrap_or_else(|| "NONE".to_owned()),
            length(source.seconds),
            source.epoch.to_string(),
            source.stored.as_deref().map(minute).unwrap_or_default(),
            source.stored_seconds.map(length).unwrap_or_default(),
            last_outcome(&source.summary.jobs),
            waits(source),
        ]);
    }
    table.render(width)
}

/// The outcome of the run that ended last.
fn last_outcome(jobs: &[JobSummary]) -> String {
    let ended = jobs.iter().filter(|job| job.ended.is_some());
    let last = ended.max_by_key(|job| job.ended.as_deref());
    last.and_then(|job| job.outcome.clone()).unwrap_or_default()
}

/// What waits for a person.
fn waits(source: &ClusterSource) -> String {
    let waits = source.summary.jobs.iter().filter_map(|job| {
        let (name, source) = (&job.job, &source.source);
        match job.held {
            Some(run) => Some(format!(
                "run {run} of {name} needs approval: `rollbook approve {run} --in {source}`"
            )),
            None if job.parked => Some(format!(
                "{name} is parked and needs a person: `rollbook status --in {source}`"
            )),
            None => None,
        }
    });
    waits.collect::<Vec<_>>().join("; ")
}

/// Seconds as the largest unit that is full: `17 s`, `5 min`, `3 h`, `12 d`.
fn length(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::table::snapshots;
    use rollbook_core::model::{ClusterSummary, named};
    use rollbook_engine::daemon::cluster_status::ClusterConfigurationStatus;

    fn worker(host: &str, sources: u64) -> ClusterWorker {
        ClusterWorker {
            host: host.to_owned(),
            start: format!("{host}-7c2f90aa"),
            version: "0.9.0".to_owned(),
            since: "2026-11-28T06:00:12.000Z".to_owned(),
            sources,
            load: sources * 3,
            room: 1000,
            ..ClusterWorker::default()
        }
    }

    fn source(name: &str, host: Option<&str>) -> ClusterSource {
        ClusterSource {
            source: named(name),
            configured: true,
            epoch: 3,
            worker: host.map(|host| format!("{host}-7c2f90aa")),
            seconds: 10_000,
            stored: Some("2026-11-28T16:59:02.000Z".to_owned()),
            stored_seconds: Some(58),
            summary: ClusterSummary::default(),
        }
    }

    fn job(name: &str, outcome: &str, held: Option<i64>) -> JobSummary {
        JobSummary {
            job: named(name),
            outcome: Some(outcome.to_owned()),
            ended: Some("2026-11-28T16:59:00.000Z".to_owned()),
            parked: outcome == "failed",
            held,
        }
    }

    fn cluster() -> ClusterStatus {
        let mut sources = vec![
            source("gymnasium_am_stadtpark", Some("worker-b")),
            source("north", Some("worker-a")),
            source("old_school", None),
            source("south", None),
        ];
        sources[0].summary.jobs = vec![job("stadtpark_rosters", "held", Some(812))];
        sources[1].summary.jobs = vec![job("north_rosters", "ok", None)];
        sources[2].configured = false;
        sources[3].summary.jobs = vec![job("south_rosters", "failed", None)];
        ClusterStatus {
            at: "2026-11-28T17:00:00.000Z".to_owned(),
            database: "db1.example, db2.example".to_owned(),
            configuration: ClusterConfigurationStatus {
                hash: "5be0cd19137e2179".to_owned(),
                host: "worker-a".to_owned(),
                since: "2026-11-28T16:30:00.000Z".to_owned(),
            },
            workers: vec![
                worker("worker-a", 67),
                worker("worker-b", 66),
                ClusterWorker {
                    other_configuration: true,
                    room: 0,
                    waits: Some("its configuration is another than the one in force, of worker-a since 2026-11-28 16:30 UTC".to_owned()),
                    ..worker("worker-c", 0)
                },
            ],
            sources,
        }
    }

    #[test]
    fn snapshots_of_a_cluster() {
        snapshots::check("cluster", |width| text(&cluster(), width));
    }

    #[test]
    fn a_source_that_is_alone_for_long_is_a_failure() {
        for (host, seconds, configured, expected) in [
            (None, 40, true, true),
            (None, 41, true, false),
            (None, 41, false, true),
            (Some("worker-a"), 9_000, true, true),
        ] {
            let one = ClusterSource {
                seconds,
                configured,
                ..source("north", host)
            };
            let status = ClusterStatus {
                sources: vec![one],
                ..ClusterStatus::default()
            };
            assert_eq!(
                status.is_well(),
                expected,
                "{host:?} {seconds} {configured}"
            );
        }
    }
}
