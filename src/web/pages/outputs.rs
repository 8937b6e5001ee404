//! The page of the outputs: each bundle, each hook and each published database with its state. Why a bundle or a hook failed
//! is not here: `rollbook status` says that.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::facts::SiteFacts;
use super::mood::Mood;
use super::parts::{badge, scroll, time};
use rollbook_core::model::PublishName;
use rollbook_core::model::figures::{count, grouped, many};
use rollbook_engine::daemon::status::{OutputState, Outputs, PublishStatus};

/// Up to so many sources of a database are all shown.
const ALL_SOURCES: usize = 20;

/// What the page shows.
pub(super) fn outputs_page(facts: &SiteFacts<'_>) -> Markup {
    html! {
        section id="outputs" {
            h1 { "Outputs" }
            @match facts.outputs {
                None => p { "The daemon does not run, so nothing leaves the mirror." },
                Some(outputs) if outputs.is_empty() => p {
                    "Nothing leaves the mirror: no bundle is configured in " code { "exports/" } ", and no hook and no "
                    code { "[publish.NAME]" } " in " code { "rollbook.toml" } "."
                },
                Some(outputs) => (outputs_tables(outputs)),
            }
        }
    }
}

/// The bundles, the hooks and the databases, as far as there are any.
pub(super) fn outputs_tables(outputs: &Outputs) -> Markup {
    html! {
        @if !outputs.bundles.is_empty() { (scroll("bundles", &bundles_table(outputs))) }
        @if !outputs.hooks.is_empty() { (scroll("hooks", &hooks_table(outputs))) }
        @for name in databases(outputs) { (database(name, outputs)) }
    }
}

fn bundles_table(outputs: &Outputs) -> Markup {
    html! { table {
        caption { "Rows left out have no form that the receiver accepts; " code { "rollbook export NAME --dry-run" } " says why." }
        thead { tr {
            th.word scope="col" { "bundle" } th.word scope="col" { "state" } th.word scope="col" { "written" }
            th scope="col" { "rows" } th scope="col" { "left out" } th.word scope="col" { "held or failing since" }
        } }
        tbody { @for bundle in &outputs.bundles { tr {
            th scope="row" { (bundle.bundle) }
            td.word { (state_badge(bundle.state)) }
            td.word { (when(bundle.written.as_deref())) }
            td { (grouped(bundle.rows)) }
            td { (grouped(bundle.left_out)) }
            td.word { (when(bundle.failed_since.as_deref())) }
        } } }
    } }
}

fn hooks_table(outputs: &Outputs) -> Markup {
    html! { table {
        thead { tr {
            th.word scope="col" { "hook" } th.word scope="col" { "told of" } th.word scope="col" { "state" }
            th.word scope="col" { "told" } th.word scope="col" { "failing since" } th.word scope="col" { "next attempt" }
        } }
        tbody { @for hook in &outputs.hooks { tr {
            th scope="row" { (hook.hook) }
            td.word { (hook.follows) }
            td.word { (state_badge(hook.state)) }
            td.word { (when(hook.told.as_deref())) }
            td.word { (when(hook.failed_since.as_deref())) }
            td.word { (when(hook.next_attempt.as_deref())) }
        } } }
    } }
}

/// The published databases, by name.
fn databases(outputs: &Outputs) -> BTreeSet<&PublishName> {
    outputs.published.iter().map(|one| &one.publish).collect()
}

/// The sources of a database; of many only those with something to say.
fn database(name: &PublishName, outputs: &Outputs) -> Markup {
    let all = outputs.published.iter().filter(|one| one.publish == *name);
    let mut shown: Vec<&PublishStatus> = all.collect();
    let sources = shown.len();
    if sources > ALL_SOURCES {
        shown.retain(|one| !one.is_up_to_date());
    }
    let rest = match sources - shown.len() {
        0 => String::new(),
        rest => format!(
            " {} up to date.",
            many(rest as u64, "source is", "sources are")
        ),
    };
    html! {
        h2 { "Database " (name) }
        p { (many(sources as u64, "source", "sources")) "." (rest) }
        @if !shown.is_empty() { (scroll(name.as_str(), &sources_table(&shown))) }
    }
}

fn sources_table(shown: &[&PublishStatus]) -> Markup {
    html! { table {
        thead { tr {
            th.word scope="col" { "source" } th.word scope="col" { "state" } th.word scope="col" { "published" }
            th scope="col" { "run" } th scope="col" { "waiting runs" } th.word scope="col" { "lacks something since" }
            th scope="col" { "comparing" } th scope="col" { "failed" } th.word scope="col" { "next attempt" } th.word scope="col" { "why" }
        } }
        tbody { @for one in shown { tr {
            th scope="row" { (one.source) }
            td.word { @if one.removal { (badge("to be removed", Mood::Doubtful)) " " } (state_badge(one.state)) }
            td.word { (when(one.published.as_deref())) }
            td { @if let Some(run) = one.run { (run) } }
            td { (count(one.lag_runs)) }
            td.word { (when(one.lag_since.as_deref())) }
            td { (count(one.comparing)) }
            td { (count(one.attempts.into())) }
            td.word { (when(one.next_attempt.as_deref())) }
            td.word { @if let Some(problem) = &one.problem { (problem) } }
        } } }
    } }
}

fn when(at: Option<&str>) -> Markup {
    html! { @if let Some(at) = at { (time(at)) } }
}

fn state_badge(state: OutputState) -> Markup {
    let (word, mood) = match state {
        OutputState::Pending => ("not yet", Mood::Doubtful),
        OutputState::Ok => ("ok", Mood::Good),
        OutputState::Waiting => ("not fetched yet", Mood::Doubtful),
        OutputState::Held => ("held", Mood::Held),
        OutputState::Failed => ("failed", Mood::Bad),
    };
    badge(word, mood)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of many sources only those are shown that an admin has to know.
    #[test]
    fn a_database_of_many_sources_is_short() {
        let at = "2026-03-02T06:20:00.000Z";
        let sources = |number: usize| {
            let all = (0..number).map(|one| {
                let plain = PublishStatus::up_to_date("district", &format!("school_{one:03}"), at);
                match one {
                    7 => PublishStatus {
                        lag_runs: 2,
                        ..plain
                    },
                    8 => PublishStatus {
                        problem: Some("the disk is full".to_owned()),
                        state: OutputState::Failed,
                        ..plain
                    },
                    _ => plain,
                }
            });
            Outputs {
                published: all.collect(),
                ..Outputs::default()
            }
        };
        for (number, rows, line) in [
            (20, 20, "20 sources."),
            (200, 2, "200 sources. 198 sources are up to date."),
        ] {
            let page = outputs_tables(&sources(number)).into_string();
            assert_eq!(page.matches("scope=\"row\"").count(), rows);
            assert!(page.contains(&format!("<p>{line}</p>")), "{page}");
            assert!(page.contains("the disk is full"), "{page}");
        }
    }
}
