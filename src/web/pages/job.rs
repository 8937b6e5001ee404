//! The page of a job: what it needs, when it runs, its last runs and its streams.

use maud::{Markup, html};

use super::facts::{ShownJob, SiteFacts};
use super::needs::job_needs;
use super::overview::no_history;
use super::parts::{badge, delay, needs_list, runs_table, stream_links};
use super::strip::{strip_svg, strip_text};
use rollbook_core::model::figures::grouped;
use rollbook_core::model::run_history::STRIP_RUNS;

/// What the page shows.
pub(super) fn job_page(job: &ShownJob<'_>, facts: &SiteFacts<'_>) -> Markup {
    let (state, mood) = job.state();
    let mut needs = job_needs(job, facts.now);
    // Its link would be to this page.
    needs.iter_mut().for_each(|need| need.job = None);
    html! {
        section id="state" {
            h1 { "Job " (job.name) " " (badge(state, mood)) }
            @if facts.daemon.is_none() { p.note { "The daemon does not run; this is what its last runs say." } }
            @if !needs.is_empty() { (needs_list(&needs, facts)) }
            (state_list(job, facts))
        }
        @if let Some(source) = job.source() {
            section id="streams" {
                h2 { "Streams" }
                @let streams: Vec<_> = facts.streams().iter().filter(|stream| stream.source == *source && job.reads(&stream.stream)).collect();
                @if streams.is_empty() { p { "No stream was read yet." } }
                (stream_links(&streams, facts))
            }
        }
        section id="runs" {
            h2 { "Runs" }
            @if job.past().is_empty() {
                @if facts.history.is_none() { p { (no_history()) } } @else { p { "No run is recorded." } }
            } @else {
                div.runs { (strip_svg(job.past())) }
                p.small.key { (strip_text(job.past())) ". A low bar is good, a high one needs a look." }
                (runs_table(job.past(), &format!("the last {STRIP_RUNS} runs of {}", job.name)))
            }
        }
    }
}

fn state_list(job: &ShownJob<'_>, facts: &SiteFacts<'_>) -> Markup {
    html! { dl.facts {
        @if let Some(source) = job.source() { dt { "source" } dd { a href=(facts.links.source(source)) { (source) } } }
        @if let Some(runs) = job.runs {
            dt { "last good" } dd { @match &runs.last_good { Some(ended) => { (job.time(ended)) } None => { "never" } } }
        }
        @if let Some(status) = job.status {
            @if let Some(running) = &status.running {
                dt { "running" } dd {
                    "since " (job.time(&running.since))
                    @if let Some(stream) = &running.stream { ", reads " (stream) }
                    ": " (grouped(running.pages)) " pages, " (grouped(running.rows)) " rows"
                }
            }
            dt { "next run" } dd { @match job.next() { Some(at) => { (at) } None => { "none" } } }
            @if let Some(why) = delay(job) { dt { "delayed" } dd { (why) } }
            @if let Some(skipped) = &status.skipped { dt { "skipped" } dd { (job.time(&skipped.at)) ": " (skipped.reason) } }
            @if let Some(reason) = status.park_reason { dt { "parked" } dd { (reason.as_str().replace('_', " ")) } }
            @if status.failures > 0 { dt { "failures in a row" } dd { (status.failures) } }
            @if let Some(at) = &status.stale_at { dt { "stale" } dd { "from " (job.time(at)) " on, without a good run" } }
        }
    } }
}
