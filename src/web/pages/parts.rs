//! Parts that several pages have: needs, jobs with their strips, tables of runs and days.

use std::time::Duration;

use jiff::civil::Date;
use maud::{Markup, html};

use super::day_lines::{DayLine, day_lines};
use super::facts::{ShownJob, SiteFacts, in_words};
use super::mood::Mood;
use super::needs::AdminNeed;
use super::strip::strip_svg;
use rollbook_core::model::figures::{count, grouped, length, many, minute};
use rollbook_core::model::run_history::{PastRun, SourceDay, StreamDays};

/// What needs an admin, the first thing of a page.
pub(super) fn needs_list(needs: &[AdminNeed], facts: &SiteFacts<'_>) -> Markup {
    html! { ul.needs { @for need in needs {
        li.need {
            p.what {
                (need.what)
                @if let Some(job) = &need.job { " " a href=(facts.links.job(job)) { "Job " (job) } }
            }
            @for line in &need.details { p.detail { (line) } }
            (commands(&need.commands))
        }
    } } }
}

/// Commands as they are typed.
pub(super) fn commands(commands: &[impl AsRef<str>]) -> Markup {
    html! { div.commands { @for command in commands { code.command { (command.as_ref()) } } } }
}

/// A word with a shape in front, so that its colour is never alone.
pub(super) fn badge(word: &str, mood: Mood) -> Markup {
    html! { span class=(format!("badge {}", mood.class())) { (word) } }
}

/// A time of the files: `2026-03-02 06:20 UTC`.
pub(super) fn time(at: &str) -> Markup {
    html! { time datetime=(at) { (minute(at)) " UTC" } }
}

pub(super) fn milliseconds(duration_ms: u64) -> String {
    let duration = Duration::from_millis(duration_ms);
    match duration.as_secs() {
        0..120 => length(duration),
        seconds @ 120..7_200 => format!("{} min", (seconds + 30) / 60),
        seconds => format!("{:.1} h", seconds as f64 / 3_600.0),
    }
}

/// A job in the list of all.
pub(super) fn job_line(job: &ShownJob<'_>, facts: &SiteFacts<'_>) -> Markup {
    let (state, mood) = job.state();
    html! {
        li.job id=(format!("job-{}", job.name)) {
            div.name {
                h3 { @match job.name.job() {
                    Some(name) if facts.links == super::links::Links::Pages => { a href=(facts.links.job(name)) { (name) } }
                    Some(name) => { (name) }
                    None => { "backup" }
                } }
                @if let Some(source) = job.source() { " of " a href=(facts.links.source(source)) { (source) } }
            }
            div.now { (badge(state, mood)) }
            dl {
                @if let Some(runs) = job.runs {
                    div { dt { "last good" } dd { @match &runs.last_good { Some(ended) => { (job.time(ended)) } None => { "never" } } } }
                }
                @if job.status.is_some() { div { dt { "next run" } dd { @match job.next() { Some(at) => { (at) } None => { "none" } } } } }
                @if let Some(why) = delay(job) { div { dt { "delayed" } dd { (why) } } }
            }
            @if !job.past().is_empty() { div.runs { (strip_svg(job.past())) } }
        }
    }
}

/// The pause, or why ticks are skipped.
pub(super) fn delay<'a>(job: &ShownJob<'a>) -> Option<&'a str> {
    let status = job.status?;
    let pause = status.paused.as_ref().map(|pause| pause.message.as_str());
    pause.or(status.delayed.as_deref())
}

pub(super) fn runs_table(runs: &[PastRun], label: &str) -> Markup {
    scroll(
        label,
        &html! { table {
            thead { tr { th scope="col" { "run" } th.word scope="col" { "started (UTC)" } th.word scope="col" { "outcome" } th scope="col" { "took" } } }
            tbody { @for run in runs.iter().rev() { tr {
                td { (run.run) }
                td.word { (minute(&run.started)) }
                td.word {
                    (badge(in_words(run.outcome.as_str()), Mood::of(run.outcome)))
                    @if let Some(stream) = &run.only { " only " (stream) }
                }
                td { (milliseconds(run.duration_ms)) }
            } } }
        } },
    )
}

/// What is wider than a phone scrolls in its own region, which the keyboard reaches.
pub(super) fn scroll(label: &str, content: &Markup) -> Markup {
    html! { div.scroll tabindex="0" role="region" aria-label=(label) { (content) } }
}

/// The days of a stream behind its chart.
pub(super) fn days_table(stream: &StreamDays) -> Markup {
    let label = format!("days of {} {}", stream.source, stream.stream);
    scroll(
        &label,
        &html! { table {
            caption { "Days in UTC, the newest first; a zero is left out. Would be removed, unconfirmed and rejected: the most in one run." }
            thead { tr {
                @for head in ["day", "new", "changed", "removed", "would be removed", "unconfirmed", "rejected", "rows", "runs", "took"] {
                    th scope="col" { (head) }
                }
                th.word scope="col" { "outcome" }
            } }
            tbody { @for line in day_lines(&stream.days) { (day_row(&line)) } }
        } },
    )
}

fn day_row(line: &DayLine) -> Markup {
    let day = &line.day;
    html! { tr {
        th scope="row" { (line.last) @if line.days > 1 { " back to " (line.first) } }
        td { (count(day.new)) } td { (count(day.changed)) } td { (count(day.removed)) }
        td { (count(day.would_be_removed)) } td { (count(day.unconfirmed)) } td { (count(day.rejected)) }
        td { @if let Some(rows) = day.rows { (grouped(rows)) } }
        @if line.days > 1 { td {} td {} } @else { td { (day.runs) } td { (milliseconds(day.duration_ms)) } }
        td.word { (in_words(day.outcome.as_str())) }
    } }
}

/// `24 runs, 120 pages, 45,000 rows received, no failure`.
pub(super) fn source_day(day: &SourceDay) -> String {
    let failures = match day.failed() {
        0 => "no failure".to_owned(),
        failed => {
            let classes = day.failures.iter();
            let classes: Vec<String> = classes
                .map(|(class, number)| format!("{number} {class}"))
                .collect();
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

/// Links to streams, with a word beside each whose last day was not good.
pub(super) fn stream_links(streams: &[&StreamDays], facts: &SiteFacts<'_>) -> Markup {
    html! { ul.links { @for stream in streams {
        @let last = stream.days.last();
        li {
            a href=(facts.links.stream(&stream.source, &stream.stream)) { (stream.stream) }
            @if let Some(rows) = last.and_then(|day| day.rows) { " " span.small { (grouped(rows)) } }
            @if let Some(day) = last && !day.outcome.is_good() { " " (badge(in_words(day.outcome.as_str()), Mood::of(day.outcome))) }
        }
    } } }
}

/// `2 days ago`, for a day.
pub(super) fn days_ago(day: Date, today: Date) -> String {
    match (today - day).get_days() {
        ..=0 => "today".to_owned(),
        1 => "yesterday".to_owned(),
        days => format!("{days} days ago"),
    }
}
