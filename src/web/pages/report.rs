//! The report as one page: no script, nothing from elsewhere, no message. Made of the types of the history file alone, so that it
//! can be served without the mirror.

use std::time::Duration;

use jiff::civil::Date;
use maud::{Markup, html};

use super::chart::chart;
use super::day_lines::{DayLine, day_lines};
use super::overview::{Need, ReportJob};
use super::svg::{chart_svg, strip_svg};
use crate::model::figures::{count, grouped, length, many, minute};
use crate::model::run_history::{
    HistoryDay, JobRuns, RunHistory, SourceDay, StorageUse, StreamDays,
};
use crate::web::html_page::html_page;

const STYLE: &str = include_str!("style.css");

/// What the page shows.
pub struct ReportView<'a> {
    /// What the run records say.
    pub history: &'a RunHistory,
    /// All jobs and the backup.
    pub jobs: &'a [ReportJob],
    /// What needs an admin.
    pub needs: &'a [Need],
    /// When the daemon started; nothing if none runs.
    pub daemon_since: Option<&'a str>,
    /// The day of the report, UTC.
    pub today: Date,
}

/// The whole page.
pub fn page(view: &ReportView<'_>) -> String {
    let history = view.history;
    let title = match view.needs.len() {
        0 => "Rollbook: nothing needs you".to_owned(),
        needs => format!(
            "Rollbook: {}",
            many(needs as u64, "thing needs you", "things need you")
        ),
    };
    let body = html! {
        header {
            h1 { "Rollbook" }
            p.small {
                "Made " (minute(&history.written)) " UTC of " code { (history.mirror) } ". "
                @match view.daemon_since {
                    Some(since) => { "The daemon has been running since " (minute(since)) " UTC." }
                    None => { "The daemon does not run; " code { "rollbook run" } " starts it." }
                }
            }
        }
        main {
            (needs(view.needs))
            h2 { "Jobs" }
            @if view.jobs.is_empty() { p { "There is no job." } }
            div.cards { @for job in view.jobs { (job_card(job)) } }
            (streams(view))
            (storage(&history.storage))
        }
    };
    html_page(&title, STYLE, &body)
}

fn needs(needs: &[Need]) -> Markup {
    html! {
        h2 { "What needs you" }
        @if needs.is_empty() { p.fine { "Nothing needs you." } }
        @for need in needs {
            div.need { (need.what) @for command in &need.commands { code { (command) } } }
        }
    }
}

fn job_card(job: &ReportJob) -> Markup {
    let (state, mood) = job.state();
    html! {
        section.card {
            h3 { span { (job.job) } span class=(format!("state {}", mood.class())) { (state) } }
            dl {
                @if let Some(runs) = &job.runs {
                    dt { "source" } dd { (runs.source) }
                    dt { "last good" } dd {
                        @match &runs.last_good { Some(ended) => { (minute(ended)) " UTC" } None => "never" }
                    }
                }
                dt { "next run" } dd { (job.next.as_deref().unwrap_or("none")) }
                @if let Some(why) = &job.delayed { dt { "delayed" } dd { (why) } }
            }
            @if let Some(runs) = &job.runs { (strip(runs)) }
        }
    }
}

fn strip(job: &JobRuns) -> Markup {
    html! { @if !job.runs.is_empty() {
        (strip_svg(&job.runs))
        details {
            summary { "The last " (many(job.runs.len() as u64, "run", "runs")) " of " (job.job) }
            table {
                thead { tr { th scope="col" { "run" } th.word scope="col" { "started (UTC)" } th.word scope="col" { "outcome" } th scope="col" { "took" } } }
                tbody { @for run in job.runs.iter().rev() {
                    tr {
                        td { (run.run) } td.word { (minute(&run.started)) }
                        td.word { (run.outcome) @if let Some(stream) = &run.only { " (only " (stream) ")" } }
                        td { (length(Duration::from_millis(run.duration_ms))) }
                    }
                } }
            }
        }
    } }
}

fn streams(view: &ReportView<'_>) -> Markup {
    let streams = &view.history.streams;
    html! {
        @for of_source in streams.chunk_by(|one, next| one.source == next.source) {
            @let source = &of_source[0].source;
            @let known = view.history.sources.iter().find(|known| known.source == *source);
            @let day = known.and_then(|known| known.days.last());
            h2 { (source) }
            @if let Some(day) = day { p.small { (source_day(day)) } }
            nav.links aria-label=(format!("streams of {source}")) {
                @for stream in of_source { a href=(format!("#{}", id(stream))) { (stream.stream) } }
            }
            (legend())
            @let (quiet, moving): (Vec<&StreamDays>, Vec<&StreamDays>) = of_source.iter().partition(|stream| is_quiet(stream));
            @for stream in moving { (stream_section(stream, view.today)) }
            @if !quiet.is_empty() {
                details {
                    summary { (many(quiet.len() as u64, "stream", "streams")) " of " (source) " without a change since the first day" }
                    @for stream in quiet { (stream_section(stream, view.today)) }
                }
            }
        }
    }
}

/// Whether a chart shows nothing since its first day.
fn is_quiet(stream: &StreamDays) -> bool {
    let later = stream.days.iter().skip(1);
    stream.days.len() > 1
        && stream.days.iter().all(|day| day.outcome.is_good())
        && later
            .map(|day| day.new + day.changed + day.removed + day.unconfirmed + day.rejected)
            .sum::<u64>()
            == 0
}

