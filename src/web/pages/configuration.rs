//! The page of the configuration: what is in force, and each problem of one that was refused.

use maud::{Markup, html};

use super::facts::SiteFacts;
use super::parts::{commands, time};
use rollbook_core::model::figures::many;
use rollbook_engine::daemon::status::RefusedReload;

/// What the page shows.
pub(super) fn configuration_page(facts: &SiteFacts<'_>) -> Markup {
    html! {
        section id="configuration" {
            h1 { "Configuration" }
            @match facts.daemon {
                None => {
                    p.note { "The daemon does not run, so none is in force. Whether the files are good:" }
                    (commands(&["rollbook check", "systemctl status rollbook"]))
                }
                Some(daemon) => {
                    p { "In force since " (time(&daemon.configuration.since)) "." }
                    @match &daemon.configuration.refused {
                        None => p { "No newer one was refused." },
                        Some(refused) => (refused_section(refused)),
                    }
                }
            }
        }
    }
}

fn refused_section(refused: &RefusedReload) -> Markup {
    let problems = many(refused.problems as u64, "problem", "problems");
    html! {
        h2 { "Refused: " @if refused.problems > 0 { (problems) } @else { "a newer configuration" } }
        p { "The configuration on disk was refused " (time(&refused.at)) "; the previous one stays in force. To see every problem with its line:" }
        (commands(&["rollbook check"]))
        @if refused.places.is_empty() { p { (refused.first) } }
        ol.problems { @for place in &refused.places {
            li {
                code { (place.file) @if let Some(line) = place.line { ":" (line) } }
                p { (place.advice) }
            }
        } }
        @if refused.problems > refused.places.len() && !refused.places.is_empty() {
            p { "The first " (refused.places.len()) " of " (refused.problems) "." }
        }
    }
}
