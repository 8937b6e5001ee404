//! The page of a source: its last days, requests, latency, quota and token, its jobs and streams.

use maud::{Markup, html};

use super::facts::SiteFacts;
use super::overview::no_history;
use super::parts::{job_line, milliseconds, scroll, stream_links, time};
use rollbook_core::model::SourceName;
use rollbook_core::model::figures::{count, grouped};
use rollbook_core::model::run_history::{Histogram, SourceDay, SourceHistory, SourceTotals};

/// What the page shows; nothing for a source that is not known.
pub(super) fn source_page(source: &SourceName, facts: &SiteFacts<'_>) -> Option<Markup> {
    facts.sources().into_iter().find(|known| *known == source)?;
    let known = facts.source_history(source);
    let totals = facts.history.and_then(|history| history.totals.as_ref());
    let of_source = totals.and_then(|totals| {
        totals
            .sources
            .iter()
            .find(|totals| totals.source == *source)
    });
    let jobs: Vec<_> = facts
        .jobs()
        .into_iter()
        .filter(|job| job.source() == Some(source))
        .collect();
    let streams: Vec<_> = facts
        .streams()
        .iter()
        .filter(|stream| stream.source == *source)
        .collect();
    Some(html! {
        section id="state" {
            h1 { "Source " (source) }
            @if facts.history.is_none() { p { (no_history()) } }
            (facts_list(known, of_source))
            @if let Some(totals) = totals && of_source.is_some() {
                p.small { "Requests and latency since the daemon's start, " (time(&totals.since)) "." }
            }
        }
        section id="jobs" {
            h2 { "Jobs" }
            @if jobs.is_empty() { p { "No job reads it." } }
            ul.jobs { @for job in &jobs { (job_line(job, facts)) } }
        }
        section id="streams" {
            h2 { "Streams" }
            @if streams.is_empty() { p { "No stream was read yet." } }
            (stream_links(&streams, facts))
        }
        @if let Some(known) = known && !known.days.is_empty() {
            section id="days" { h2 { "Days" } (source_days(&known.days, source)) }
        }
    })
}

fn facts_list(known: Option<&SourceHistory>, totals: Option<&SourceTotals>) -> Markup {
    let quota = known.and_then(|known| known.quota.as_ref());
    let token = known.and_then(|known| known.token.as_ref());
    html! { dl.facts {
        @if let Some(totals) = totals {
            dt { "requests" } dd { (by_class(totals.requests.iter())) }
            @if !totals.token_requests.is_empty() { dt { "token requests" } dd { (by_class(totals.token_requests.iter())) } }
            @if let Some(latency) = latency(&totals.latency) { dt { "latency" } dd { (latency) } }
        }
        @if let Some(quota) = quota {
            dt { "quota" } dd { (grouped(quota.used)) " of " (grouped(quota.limit)) " requests, until " (time(&quota.resets_at)) }
        }
        @if let Some(token) = token {
            dt { "token" } dd {
                @match (&token.expires_at, token.sign_in_needed) {
                    (_, true) => "a person must sign in",
                    (Some(at), false) => { "expires " (time(at)) "; renewed when a run needs it" }
                    (None, false) => "without an expiry",
                }
            }
        }
    } }
}

/// `1,204 ok, 3 transient`.
fn by_class<'a>(numbers: impl Iterator<Item = (&'a String, &'a u64)>) -> String {
    let (mut ok, mut failed) = (String::new(), Vec::new());
    for (class, number) in numbers {
        match class.as_str() {
            "ok" => ok = format!("{} ok", grouped(*number)),
            class => failed.push(format!("{} {class}", grouped(*number))),
        }
    }
    if ok.is_empty() {
        ok = "0 ok".to_owned();
    }
    [vec![ok], failed].concat().join(", ")
}

/// `half within 250 ms, 95 % within 2.5 s, 180 ms on average`.
fn latency(latency: &Histogram) -> Option<String> {
    let average = latency.sum_ms.checked_div(latency.count)?;
    let within = |percent: u64| {
        let mut buckets = latency.buckets.iter();
        let found = buckets.find(|bucket| bucket.count * 100 >= latency.count * percent);
        found.map_or("longer than the limit".to_owned(), |bucket| {
            format!("within {}", milliseconds(bucket.up_to_ms))
        })
    };
    Some(format!(
        "half {}, 95 % {}, {} on average",
        within(50),
        within(95),
        milliseconds(average)
    ))
}

fn source_days(days: &[SourceDay], source: &SourceName) -> Markup {
    scroll(
        &format!("days of {source}"),
        &html! { table {
            caption { "Days with a run, in UTC, the newest first. Not read: streams, by class of the failure." }
            thead { tr {
                @for head in ["day", "runs", "pages", "rows received"] { th scope="col" { (head) } }
                th.word scope="col" { "not read" }
            } }
            tbody { @for day in days.iter().rev() { tr {
                th scope="row" { (day.day) }
                td { (count(day.runs)) } td { (count(day.pages)) } td { (count(day.received)) }
                td.word { (classes(day)) }
            } } }
        } },
    )
}

fn classes(day: &SourceDay) -> String {
    let classes = day.failures.iter();
    let classes = classes.map(|(class, number)| match class.as_str() {
        "refused" => format!("{number} held"),
        class => format!("{number} {class}"),
    });
    classes.collect::<Vec<_>>().join(", ")
}
