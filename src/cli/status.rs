//! `rollbook status`: how each job fares, what waits for an admin, how large the mirror is.
//!
//! Reads only, also while the daemon runs. Its exit code is 0 whatever it shows.

use std::path::Path;

use comfy_table::Cell;
use jiff::Timestamp;
use serde::Serialize;

use super::daemon_lines::{daemon_of, of_daemon, of_jobs, of_unread_jobs};
use super::exit::Exit;
use super::reading::{Reading, errors};
use super::ticks::{Tick, ticks};
use super::words::moment;
use super::{lines, out, table};
use crate::app::{Places, Setup, Waiting, is_too_old, waiting, waits_for};
use crate::clock::Clock;
use crate::daemon::status::Status;
use crate::model::{Outcome, ParkReason, scalar};
use crate::store::look::{self, Gap, Reader, RejectLine, RunLine};
use crate::store::runs::{self, JobState};
use crate::store::vault::{KeptLine, kept};

/// Options of `status`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Shows the status.
pub fn run(places: &Places, options: &Options) -> Result<(), Exit> {
    let reading = Reading::open_quietly(places)?.up_to_date()?;
    if reading.mirror_if_made().is_none() {
        reading.setup()?;
    }
    let view = view(&reading, Clock::system().now())?;
    if options.json {
        out::json(&view);
    } else {
        out::text(text(&view));
    }
    Ok(())
}

#[derive(Debug, Serialize)]
struct View {
    mirror: Mirror,
    /// What the daemon that writes it says of itself, as in its status file; nothing when none runs.
    daemon: Option<Status>,
    /// What is wrong with the files on disk; nothing when they are right.
    configuration: Option<String>,
    jobs: Vec<Job>,
    sources: Vec<Source>,
    /// Codes without a label, without a line in a crosswalk, or with a line that leads nowhere.
    gaps: Vec<Gap>,
}

#[derive(Debug, Serialize)]
struct Mirror {
    path: String,
    /// Nothing while there is none.
    bytes: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Job {
    job: String,
    source: String,
    last_run: Option<RunLine>,
    failures_in_a_row: u32,
    incomplete_in_a_row: u32,
    /// What the last run could not read.
    rejects: Vec<RejectLine>,
    /// Why it waits for a person, as a word and in words.
    park_reason: Option<ParkReason>,
    parked: Option<String>,
    deferred_until: Option<String>,
    held: Option<Held>,
    next_tick: Option<Tick>,
    #[serde(skip)]
    waits: Vec<String>,
    #[serde(skip)]
    waiting: Option<Waiting>,
}

#[derive(Debug, Serialize)]
struct Held {
    run: i64,
    sentence: Option<String>,
    /// The command that accepts it, or that reads again where it is too old to be accepted.
    command: String,
    too_old: bool,
}

#[derive(Debug, Serialize)]
struct Source {
    source: String,
    vendor: Option<String>,
    tables: u64,
    rows: u64,
    history_rows: u64,
}

fn view(reading: &Reading, now: Timestamp) -> Result<View, Exit> {
    let mirror = reading.mirror_if_made();
    let setup = reading.setup.as_ref().ok();
    let daemon = daemon_of(&reading.path);
    let mut names: Vec<(String, String)> = match (setup, mirror) {
        (Some(setup), _) => setup
            .jobs
            .iter()
            .map(|(name, job)| (name.to_string(), job.source.to_string()))
            .collect(),
        (None, Some(mirror)) => look::jobs(mirror)?,
        (None, None) => Vec::new(),
    };
    names.sort();
    // A vault that cannot be read is for `rollbook tokens` to tell.
    let folder = reading.path.parent();
    let kept = folder.map_or(Ok(Vec::new()), kept).unwrap_or_default();
    let mut jobs = names
        .into_iter()
        .map(|(name, source)| job(mirror, setup, name, source, &kept, now))
        .collect::<Result<Vec<_>, Exit>>()?;
    plan_as_the_daemon(&mut jobs, daemon.as_ref());
    Ok(View {
        mirror: Mirror {
            path: reading.path.display().to_string(),
            bytes: bytes(&reading.path),
        },
        daemon,
        configuration: reading.setup.as_ref().err().map(errors),
        jobs,
        sources: sources(mirror, setup)?,
        gaps: mirror.map_or(Ok(Vec::new()), look::gaps)?,
    })
}

/// Where the files on disk say nothing because they are broken, the daemon's own plan counts.
fn plan_as_the_daemon(jobs: &mut [Job], daemon: Option<&Status>) {
    let planned = daemon
        .map(|daemon| daemon.jobs.as_slice())
        .unwrap_or_default();
    for job in jobs.iter_mut().filter(|job| job.next_tick.is_none()) {
        let known = planned.iter().find(|known| known.job == job.job);
        job.next_tick = known.and_then(Tick::planned);
    }
}

/// The file and its write-ahead log, which holds what the last runs wrote.
fn bytes(mirror: &Path) -> Option<u64> {
    let length = |path: &Path| std::fs::metadata(path).ok().map(|file| file.len());
    let mut log = mirror.as_os_str().to_owned();
    log.push("-wal");
    Some(length(mirror)? + length(Path::new(&log)).unwrap_or(0))
}

/// When a source last got tokens that are kept.
fn obtained<'a>(kept: &'a [KeptLine], source: &str) -> Option<&'a str> {
    let line = kept.iter().find(|line| line.source == source);
    line?.obtained.as_deref()
}

