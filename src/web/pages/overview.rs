//! The overview: what needs an admin, every job, and the streams of every source.

use maud::{Markup, html};

use super::facts::SiteFacts;
use super::needs::{AdminNeed, needs};
use super::parts::{job_line, needs_list, source_day, stream_links};
use rollbook_core::model::figures::many;

/// The page's title and what it shows.
pub(super) fn overview(facts: &SiteFacts<'_>) -> (String, Markup) {
    let needs = [without_daemon(facts), needs(facts)].concat();
    let headline = headline(&needs);
    let body = html! {
        (needs_section(&headline, &needs, facts))
        (jobs(facts))
        (sources(facts))
    };
    (headline, body)
}

/// `2 things need you`.
pub(super) fn headline(needs: &[AdminNeed]) -> String {
    match needs.len() {
        0 => "Nothing needs you".to_owned(),
        some => many(some as u64, "thing needs you", "things need you"),
    }
}

pub(super) fn needs_section(headline: &str, needs: &[AdminNeed], facts: &SiteFacts<'_>) -> Markup {
    let class = if needs.is_empty() { "calm" } else { "alarm" };
    html! {
        section id="needs" class=(class) {
            h1 { (headline) }
            @if !needs.is_empty() { (needs_list(needs, facts)) }
        }
    }
}

fn without_daemon(facts: &SiteFacts<'_>) -> Vec<AdminNeed> {
    let mut needs = Vec::new();
    if facts.daemon.is_none() {
        needs.push(AdminNeed {
            what: "The daemon does not run, so nothing is read.".to_owned(),
            details: match facts.history {
                Some(_) => vec!["What is shown below is from before it ended.".to_owned()],
                None => Vec::new(),
            },
            commands: vec![
                "systemctl status rollbook".to_owned(),
                "journalctl -u rollbook -n 20".to_owned(),
            ],
            job: None,
        });
    }
    needs
}

pub(super) fn jobs(facts: &SiteFacts<'_>) -> Markup {
    let jobs = facts.jobs();
    html! {
        section id="jobs" {
            h2 { "Jobs" }
            @if jobs.is_empty() {
                p { "No job is known. " @if facts.history.is_none() { (no_history()) } }
            } @else {
                ul.jobs { @for job in &jobs { (job_line(job, facts)) } }
                p.small.key { "A bar is a run, the newest at the right: low is good, high needs a look." }
            }
        }
    }
}

/// The history file is missing.
pub(super) fn no_history() -> Markup {
    html! { "There is no history yet: the daemon writes it after its start and when a run ends." }
}

fn sources(facts: &SiteFacts<'_>) -> Markup {
    html! {
        section id="sources" {
            h2 { "Sources and their streams" }
            @if facts.history.is_none() { p { (no_history()) } }
            @for source in facts.sources() {
                @let streams: Vec<_> = facts.streams().iter().filter(|stream| stream.source == *source).collect();
                @let day = facts.source_history(source).and_then(|known| known.days.last());
                h3 { a href=(facts.links.source(source)) { (source) } }
                @if let Some(day) = day { p.small { (source_day(day)) } }
                (stream_links(&streams, facts))
            }
        }
    }
}
