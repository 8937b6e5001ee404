//! The page of a cluster: its workers and sources, as a worker on this machine wrote them down.

use maud::{Markup, html};

use super::mood::Mood;
use super::parts::{badge, scroll, time};
use rollbook_core::model::figures::{grouped, many};
use rollbook_engine::daemon::cluster_status::{ClusterSource, ClusterStatus, ClusterWorker};

/// Up to so many sources are all shown.
const ALL_SOURCES: usize = 200;

/// What the page shows.
pub(super) fn cluster_page(status: &ClusterStatus) -> Markup {
    let without = status.without_a_worker();
    let mut shown: Vec<&ClusterSource> = status.sources.iter().collect();
    if shown.len() > ALL_SOURCES {
        shown.retain(|one| needs_a_look(one));
    }
    let rest = status.sources.len() - shown.len();
    let configuration = &status.configuration;
    html! {
        section id="cluster" {
            h1 { "Cluster" }
            p {
                (many(status.workers.len() as u64, "worker", "workers")) ", "
                (many(status.sources.len() as u64, "source", "sources")) ", database on " (status.database) ", as of " (time(&status.at)) ". "
                @if without > 0 { (badge(&many(without as u64, "source without a worker", "sources without a worker"), Mood::Bad)) }
            }
            @if !configuration.since.is_empty() {
                p { "The configuration is that of " (configuration.host) " since " (time(&configuration.since)) "." }
            }
            h2 { "Workers" }
            (scroll("workers", &workers_table(&status.workers)))
            h2 { "Sources" }
            @if rest > 0 { p { (many(rest as u64, "source has a worker and needs", "sources have workers and need")) " no one." } }
            @if !shown.is_empty() { (scroll("sources", &sources_table(&shown))) }
        }
    }
}

fn needs_a_look(source: &ClusterSource) -> bool {
    let mut jobs = source.summary.jobs.iter();
    source.worker.is_none() || jobs.any(|job| job.parked || job.held.is_some())
}

fn workers_table(workers: &[ClusterWorker]) -> Markup {
    html! { table {
        thead { tr {
            th.word scope="col" { "worker" } th.word scope="col" { "since" } th.word scope="col" { "version" } th scope="col" { "sources" }
            th scope="col" { "load" } th scope="col" { "room" } th.word scope="col" { "state" }
        } }
        tbody { @for worker in workers { tr {
            th scope="row" { (worker.start) }
            td.word { (time(&worker.since)) }
            td.word { (worker.version) }
            td { (grouped(worker.sources)) }
            td { (grouped(worker.load)) }
            td { (grouped(worker.room)) }
            td.word { @match &worker.waits {
                Some(why) => { (badge("takes no sources", Mood::Doubtful)) " " (why) }
                None if worker.other_configuration => (badge("another configuration", Mood::Doubtful)),
                None => (badge("ok", Mood::Good)),
            } }
        } } }
    } }
}

fn sources_table(sources: &[&ClusterSource]) -> Markup {
    html! { table {
        thead { tr {
            th.word scope="col" { "source" } th.word scope="col" { "worker" } th scope="col" { "claims" } th.word scope="col" { "stored" }
            th.word scope="col" { "what waits" }
        } }
        tbody { @for source in sources { tr {
            th scope="row" { (source.source) }
            td.word { @match &source.worker {
                Some(worker) => { (worker) }
                None => (badge("no worker", if source.is_alone() { Mood::Bad } else { Mood::Doubtful })),
            } }
            td { (source.epoch) }
            td.word { @if let Some(at) = &source.stored { (time(at)) } }
            td.word { @for job in &source.summary.jobs {
                @if let Some(run) = job.held { "Run " (run) " of " (job.job) " needs approval. " }
                @else if job.parked { (job.job) " is parked. " }
            } }
        } } }
    } }
}
