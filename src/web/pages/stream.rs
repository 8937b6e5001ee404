//! A stream: its chart with a sentence, what was rejected and why, and the table behind the chart.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::chart::chart;
use super::chart_svg::{chart_svg, legend};
use super::facts::{ShownJob, SiteFacts, in_words};
use super::mood::Mood;
use super::needs::{AdminNeed, job_needs};
use super::parts::{badge, days_ago, days_table, milliseconds, needs_list};
use rollbook_core::model::figures::{grouped, many};
use rollbook_core::model::run_history::{HistoryDay, StreamDays};

/// Days behind the numbers beside a chart: a month.
const RECENT: i32 = 30;

/// What the page shows.
pub(super) fn stream_page(stream: &StreamDays, facts: &SiteFacts<'_>) -> Markup {
    let last = stream.days.last();
    let held = held(stream, facts);
    html! {
        section id="chart" {
            h1 {
                (stream.source) " " (stream.stream) " "
                @if let Some(day) = last { (badge(in_words(day.outcome.as_str()), Mood::of(day.outcome))) }
            }
            p { (stream_text(stream)) }
            (chart_svg(&chart(&stream.days, facts.today()), &stream_text(stream), true))
            (legend())
        }
        @if !held.is_empty() { section id="held" { h2 { "Held" } (needs_list(&held, facts)) } }
        section id="facts" { h2 { "The last " (RECENT) " days" } (recent(stream, facts)) }
        section id="days" {
            h2 { "Days" }
            details.printed { summary { "The chart as a table" } (days_table(stream)) }
        }
    }
}

/// What its jobs need, if the held run of one is about it.
fn held(stream: &StreamDays, facts: &SiteFacts<'_>) -> Vec<AdminNeed> {
    let is_about = |job: &ShownJob<'_>| {
        let held = job.status.iter().flat_map(|status| &status.held_streams);
        job.source() == Some(&stream.source)
            && held.into_iter().any(|held| held.stream == stream.stream)
    };
    let jobs = facts.jobs().into_iter().filter(is_about);
    jobs.flat_map(|job| job_needs(&job, facts.now)).collect()
}

/// The chart's sentence: `866 rows. On 212 days since 2025-09-01: 912 new, …`.
pub(super) fn stream_text(stream: &StreamDays) -> String {
    let Some(newest) = stream.days.last() else {
        return String::new();
    };
    let sum = |of: fn(&HistoryDay) -> u64| -> u64 { stream.days.iter().map(of).sum() };
    let rows = newest
        .rows
        .map_or("Number of rows not recorded".to_owned(), |rows| {
            many(rows, "row", "rows")
        });
    let days = |is: fn(&HistoryDay) -> bool, word: &str| match stream
        .days
        .iter()
        .filter(|day| is(day))
        .count()
    {
        0 => String::new(),
        number => format!("; {word} on {}", many(number as u64, "day", "days")),
    };
    format!(
        "{rows}. On {} with runs since {}: {} new, {} changed, {} removed{}{}{}.",
        many(stream.days.len() as u64, "day", "days"),
        stream.days[0].day,
        grouped(sum(|day| day.new)),
        grouped(sum(|day| day.changed)),
        grouped(sum(|day| day.removed)),
        days(|day| day.would_be_removed > 0, "held"),
        days(
            |day| !day.outcome.is_good() && day.would_be_removed == 0,
            "not read"
        ),
        days(|day| day.rejected > 0, "with rejects"),
    )
}

fn recent(stream: &StreamDays, facts: &SiteFacts<'_>) -> Markup {
    let today = facts.today();
    let is_recent = |day: &&HistoryDay| (today - day.day).get_days() < RECENT;
    let days: Vec<&HistoryDay> = stream.days.iter().filter(is_recent).collect();
    let runs: u64 = days.iter().map(|day| u64::from(day.runs)).sum();
    let took: u64 = days.iter().map(|day| day.duration_ms).sum();
    let longest = days
        .iter()
        .map(|day| day.duration_ms / u64::from(day.runs.max(1)))
        .max();
    let reasons = reasons(&days);
    let last = stream.days.last();
    html! { dl.facts {
        @if let Some(day) = last { dt { "last read" } dd { (day.day) ", " (days_ago(day.day, today)) } }
        dt { "runs" } dd { (grouped(runs)) }
        @if let Some(average) = took.checked_div(runs) && let Some(longest) = longest {
            dt { "duration" } dd { (milliseconds(average)) " a run; on the slowest day " (milliseconds(longest)) }
        }
        @if let Some(day) = last.filter(|day| day.unconfirmed > 0) {
            dt { "unconfirmed" } dd { (many(day.unconfirmed, "removal needs", "removals need")) " another complete reading" }
        }
        @if let Some(day) = last.filter(|day| day.would_be_removed > 0) {
            dt { "held" } dd { (grouped(day.would_be_removed)) @if let Some(rows) = day.rows { " of " (grouped(rows)) } " rows would be removed" }
        }
        dt { "rejects" } dd {
            @if reasons.is_empty() {
                @match days.iter().map(|day| day.rejected).max() { None | Some(0) => "none", Some(most) => { "at most " (grouped(most)) " in one run" } }
            } @else { ul { @for (reason, most) in &reasons { li { (reason) ": " (grouped(*most)) } } } }
        }
    } }
}

/// By reason the most in one run.
fn reasons<'a>(days: &[&'a HistoryDay]) -> BTreeMap<&'a str, u64> {
    let mut reasons = BTreeMap::new();
    for (reason, number) in days.iter().flat_map(|day| &day.rejected_by) {
        let most = reasons.entry(reason.as_str()).or_insert(0);
        *most = (*most).max(*number);
    }
    reasons
}
