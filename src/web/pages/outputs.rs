//! The page of the outputs: each bundle and each hook with its state. Not why one failed: `rollbook status` says that.

use maud::{Markup, html};

use super::facts::SiteFacts;
use super::mood::Mood;
use super::parts::{badge, scroll, time};
use crate::daemon::status::{OutputState, Outputs};
use crate::model::figures::grouped;

/// What the page shows.
pub(super) fn outputs_page(facts: &SiteFacts<'_>) -> Markup {
    html! {
        section id="outputs" {
            h1 { "Outputs" }
            @match facts.outputs {
                None => p { "The daemon does not run, so nothing leaves the mirror." },
                Some(outputs) if outputs.is_empty() => p {
                    "Nothing leaves the mirror: no bundle is configured in " code { "exports/" } " and no hook in "
                    code { "rollbook.toml" } "."
                },
                Some(outputs) => (outputs_tables(outputs)),
            }
        }
    }
}

/// The bundles and the hooks, as far as there are any.
pub(super) fn outputs_tables(outputs: &Outputs) -> Markup {
    html! {
        @if !outputs.bundles.is_empty() { (scroll("bundles", &bundles_table(outputs))) }
        @if !outputs.hooks.is_empty() { (scroll("hooks", &hooks_table(outputs))) }
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
