//! The status site: a page for each address, made of the status and the history alone.
//!
//! Pure functions of what the daemon wrote. The script only refreshes; everything is there without it.

use jiff::Timestamp;
use maud::{Markup, html};

use super::cluster::cluster_page;
use super::configuration::configuration_page;
use super::facts::SiteFacts;
use super::job::job_page;
use super::links::Links;
use super::outputs::outputs_page;
use super::overview::overview;
use super::parts::time;
use super::source::source_page;
use super::storage::storage_page;
use super::stream::stream_page;
use crate::web::html_page::site_page;
use rollbook_core::model::run_history::RunHistory;
use rollbook_core::model::{SourceName, StreamName};
use rollbook_engine::daemon::cluster_status::ClusterStatus;
use rollbook_engine::daemon::status::Status;

/// The script of every page, exactly as it is between the tags.
pub const SCRIPT: &str = include_str!("refresh.js");

/// The style sheet of every page, exactly as it is between the tags.
pub const STYLE: &str = include_str!("style.css");

/// The icon, an SVG, which pages link as `/icon.svg`.
pub const ICON: &str = include_str!("icon.svg");

/// What pages are made of.
#[derive(Clone, Copy, Debug)]
pub struct SiteView<'a> {
    /// The daemon's status; nothing if it does not run.
    pub status: Option<&'a Status>,
    /// The history; nothing before the daemon's first start.
    pub history: Option<&'a RunHistory>,
    /// The cluster, if this machine has a worker of one.
    pub cluster: Option<&'a ClusterStatus>,
    /// Now.
    pub now: Timestamp,
}

/// A step of the way to a page: what it is, and its address unless it is the page itself.
type Trail = Vec<(String, Option<String>)>;

/// The page of an address; nothing if there is none.
pub fn page(path: &str, view: &SiteView<'_>) -> Option<String> {
    let facts = SiteFacts {
        daemon: view.status,
        jobs: view.status.map_or(&[], |status| &status.jobs),
        outputs: view.status.map(|status| &status.outputs),
        history: view.history,
        now: view.now,
        links: Links::Pages,
    };
    let parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    let (title, trail, body) = match parts.as_slice() {
        [""] => {
            let (title, body) = overview(&facts);
            (title, Trail::new(), body)
        }
        ["jobs", name] => {
            let jobs = facts.jobs();
            let job = jobs
                .iter()
                .find(|job| job.name.job().is_some_and(|job| job == name))?;
            (
                format!("Job {name}"),
                vec![(format!("Job {name}"), None)],
                job_page(job, &facts),
            )
        }
        ["sources", name] => {
            let source: SourceName = name.parse().ok()?;
            let body = source_page(&source, &facts)?;
            (
                format!("Source {name}"),
                vec![(format!("Source {name}"), None)],
                body,
            )
        }
        ["streams", source, stream] => {
            let source: SourceName = source.parse().ok()?;
            let stream: StreamName = stream.parse().ok()?;
            let mut known = facts.streams().iter();
            let found = known.find(|known| known.source == source && known.stream == stream)?;
            let trail = vec![
                (
                    format!("Source {source}"),
                    Some(facts.links.source(&source)),
                ),
                (format!("Stream {stream}"), None),
            ];
            (
                format!("Stream {source} {stream}"),
                trail,
                stream_page(found, &facts),
            )
        }
        ["cluster"] => (
            "Cluster".to_owned(),
            Trail::new(),
            cluster_page(view.cluster?),
        ),
        ["outputs"] => ("Outputs".to_owned(), Trail::new(), outputs_page(&facts)),
        ["storage"] => ("Storage".to_owned(), Trail::new(), storage_page(&facts)),
        ["configuration"] => (
            "Configuration".to_owned(),
            Trail::new(),
            configuration_page(&facts),
        ),
        _ => return None,
    };
    let body = html! {
        (header(path, &trail, view.cluster.is_some()))
        main id="main" tabindex="-1" { (body) }
        (footer(&facts))
    };
    Some(site_page(
        &format!("{title} – Rollbook"),
        STYLE,
        SCRIPT,
        &body,
    ))
}

/// The page of an address without one.
pub fn not_found() -> String {
    let body = html! {
        (header("", &Trail::new(), false))
        main id="main" tabindex="-1" {
            h1 { "There is no such page" }
            p { "No job, source or stream of this name is known. " a href="/" { "The overview" } " has all of them." }
        }
    };
    site_page("No such page – Rollbook", STYLE, "", &body)
}

fn header(path: &str, trail: &Trail, has_cluster: bool) -> Markup {
    let entry = |address: &str, name: &str| {
        let current = (address == path).then_some("page");
        html! { li { a href=(address) aria-current=[current] { (name) } } }
    };
    html! {
        a.skip href="#main" { "Skip to the content" }
        header.site {
            a.brand href="/" aria-label="Rollbook, overview" { (maud::PreEscaped(ICON)) "Rollbook" }
            nav aria-label="Pages" {
                ul { (entry("/", "Overview")) (entry("/outputs", "Outputs")) (entry("/storage", "Storage")) (entry("/configuration", "Configuration"))
                    @if has_cluster { (entry("/cluster", "Cluster")) }
                    @for (name, address) in trail {
                        li.trail { a href=(address.as_deref().unwrap_or(path)) aria-current=[address.is_none().then_some("page")] { (name) } }
                    }
                }
            }
        }
    }
}

fn footer(facts: &SiteFacts<'_>) -> Markup {
    html! {
        footer id="foot" {
            p {
                @match facts.daemon {
                    Some(daemon) => { "Rollbook " (daemon.version) ", running since " (time(&daemon.since)) ". Mirror " code { (daemon.mirror) } "." }
                    None => { "The daemon does not run." }
                }
                @if let Some(history) = facts.history { " History as of " (time(&history.written)) "." }
                " " a href="/status.json" { "Status as JSON" }
            }
            // The script says here that it could not refresh.
            p id="refresh" role="status" {}
        }
    }
}

#[cfg(test)]
mod tests;
