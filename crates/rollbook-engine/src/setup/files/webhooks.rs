//! `[webhooks.NAME]`: webhooks of vendors, and what must hold between the keys of one.
//!
//! The doc comments are the reference text.

use std::time::Duration;

use serde::Deserialize;

use super::secrets::SecretRef;
use rollbook_core::document::{Node, Problem};
use rollbook_core::model::{Period, SourceName};

/// A webhook: a call of `/webhooks/NAME` at `rollbook web` makes the source's jobs read at once what has changed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// The source whose vendor calls; its connector must have webhooks.
    pub source: SourceName,
    /// Where the secret is that the vendor shows or signs with.
    pub secret: Option<SecretRef>,
    /// Whether a call must show that it knows the secret. Default true; with false every caller can cause a run
    /// every `min_interval`.
    #[serde(default = "yes")]
    pub verify: bool,
    /// The shortest time between the starts of two runs of a job that this webhook causes; `"10s"` at least. Default `"1m"`.
    #[serde(default = "a_minute")]
    pub min_interval: Period,
}

/// A shorter one would read the same pages over and over.
const LEAST_INTERVAL: Duration = Duration::from_secs(10);

fn yes() -> bool {
    true
}

fn a_minute() -> Period {
    Period(Duration::from_secs(60))
}

/// What must hold between the keys of a webhook.
pub(super) fn check(webhook: &Node) -> Vec<Problem> {
    [secret_problem(webhook), short_interval(webhook)]
        .into_iter()
        .flatten()
        .collect()
}

fn secret_problem(webhook: &Node) -> Option<Problem> {
    let verify = webhook.at(&["verify"]);
    let is_verified = verify.is_none_or(|node| bool::deserialize(node).ok() != Some(false));
    match (webhook.at(&["secret"]), verify) {
        (None, _) if is_verified => {
            let problem = Problem::error(webhook.location(), "this webhook has no secret");
            Some(problem.help("set `secret`, or `verify = false` to accept every call"))
        }
        (_, Some(verify)) if !is_verified => {
            let message = "calls of this webhook are not verified: every caller can cause a run";
            Some(Problem::note(verify.location(), message))
        }
        _ => None,
    }
}

fn short_interval(webhook: &Node) -> Option<Problem> {
    let node = webhook.at(&["min_interval"])?;
    let interval = Period::deserialize(node).ok()?;
    (interval.0 < LEAST_INTERVAL).then(|| {
        let problem = Problem::error(node.location(), "this interval is too short");
        problem.help("write `\"10s\"` or more")
    })
}
