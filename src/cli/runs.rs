//! `rollbook runs`: lists past runs; `runs show`: one run's streams and rejects.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::exit::Exit;
use super::held_rows::{self, HeldRowsOptions};
use super::mirror_access::MirrorAccess;
use super::table::{
    TextTable, blocks, bullets, count, group, grouped, indented, left, length, many, right,
};
use super::{out, run_lines};
use rollbook_core::document::suggest::advice;
use rollbook_core::model::scalar::display_time;
use rollbook_core::model::{JobName, Outcome, scalar};
use rollbook_core::store::queries::{self, Reader, RejectLine, RunLine};
use rollbook_core::store::runs::StreamRecord;
use rollbook_engine::setup::Folders;

/// Options of `runs`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct RunsOptions {
    /// Only runs of this job
    job: Option<JobName>,
    /// Number of runs to list, newest first
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Option<RunsCommand>,
}

#[derive(Debug, clap::Subcommand)]
enum RunsCommand {
    /// Show one run: its streams, and its rejects by column and reason
    Show {
        /// The number of the run
        run: i64,
        #[command(flatten)]
        rows: HeldRowsOptions,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Lists runs, or shows one.
pub fn run(folders: &Folders, options: &RunsOptions) -> Result<(), Exit> {
    let access = MirrorAccess::open(folders)?.up_to_date()?;
    let mirror = access.mirror()?;
    match options.command {
        Some(RunsCommand::Show { run, rows, json }) if rows.rows => {
            if queries::held_streams(mirror, run)?.is_empty() {
                return Err(Exit::failed(format!(
                    "no rows are kept of run {run}: it was not held, it was decided, or it is older than a week"
                )));
            }
            return held_rows::print(mirror, access.setup.as_ref().ok(), run, &rows, json);
        }
        Some(RunsCommand::Show { run, json, .. }) => return show(mirror, run, json),
        None => {}
    }
    let runs = queries::runs(mirror, options.job.as_ref(), options.limit)?;
    if let (true, Some(job)) = (runs.is_empty(), &options.job) {
        known_job(&access, mirror, job)?;
    }
    if options.json {
        out::json(&runs);
    } else {
        let rejects = |run: &RunLine| match run.outcome {
            Some(Outcome::OkWithRejects) => queries::rejects(mirror, run.run),
            _ => Ok(Vec::new()),
        };
        let rejects: Vec<Vec<RejectLine>> = runs.iter().map(rejects).collect::<Result<_, _>>()?;
        out::text(list(&runs, &rejects, out::width()));
    }
    Ok(())
}

/// Refuses a job that neither ran nor is configured.
fn known_job(access: &MirrorAccess, mirror: &Reader, job: &JobName) -> Result<(), Exit> {
    let ran = queries::jobs(mirror)?.into_iter().map(|(job, _)| job);
    let configured = access.setup.iter().flat_map(|setup| setup.jobs.keys());
    let known: BTreeSet<JobName> = ran.chain(configured.cloned()).collect();
    if known.contains(job) {
        return Ok(());
    }
    let help = advice(job.as_str(), known.iter().map(JobName::as_str));
    Err(Exit::usage(format!("there is no job `{job}`; {help}")))
}

/// `rejects` has the rejects of each run.
fn list(runs: &[RunLine], rejects: &[Vec<RejectLine>], width: Option<usize>) -> String {
    if runs.is_empty() {
        return "No runs yet.".to_owned();
    }
    let mut remarks = Vec::new();
    for (run, rejects) in runs.iter().zip(rejects) {
        let number = run.run;
        let message = run.message.as_ref();
        remarks.extend(message.map(|message| format!("run {number}: {message}")));
        for rejects in rejects.chunk_by(|one, other| one.stream == other.stream) {
            let text = run_lines::of_rejects(rejects).unwrap_or_default();
            let stream = &rejects[0].stream;
            remarks.push(format!("run {number}: {stream}: could not read {text}"));
        }
    }
    blocks([run_table(runs).render(width), bullets(remarks)])
}

fn run_table(runs: &[RunLine]) -> TextTable<10> {
    let mut table = TextTable::new([
        group("day"),
        right("run"),
        left("job"),
        left("by").optional(),
        left("at (UTC)"),
        right("time").optional(),
        right("new"),
        right("changed"),
        right("removed"),
        left("outcome"),
    ]);
    for run in runs {
        let started = display_time(&run.started);
        let (day, time) = started.split_once(' ').unwrap_or(("", &started));
        table.row([
            day.to_owned(),
            grouped(run.run as u64),
            run.what(),
            run.cause.to_string(),
            time.to_owned(),
            took(run),
            count(run.new as u64),
            count(run.changed as u64),
            count(run.removed as u64),
            run.state().to_owned(),
        ]);
    }
    table
}

fn took(run: &RunLine) -> String {
    let ended = run.ended.as_deref().and_then(scalar::parse);
    match (scalar::parse(&run.started), ended) {
        (Some(started), Some(ended)) => {
            let took = ended.duration_since(started).max(SignedDuration::ZERO);
            length(took.unsigned_abs())
        }
        _ => String::new(),
    }
}

/// Shows one run.
pub fn show(mirror: &Reader, number: i64, json: bool) -> Result<(), Exit> {
    let Some(run) = queries::run(mirror, number)? else {
        let newest = queries::runs(mirror, None, 1)?;
        let known = newest
            .first()
            .map_or("there are no runs yet".to_owned(), |newest| {
                format!("the newest is {}", newest.run)
            });
        return Err(Exit::usage(format!("there is no run {number}; {known}")));
    };
    let streams = queries::run_streams(mirror, number)?;
    let rejects = queries::rejects(mirror, number)?;
    let held = queries::held(mirror, &run.job)?.is_some_and(|held| held.run == number);
    if json {
        out::json(&detail(&run, &streams, &rejects, held));
    } else {
        out::text(detail_text(&run, &streams, &rejects, held, out::width()));
    }
    Ok(())
}

/// Shows a run that was followed; the error has no text and stands for its outcome.
pub fn show_result(mirror: &Reader, run: i64, json: bool) -> Result<(), Exit> {
    show(mirror, run, json)?;
    match queries::run(mirror, run)?.and_then(|line| line.outcome) {
        Some(outcome) if outcome.is_good() => Ok(()),
        _ => Err(Exit::unsuccessful()),
    }
}

fn detail(run: &RunLine, streams: &[StreamRecord], rejects: &[RejectLine], held: bool) -> Value {
    let streams: Vec<Value> = streams.iter().map(run_lines::stream_json).collect();
    json!({ "run": run, "streams": streams, "rejects": rejects, "needs_approval": held })
}

fn detail_text(
    run: &RunLine,
    streams: &[StreamRecord],
    rejects: &[RejectLine],
    held: bool,
    width: Option<usize>,
) -> String {
    let head = format!(
        "Run {} of {} ({}), by {}, started {} UTC: {}\n",
        run.run,
        run.what(),
        run.source,
        run.cause,
        display_time(&run.started),
        run.state(),
    );
    let mut remarks: Vec<String> = streams
        .iter()
        .flat_map(|record| run_lines::of_stream(&run.source, record))
        .collect();
    if streams.is_empty() {
        remarks.extend(run.message.clone());
    }
    if held {
        remarks.push(run_lines::to_approve(run.run));
    }
    blocks([
        head,
        run_lines::of_streams(streams, width),
        bullets(remarks),
        reject_lines(rejects),
    ])
}

fn reject_lines(rejects: &[RejectLine]) -> String {
    if rejects.is_empty() {
        return String::new();
    }
    let rows = rejects.iter().map(|reject| {
        [
            reject.stream.to_string(),
            many(reject.rows as u64, "row", "rows"),
            reject.path.clone(),
            reject.reason.clone(),
        ]
    });
    format!("Rejects:\n{}", indented(2, rows))
}

#[cfg(test)]
mod tests;