fn id(stream: &StreamDays) -> String {
    format!("{}.{}", stream.source, stream.stream)
}

/// `On 2026-03-02: 24 runs, 120 pages, 45,000 rows received, no failure`.
fn source_day(day: &SourceDay) -> String {
    let failures = match day.failed() {
        0 => "no failure".to_owned(),
        failed => {
            let classes = day
                .failures
                .iter()
                .map(|(class, number)| format!("{number} {class}"));
            let classes: Vec<String> = classes.collect();
            let failed = many(failed, "stream was not read", "streams were not read");
            format!("{failed} ({})", classes.join(", "))
        }
    };
    format!(
        "On {}: {}, {}, {} received, {failures}.",
        day.day,
        many(day.runs, "run", "runs"),
        many(day.pages, "page", "pages"),
        many(day.received, "row", "rows"),
    )
}

fn legend() -> Markup {
    let entry = |class: &str, shape: &str, text: &str| {
        html! { li { svg viewBox="0 0 14 12" aria-hidden="true" { path class=(class) d=(shape) {} } " " (text) } }
    };
    let bar = "M2 1h10v10h-10z";
    html! { ul.legend {
        (entry("rows", "M0 9H7V3H14", "rows"))
        (entry("new", bar, "new")) (entry("changed", bar, "changed")) (entry("removed", bar, "removed (below)"))
        (entry("held", bar, "held: would be removed")) (entry("bad", "M2 4h10v5h-10z", "a run was not good"))
        li { "bars: logarithmic, a day each (UTC)" }
    } }
}

fn stream_section(stream: &StreamDays, today: Date) -> Markup {
    let text = stream_text(stream);
    html! {
        section.stream id=(id(stream)) {
            h3 { (id(stream)) }
            p.small { (text) }
            // Wider than a phone; the newest days are visible first.
            div.scroll tabindex="0" role="group" aria-label=(format!("chart of {}", id(stream))) {
                (chart_svg(&chart(&stream.days, today), &text))
            }
            details {
                summary { "The days of " (id(stream)) " as a table" }
                div.scroll tabindex="0" role="group" aria-label=(format!("days of {}", id(stream))) { (days_table(stream)) }
            }
        }
    }
}

fn stream_text(stream: &StreamDays) -> String {
    let Some(newest) = stream.days.last() else {
        return String::new();
    };
    let sum = |of: fn(&HistoryDay) -> u64| -> u64 { stream.days.iter().map(of).sum() };
    let rows = newest
        .rows
        .map_or("Number of rows not recorded".to_owned(), |rows| {
            many(rows, "row", "rows")
        });
    let held = stream
        .days
        .iter()
        .filter(|day| day.would_be_removed > 0)
        .count();
    let held = match held {
        0 => String::new(),
        days => format!("; held on {}", many(days as u64, "day", "days")),
    };
    format!(
        "{rows}. In {} with runs since {}: {} new, {} changed, {} removed{held}. The worst run on {}: {}.",
        many(stream.days.len() as u64, "day", "days"),
        stream.days[0].day,
        grouped(sum(|day| day.new)),
        grouped(sum(|day| day.changed)),
        grouped(sum(|day| day.removed)),
        newest.day,
        newest.outcome,
    )
}

fn days_table(stream: &StreamDays) -> Markup {
    html! { table {
        caption { "Days in UTC; a number that is zero is left out. Unconfirmed, held and rejected: the most in one run." }
        thead { tr { @for head in ["day", "new", "changed", "removed", "would be removed", "unconfirmed", "rejected", "rows", "runs", "took"] {
            th scope="col" { (head) }
        } th.word scope="col" { "outcome" } } }
        tbody { @for line in day_lines(&stream.days) { (day_row(&line)) } }
    } }
}

fn day_row(line: &DayLine) -> Markup {
    let day = &line.day;
    html! { tr {
        td { (line.last) @if line.days > 1 { " back to " (line.first) } }
        td { (count(day.new)) } td { (count(day.changed)) } td { (count(day.removed)) }
        td { (count(day.would_be_removed)) } td { (count(day.unconfirmed)) } td { (count(day.rejected)) }
        td { @if let Some(rows) = day.rows { (grouped(rows)) } }
        @if line.days > 1 { td {} td {} } @else { td { (day.runs) } td { (length(Duration::from_millis(day.duration_ms))) } }
        td.word { (day.outcome) }
    } }
}

fn storage(storage: &StorageUse) -> Markup {
    let size = |bytes: Option<u64>| bytes.map_or("none".to_owned(), size);
    html! {
        h2 { "Storage" }
        dl {
            dt { "mirror" } dd { (size(storage.mirror_bytes)) }
            dt { "write-ahead log" } dd { (size(storage.log_bytes)) }
            dt { "vault" } dd { (size(storage.vault_bytes)) }
            dt { "free on the disk" } dd { (size(storage.free_bytes)) }
            dt { "backups" } dd {
                (grouped(storage.backups))
                @if let Some(newest) = &storage.newest_backup {
                    "; the newest of " (minute(&newest.made)) " UTC has " (size(Some(newest.bytes)))
                }
            }
        }
    }
}

fn size(bytes: u64) -> String {
    const MIB: f64 = 1_048_576.0;
    match bytes as f64 / MIB {
        mib if mib >= 1024.0 => format!("{:.1} GiB", mib / 1024.0),
        mib => format!("{mib:.1} MiB"),
    }
}

#[cfg(test)]
mod tests;