fn job(
    mirror: Option<&Reader>,
    setup: Option<&Setup>,
    name: String,
    source: String,
    kept: &[KeptLine],
    now: Timestamp,
) -> Result<Job, Exit> {
    let (last_run, state, held) = match mirror {
        Some(mirror) => (
            look::runs(mirror, Some(&name), 1)?.pop(),
            runs::job_state(mirror, &name)?,
            look::held(mirror, &name)?,
        ),
        None => (None, JobState::default(), None),
    };
    let rejects = match (mirror, &last_run) {
        (Some(mirror), Some(run)) => look::rejects(mirror, run.run)?,
        _ => Vec::new(),
    };
    let after = state.deferred_until;
    let after = after.unwrap_or(now).max(now);
    let next_tick = setup
        .and_then(|setup| setup.job(&name))
        .and_then(|job| ticks(&job.config, after, 1).pop());
    let tried = last_run.as_ref().and_then(|run| run.ended.as_deref());
    Ok(Job {
        failures_in_a_row: state.failures,
        incomplete_in_a_row: state.incomplete_runs,
        rejects,
        waits: waits_for(&state),
        waiting: waiting(&state, tried, obtained(kept, &source)),
        park_reason: state.parked.as_ref().map(|parked| parked.reason),
        parked: state.parked.map(|parked| parked.message),
        deferred_until: state.deferred_until.map(scalar::written),
        held: held.map(|run| held_line(&name, run, now)),
        next_tick,
        job: name,
        last_run,
        source,
    })
}

fn held_line(job: &str, run: RunLine, now: Timestamp) -> Held {
    let too_old = is_too_old(&run, now);
    Held {
        run: run.run,
        command: if too_old {
            format!("rollbook sync {job}")
        } else {
            format!("rollbook approve {}", run.run)
        },
        sentence: run.sentence,
        too_old,
    }
}

fn sources(mirror: Option<&Reader>, setup: Option<&Setup>) -> Result<Vec<Source>, Exit> {
    let mirrored = mirror.map_or(Ok(Vec::new()), look::mirrored)?;
    let configured = setup.iter().flat_map(|setup| &setup.sources);
    let mut sources: Vec<Source> = configured
        .map(|(name, source)| Source {
            source: name.to_string(),
            vendor: Some(source.config.vendor.to_string()),
            tables: 0,
            rows: 0,
            history_rows: 0,
        })
        .collect();
    for (name, stream) in mirrored {
        let sizes = mirror.map_or(Ok(None), |mirror| look::sizes(mirror, &name, &stream))?;
        let Some((rows, history_rows)) = sizes else {
            continue;
        };
        let place = sources.iter().position(|source| source.source == name);
        let place = place.unwrap_or_else(|| {
            sources.push(Source {
                source: name.clone(),
                vendor: None,
                tables: 0,
                rows: 0,
                history_rows: 0,
            });
            sources.len() - 1
        });
        let source = &mut sources[place];
        source.tables += 1;
        source.rows += rows;
        source.history_rows += history_rows;
    }
    Ok(sources)
}

