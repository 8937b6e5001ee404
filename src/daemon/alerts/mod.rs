//! Telling people that a job needs them: what is worth telling, and the ways it goes.
//!
//! No run waits for an alert. What is to be told is written to the mirror first (`store/alerts.rs`) and sent
//! afterwards, again and again with growing pauses, so it survives a restart and a mail server that is down.

mod command;
mod email;
mod rules;
mod webhook;

use std::time::Duration;

use serde::Serialize;

pub use rules::{About, Facts, Judged, Kind, Limits, ParkedJob, SourceFacts, judge, judge_source};

use crate::config::{AlertsConfig, Secrets};

/// No way of telling may take longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Pauses before an alert that could not be sent is tried again; the last one is repeated.
const PAUSES: [Duration; 5] = [
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(6 * 3600),
];

/// After so many tries, three days, an alert is given up.
pub const TRIES: u32 = 16;

/// How long to wait after so many tries.
pub fn pause(tries: u32) -> Duration {
    let place = (tries.max(1) as usize - 1).min(PAUSES.len() - 1);
    PAUSES[place]
}

/// One alert. It holds no pupil, no secret and nothing that a vendor sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alert {
    /// [`Kind::word`].
    pub kind: String,
    /// Which job; empty when it is about a source.
    pub job: String,
    /// Which source; empty when it is about a job.
    pub source: String,
    /// What happened, and what to do.
    pub sentence: String,
    /// When it was seen, as the mirror writes times.
    pub at: String,
}

impl Alert {
    /// A line for a subject or a heading.
    pub fn title(&self) -> String {
        let about = match self.source.as_str() {
            "" => self.job.clone(),
            source => About::Source(source).key(),
        };
        format!("rollbook: {about} {}", self.kind)
    }
}

/// The ways that a configuration names, by their tables' names.
pub fn ways(config: &AlertsConfig) -> Vec<&'static str> {
    let ways = [
        (config.email.is_some(), "email"),
        (config.webhook.is_some(), "webhook"),
        (config.command.is_some(), "command"),
    ];
    ways.into_iter()
        .filter_map(|(is_there, name)| is_there.then_some(name))
        .collect()
}

/// Sends an alert one way. The error is a sentence without a secret.
///
/// # Errors
/// When it could not be sent in time; nothing is known of whether half of it arrived.
pub async fn send(
    way: &str,
    config: &AlertsConfig,
    secrets: &Secrets,
    alert: &Alert,
) -> Result<(), String> {
    let sending = async {
        match (way, &config.email, &config.webhook, &config.command) {
            ("email", Some(email), ..) => email::send(email, secrets, alert).await,
            ("webhook", _, Some(webhook), _) => webhook::send(webhook, secrets, alert).await,
            ("command", .., Some(command)) => command::run(command, alert).await,
            _ => Ok(()), // the configuration names it no longer
        }
    };
    match tokio::time::timeout(PATIENCE, sending).await {
        Ok(sent) => sent,
        Err(_) => Err(format!("it took longer than {} s", PATIENCE.as_secs())),
    }
}

#[cfg(test)]
mod tests;
