//! The report: the overview and the chart of every stream as one page without a script, for a web folder or a mail.

use jiff::Timestamp;
use maud::{Markup, html};

use super::chart::chart;
use super::chart_svg::{chart_svg, legend};
use super::facts::SiteFacts;
use super::links::{Links, stream_id};
use super::needs::needs;
use super::outputs::outputs_tables;
use super::overview::{headline, jobs, needs_section};
use super::parts::{days_table, runs_table, source_day, stream_links, time};
use super::site::STYLE;
use super::storage::storage_list;
use super::stream::stream_text;
use crate::web::html_page::html_page;
use rollbook_core::model::SourceName;
use rollbook_core::model::figures::many;
use rollbook_core::model::run_history::{RunHistory, StreamDays};
use rollbook_engine::daemon::status::{JobStatus, Outputs, Status};

/// What the report is made of.
#[derive(Clone, Copy, Debug)]
pub struct ReportView<'a> {
    /// The daemon; nothing if none runs.
    pub daemon: Option<&'a Status>,
    /// The states of all jobs and of the backup, as the mirror has them.
    pub jobs: &'a [JobStatus],
    /// Bundles and hooks, as the mirror has them.
    pub outputs: &'a Outputs,
    /// What the run records say.
    pub history: &'a RunHistory,
    /// Now.
    pub now: Timestamp,
}

/// The whole page.
pub fn report(view: &ReportView<'_>) -> String {
    let history = view.history;
    let facts = SiteFacts {
        daemon: view.daemon,
        jobs: view.jobs,
        outputs: Some(view.outputs),
        history: Some(history),
        now: view.now,
        links: Links::Anchors,
    };
    let needs = needs(&facts);
    let headline = headline(&needs);
    let body = html! {
        header.site {
            p.brand { (maud::PreEscaped(super::site::ICON)) "Rollbook" }
            p.small {
                "Made " (time(&history.written)) " of " code { (history.mirror) } ". "
                @match view.daemon {
                    Some(daemon) => { "The daemon has been running since " (time(&daemon.since)) "." }
                    None => { "The daemon does not run; " code { "rollbook run" } " starts it." }
                }
            }
        }
        main {
            (needs_section(&headline, &needs, &facts))
            (jobs(&facts))
            (runs(&facts))
            @for source in facts.sources() { (source_section(source, &facts)) }
            @if !view.outputs.is_empty() { section { h2 { "Outputs" } (outputs_tables(view.outputs)) } }
            section { h2 { "Storage" } (storage_list(&history.storage)) }
        }
    };
    html_page(&format!("{headline} – Rollbook"), STYLE, &body)
}

fn runs(facts: &SiteFacts<'_>) -> Markup {
    html! { @for job in facts.jobs() { @if !job.past().is_empty() {
        details {
            summary { "The last " (many(job.past().len() as u64, "run", "runs")) " of " (job.name) }
            (runs_table(job.past(), &format!("runs of {}", job.name)))
        }
    } } }
}

fn source_section(source: &SourceName, facts: &SiteFacts<'_>) -> Markup {
    let streams: Vec<&StreamDays> = facts
        .streams()
        .iter()
        .filter(|stream| stream.source == *source)
        .collect();
    let (quiet, moving): (Vec<&StreamDays>, Vec<&StreamDays>) =
        streams.iter().partition(|stream| is_quiet(stream));
    let day = facts
        .source_history(source)
        .and_then(|known| known.days.last());
    html! {
        section id=(format!("source-{source}")) {
            h2 { (source) }
            @if let Some(day) = day { p.small { (source_day(day)) } }
            (stream_links(&streams, facts))
            @if !streams.is_empty() { (legend()) }
            @for stream in moving { (stream_section(stream, facts)) }
            @if !quiet.is_empty() {
                details {
                    summary { (many(quiet.len() as u64, "stream", "streams")) " of " (source) " without a change since the first day" }
                    @for stream in quiet { (stream_section(stream, facts)) }
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

fn stream_section(stream: &StreamDays, facts: &SiteFacts<'_>) -> Markup {
    let text = stream_text(stream);
    html! {
        section.stream id=(stream_id(&stream.source, &stream.stream)) {
            h3 { (stream.source) " " (stream.stream) }
            p.small { (text) }
            (chart_svg(&chart(&stream.days, facts.today()), &text, false))
            details {
                summary { "The days of " (stream.source) " " (stream.stream) " as a table" }
                (days_table(stream))
            }
        }
    }
}

#[cfg(test)]
mod tests;