fn text(view: &View) -> String {
    let mut text = String::new();
    if let Some(problems) = &view.configuration {
        text.push_str(&format!(
            "The configuration on disk has {problems} (`rollbook check` shows all); a running daemon goes on with the one before.\n"
        ));
    }
    text.push_str(&of_daemon(view.daemon.as_ref()));
    text.push_str(&format!("{}\n", job_table(&view.jobs)));
    if view.mirror.bytes.is_none() {
        for remark in of_unread_jobs(view.daemon.as_ref()) {
            text.push_str(&format!("• {remark}\n"));
        }
    }
    let of_jobs = of_jobs(view.daemon.as_ref());
    for remark in view.jobs.iter().flat_map(remarks).chain(of_jobs) {
        text.push_str(&format!("• {remark}\n"));
    }
    for gap in &view.gaps {
        text.push_str(&format!("• {gap}\n"));
    }
    let unknown = if view.configuration.is_none() {
        "not configured"
    } else {
        ""
    };
    let mut table = table::table(&["source", "vendor", "tables", "rows", "old versions"]);
    for source in &view.sources {
        table.add_row([
            Cell::new(&source.source),
            Cell::new(source.vendor.as_deref().unwrap_or(unknown)),
            table::figure(source.tables),
            table::figure(source.rows),
            table::count(source.history_rows),
        ]);
    }
    text.push_str(&format!("{table}\n"));
    let path = &view.mirror.path;
    text.push_str(&match view.mirror.bytes {
        Some(bytes) => format!("The mirror is {path}, {}.\n", size(bytes)),
        None => {
            format!("There is no mirror at {path} yet; `rollbook sync` makes it.\n")
        }
    });
    text
}

fn job_table(jobs: &[Job]) -> comfy_table::Table {
    let mut table = table::table(&["job", "run", "started (UTC)", "outcome", "next tick"]);
    for job in jobs {
        let next = job.next_tick.as_ref().map_or(String::new(), |tick| {
            format!("{} = {}", tick.in_zone(), tick.in_utc())
        });
        let run = job.last_run.as_ref();
        table.add_row([
            Cell::new(&job.job),
            table::right(run.map_or(String::new(), |run| run.run.to_string())),
            Cell::new(run.map_or("never".to_owned(), |run| moment(&run.started))),
            Cell::new(run.map_or("", |run| {
                run.outcome.map_or("no end recorded", Outcome::as_str)
            })),
            Cell::new(next),
        ]);
    }
    table
}

/// What an admin may want to know or do about a job.
fn remarks(job: &Job) -> Vec<String> {
    let mut remarks = Vec::new();
    let last = job.last_run.as_ref();
    // What parked the job is said with that.
    if let (Some(sentence), None) = (last.and_then(|run| run.sentence.as_ref()), &job.parked) {
        remarks.push(format!("{}: {sentence}", job.job));
    }
    for rejects in job
        .rejects
        .chunk_by(|one, other| one.stream == other.stream)
    {
        let told = lines::of_rejects(rejects).unwrap_or_default();
        let stream = &rejects[0].stream;
        remarks.push(format!("{}: {stream}: could not read {told}", job.job));
    }
    if job.incomplete_in_a_row > 1 {
        remarks.push(format!(
            "{}: {} runs in a row were incomplete",
            job.job, job.incomplete_in_a_row
        ));
    }
    if let Some(held) = &job.held {
        let (run, command) = (held.run, &held.command);
        remarks.push(if held.too_old {
            format!(
                "{}: run {run} was held more than a day ago and can no longer be approved; to read again: {command}",
                job.job
            )
        } else {
            format!("{}: to accept what run {run} held back: {command}", job.job)
        });
    }
    let name = &job.job;
    let waits = job.waits.join("; ");
    match job.waiting {
        None if waits.is_empty() => {}
        None => remarks.push(format!("{name}: {waits}")),
        Some(Waiting::SignIn | Waiting::Repair) => {
            remarks.push(format!("{name}: {waits}; after that it goes on by itself"))
        }
        Some(Waiting::Tick) => remarks.push(format!(
            "{name}: somebody has signed in to {} since its last try; it goes on at its next tick",
            job.source
        )),
        Some(Waiting::Resume) => remarks.push(format!(
            "{name}: {waits}; when that is put right: rollbook resume {name}"
        )),
    }
    remarks
}

fn size(bytes: u64) -> String {
    const MIB: f64 = 1_048_576.0;
    format!("{:.1} MiB", bytes as f64 / MIB)
}

#[cfg(test)]
mod tests;
