//! The status as text: tables, and in sentences what an admin may have to know or do.

use super::{JobView, MirrorView, StatusView};
use crate::cli::daemon_lines::{daemon_lines, job_remarks, job_remarks_without_mirror};
use crate::cli::run_lines;
use crate::cli::strips::{sparkline, strip};
use crate::cli::suggested::suggested;
use crate::cli::table::{TextTable, blocks, bullets, count, group, grouped, left, minute, right};
use crate::cli::ticks::UpcomingTick;
use rollbook_app::app::ParkedJobNeeds;
use rollbook_core::store::queries::RunLine;

/// For a terminal of this width; without one, all columns.
pub(super) fn status_text(view: &StatusView, width: Option<usize>) -> String {
    blocks([
        configuration_lines(view),
        job_table(&view.jobs, width.is_some()).render(width),
        bullets(all_remarks(view)),
        source_table(view).render(width),
        stream_table(view).render(width),
        mirror_line(&view.mirror) + &view.sharing.line(),
    ])
}

fn configuration_lines(view: &StatusView) -> String {
    let mut text = String::new();
    if let Some(problems) = &view.configuration {
        text.push_str(&format!(
            "The configuration on disk has {problems} (`rollbook check` shows all); a running daemon keeps the previous one.\n"
        ));
    }
    text.push_str(&daemon_lines(view.daemon.as_ref()));
    if view.reload_needed {
        text.push_str(
            "The configuration on disk is not the one that the daemon has loaded; `systemctl reload rollbook` loads it.\n",
        );
    }
    text
}

/// The strip is for people: in a pipe it would only be in the way.
fn job_table(jobs: &[JobView], has_strip: bool) -> TextTable<7> {
    let mut table = TextTable::new([
        left("job"),
        right("run"),
        left("started (UTC)"),
        left("outcome"),
        left("next tick"),
        left("in UTC").optional(),
        left("last runs").optional(),
    ]);
    for job in jobs {
        let (run, next) = (job.last_run.as_ref(), job.next_tick.as_ref());
        table.row([
            job.job.to_string(),
            run.map_or(String::new(), |run| run.run.to_string()),
            run.map_or("never".to_owned(), |run| minute(&run.started)),
            run.map_or("", RunLine::state).to_owned(),
            next.map_or(String::new(), UpcomingTick::in_zone),
            next.map_or(String::new(), UpcomingTick::in_utc),
            match has_strip {
                true => strip(&job.last_runs),
                false => String::new(),
            },
        ]);
    }
    table
}

fn stream_table(view: &StatusView) -> TextTable<5> {
    let mut table = TextTable::new([
        group("source"),
        left("stream"),
        right("rows"),
        left("rows in the last 30 days").optional(),
        left("last day"),
    ]);
    for stream in view.streams.iter().flatten() {
        let newest = stream.days.last();
        let rows = newest.and_then(|day| day.rows);
        table.row([
            stream.source.to_string(),
            stream.stream.to_string(),
            rows.map_or(String::new(), grouped),
            sparkline(&stream.days, view.today),
            newest.map_or("", |day| day.outcome.as_str()).to_owned(),
        ]);
    }
    table
}

fn all_remarks(view: &StatusView) -> Vec<String> {
    let mut all = Vec::new();
    if view.mirror.bytes.is_none() {
        all.extend(job_remarks_without_mirror(view.daemon.as_ref()));
    }
    all.extend(view.jobs.iter().flat_map(remarks));
    all.extend(job_remarks(view.daemon.as_ref()));
    all.extend(view.sharing.remarks());
    all.extend(view.gaps.iter().map(ToString::to_string));
    all.extend(view.removals.iter().cloned());
    if view.unfinished_erasure {
        all.push(
            "an erasure is not finished; the next run or start finishes it: rollbook erase --list"
                .to_owned(),
        );
    }
    all
}

fn source_table(view: &StatusView) -> TextTable<5> {
    let unknown = if view.configuration.is_none() {
        "not configured"
    } else {
        ""
    };
    let mut table = TextTable::new([
        left("source"),
        left("connector"),
        right("tables"),
        right("rows"),
        right("old versions"),
    ]);
    for source in &view.sources {
        table.row([
            source.source.to_string(),
            source.connector.as_deref().unwrap_or(unknown).to_owned(),
            grouped(source.tables),
            grouped(source.rows),
            count(source.history_rows),
        ]);
    }
    table
}

fn mirror_line(mirror: &MirrorView) -> String {
    let path = &mirror.path;
    let readers = mirror.log_held_by.iter().map(|reader| {
        let (pid, program) = (reader.pid, &reader.program);
        format!("Its write-ahead log cannot be emptied while {program} (process {pid}) reads it.\n")
    });
    match mirror.bytes {
        Some(bytes) => {
            let readers: String = readers.collect();
            format!("The mirror is {path}, {}.\n{readers}", size(bytes))
        }
        None => format!("There is no mirror at {path} yet; `rollbook sync` creates it.\n"),
    }
}

/// What an admin may have to know or do about a job.
fn remarks(job: &JobView) -> Vec<String> {
    let mut remarks = Vec::new();
    let last = job.last_run.as_ref();
    // For a parked job, its park reason is shown instead.
    if let (Some(message), None) = (last.and_then(|run| run.message.as_ref()), &job.parked) {
        remarks.push(format!("{}: {message}", job.job));
    }
    for rejects in job
        .rejects
        .chunk_by(|one, other| one.stream == other.stream)
    {
        let text = run_lines::of_rejects(rejects).unwrap_or_default();
        let stream = &rejects[0].stream;
        remarks.push(format!("{}: {stream}: could not read {text}", job.job));
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
                "{}: run {run} was held more than a day ago and can no longer be approved; to run again: {command}",
                job.job
            )
        } else {
            format!("{}: {}", job.job, run_lines::to_approve(run))
        });
    }
    let name = &job.job;
    let waits = job.waits.join("; ");
    match job.needs {
        None if waits.is_empty() => {}
        None => remarks.push(format!("{name}: {waits}")),
        Some(ParkedJobNeeds::SignIn | ParkedJobNeeds::Repair) => {
            remarks.push(format!("{name}: {waits}; then it resumes by itself"))
        }
        Some(ParkedJobNeeds::NextTick) => remarks.push(format!(
            "{name}: there was a sign-in to {} since its last run; it resumes at its next tick",
            job.source
        )),
        Some(ParkedJobNeeds::Resume) => remarks.push(format!(
            "{name}: {waits}; when that is fixed: rollbook resume {name}"
        )),
    }
    let next = job.next_tick.as_ref().map(UpcomingTick::in_zone);
    // A pause is also shown if no tick is in it.
    let pause = job.paused.as_ref().map(|pause| &pause.message);
    match (pause.or(job.delayed.as_ref()), next) {
        (None, _) => {}
        (Some(why), Some(next)) => {
            remarks.push(format!("{name}: {why}; the next run is at {next}"))
        }
        (Some(why), None) if pause.is_some() => {
            remarks.push(format!("{name}: {why} with `{}`", suggested("resume")))
        }
        (Some(why), None) => remarks.push(format!("{name}: {why}; the next run is at no tick")),
    }
    if job.loaded == Some(false) {
        remarks.push(format!("{name}: the daemon has not loaded this job"));
    }
    remarks
}

fn size(bytes: u64) -> String {
    const MIB: f64 = 1_048_576.0;
    format!("{:.1} MiB", bytes as f64 / MIB)
}

#[cfg(test)]
mod tests;
