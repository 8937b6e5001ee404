//! Alerts: when a job or source needs a person, and the channels that carry the message.
//!
//! No run waits for an alert. An alert is first written to the outbox in the mirror (`store/alerts.rs`) and then sent,
//! with retries and growing pauses, so it survives a restart and a mail server that is down.

mod command;
mod email;
mod rules;
mod webhook;

use std::time::Duration;

pub use rules::{
    AlertKind, AlertLimits, AlertPlan, JobFacts, OutputFacts, ParkedJob, SourceFacts, evaluate_job,
    evaluate_output, evaluate_source, overdue_from,
};

use crate::setup::files::{AlertsConfig, Secrets};
use rollbook_core::model::AlertSubject;

/// The limit for one attempt to send, on any channel.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// Pauses before a failed alert is retried; the last one repeats.
const RETRY_PAUSES: [Duration; 5] = [
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(6 * 3600),
];

/// After this many attempts, about three days, an alert is discarded.
pub const MAX_TRIES: u32 = 16;

/// How long to wait after this many attempts.
pub fn retry_pause(tries: u32) -> Duration {
    let index = (tries.max(1) as usize - 1).min(RETRY_PAUSES.len() - 1);
    RETRY_PAUSES[index]
}

/// One alert. It contains no personal data, no secret and no text from a vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// [`AlertKind::as_str`].
    pub kind: String,
    /// Which job or source.
    pub subject: AlertSubject,
    /// What happened, and what to do.
    pub message: String,
    /// When it was detected, in the mirror's time format.
    pub at: String,
}

impl Alert {
    /// One line for a subject or a heading.
    pub fn title(&self) -> String {
        format!("rollbook: {} {}", self.subject, self.kind)
    }

    /// The job; empty if the alert is about a source or the copy.
    fn job(&self) -> &str {
        match &self.subject {
            AlertSubject::Entry(name) => name.as_str(),
            AlertSubject::Source(_)
            | AlertSubject::Copy
            | AlertSubject::Bundle(_)
            | AlertSubject::Hook(_)
            | AlertSubject::Publish(_) => "",
        }
    }

    /// The source; empty if the alert is about a job or the copy.
    fn source(&self) -> &str {
        match &self.subject {
            AlertSubject::Entry(_)
            | AlertSubject::Copy
            | AlertSubject::Bundle(_)
            | AlertSubject::Hook(_)
            | AlertSubject::Publish(_) => "",
            AlertSubject::Source(name) => name.as_str(),
        }
    }
}

/// The configured channels, by the names of their tables.
pub fn channels(config: &AlertsConfig) -> Vec<&'static str> {
    let channels = [
        (config.email.is_some(), "email"),
        (config.webhook.is_some(), "webhook"),
        (config.command.is_some(), "command"),
    ];
    channels
        .into_iter()
        .filter_map(|(is_there, name)| is_there.then_some(name))
        .collect()
}

/// Sends an alert over one channel. The error is a message without a secret.
///
/// # Errors
/// If sending fails or takes too long; the alert may have arrived nevertheless.
pub async fn send(
    channel: &str,
    config: &AlertsConfig,
    secrets: &Secrets,
    alert: &Alert,
) -> Result<(), String> {
    let sending = async {
        match (channel, &config.email, &config.webhook, &config.command) {
            ("email", Some(email), ..) => email::send(email, secrets, alert).await,
            ("webhook", _, Some(webhook), _) => webhook::send(webhook, secrets, alert).await,
            ("command", .., Some(command)) => command::run(command, alert).await,
            _ => Ok(()), // the channel is no longer configured
        }
    };
    match tokio::time::timeout(SEND_TIMEOUT, sending).await {
        Ok(sent) => sent,
        Err(_) => Err(format!(
            "sending took longer than {} s",
            SEND_TIMEOUT.as_secs()
        )),
    }
}

#[cfg(test)]
mod tests;
