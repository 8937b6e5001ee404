//! `[alerts]`: who is alerted, how, and when.
//!
//! Data and what must hold between keys. The doc comments are the reference text.

use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

use super::secrets::SecretRef;
use rollbook_core::document::text_value::{ValueError, text_value};
use rollbook_core::document::{Node, Problem};
use rollbook_core::model::Period;
use rollbook_core::model::health::HealthMeaning;

/// When alerts are sent, and how. At least one of `email`, `webhook`, `command` and `heartbeat`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AlertsConfig {
    /// An alert is sent after so many failed runs of a job in a row. Default 3.
    #[serde(default = "three")]
    pub after_failures: NonZeroU32,
    /// A job that has had no good run for so long after one was due is stale. Default `"1 day"`.
    #[serde(default = "a_day")]
    pub stale_after: Period,
    /// By mail.
    pub email: Option<EmailConfig>,
    /// By a request to an address of yours.
    pub webhook: Option<AlertWebhookConfig>,
    /// By a program of yours.
    pub command: Option<CommandConfig>,
    /// A request at fixed intervals to a service that alerts when it receives none.
    pub heartbeat: Option<HeartbeatConfig>,
}

impl AlertsConfig {
    /// The default of `stale_after`, also without alerts.
    pub const STALE_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
}

fn three() -> NonZeroU32 {
    const { NonZeroU32::new(3).expect("3 is not 0") }
}

fn a_day() -> Period {
    Period(AlertsConfig::STALE_AFTER)
}

/// Mail by SMTP.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EmailConfig {
    /// The mail server's name.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub server: String,
    /// Its port. Default 587, 465 with `tls = "implicit"`, 25 with `tls = "none"`.
    pub port: Option<NonZeroU16>,
    /// How the connection is protected. Default `"starttls"`.
    #[serde(default)]
    pub tls: MailTls,
    /// The sender.
    pub from: MailAddress,
    /// The receivers.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub to: Vec<MailAddress>,
    /// The name to sign in with, where the server wants one.
    pub username: Option<String>,
    /// Where that name's password is.
    pub password: Option<SecretRef>,
}

/// How the connection to a mail server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MailTls {
    /// It begins in clear and must turn to TLS before anything is sent (STARTTLS).
    #[default]
    Starttls,
    /// TLS from the first byte.
    Implicit,
    /// Not at all: only for a server on this machine, and without a password.
    None,
}

/// A request to an address.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AlertWebhookConfig {
    /// Where the address is. It is a secret, because it is all that is needed to write there.
    pub url: SecretRef,
    /// What is sent. Default `"json"`.
    #[serde(default)]
    pub form: WebhookForm,
    /// Where a token is that is sent as `Authorization: Bearer`.
    pub token: Option<SecretRef>,
}

/// What a webhook is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WebhookForm {
    /// All we have, by name.
    #[default]
    Json,
    /// A card for a Teams workflow.
    Teams,
    /// A message for Slack, Mattermost or Rocket.Chat.
    Slack,
    /// A notification for ntfy.
    Ntfy,
}

/// A program that is run, without a shell.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CommandConfig {
    /// The program's absolute path. The shipped unit lets the service execute nothing: give it `ExecPaths=` for this.
    pub program: PathBuf,
    /// Its arguments.
    #[serde(default)]
    pub arguments: Vec<String>,
}

/// A request at fixed intervals while the daemon is alive.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HeartbeatConfig {
    /// Where the address is. It is a secret, because it is all that is needed to report there.
    pub url: SecretRef,
    /// The time between two requests; `"10s"` at least. Default `"5m"`.
    #[serde(default = "five_minutes")]
    pub every: Period,
    /// When it is sent: `alive` while the daemon runs and makes progress, `fresh` if also no job is parked, held or stale. Default
    /// `"alive"`.
    #[serde(default)]
    pub when: HealthMeaning,
}

/// A service on the internet is no faster.
const LEAST_HEARTBEAT: Duration = Duration::from_secs(10);

fn five_minutes() -> Period {
    Period(Duration::from_secs(5 * 60))
}

/// A mail address without a name: `it@school.example`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailAddress(String);

impl MailAddress {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MailAddress {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let fits = |part: &str, more: &str| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || more.contains(c))
                && !part.starts_with('.')
                && !part.ends_with('.')
                && !part.contains("..")
        };
        match text.split_once('@') {
            Some((name, host)) if fits(name, "._%+-'=/") && fits(host, ".-") => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(ValueError::new("this is not a mail address")
                .help("write it without a name, such as `\"it@school.example\"`")),
        }
    }
}

text_value!(
    MailAddress,
    pattern = r"^[A-Za-z0-9._%+'=/-]+@[A-Za-z0-9.-]+$",
    example = "it@school.example"
);

/// What must hold between the keys of `[alerts]`.
pub(super) fn check(alerts: &Node) -> Vec<Problem> {
    let checks = [
        no_receiver,
        incomplete_sign_in,
        password_in_clear,
        relative_program,
        quick_heartbeat,
    ];
    checks.iter().filter_map(|check| check(alerts)).collect()
}

fn no_receiver(alerts: &Node) -> Option<Problem> {
    let channels = ["email", "webhook", "command", "heartbeat"];
    if channels
        .iter()
        .any(|channel| alerts.at(&[channel]).is_some())
    {
        return None;
    }
    let problem = Problem::error(alerts.location(), "alerts have no receiver");
    Some(
        problem
            .help("add [alerts.email], [alerts.webhook], [alerts.command] or [alerts.heartbeat]"),
    )
}

fn incomplete_sign_in(alerts: &Node) -> Option<Problem> {
    let email = alerts.at(&["email"])?;
    let (there, other) = match (email.at(&["username"]), email.at(&["password"])) {
        (Some(name), None) => (name, "password"),
        (None, Some(password)) => (password, "username"),
        _ => return None,
    };
    Some(Problem::error(
        there.location(),
        format!("this needs `{other}` beside it"),
    ))
}

fn password_in_clear(alerts: &Node) -> Option<Problem> {
    let email = alerts.at(&["email"])?;
    let tls = email.at(&["tls"])?;
    if tls.text() != Some("none") || email.at(&["password"]).is_none() {
        return None;
    }
    let problem = Problem::error(tls.location(), "the password would be sent in clear");
    Some(problem.help("write `\"starttls\"` or `\"implicit\"`"))
}

fn relative_program(alerts: &Node) -> Option<Problem> {
    let program = alerts.at(&["command", "program"])?;
    if program.text()?.starts_with('/') {
        return None;
    }
    let problem = Problem::error(program.location(), "the program's path must be absolute");
    Some(problem.help("such as `\"/usr/local/bin/notify-it\"`"))
}

fn quick_heartbeat(alerts: &Node) -> Option<Problem> {
    let every = alerts.at(&["heartbeat", "every"])?;
    let period = Period::deserialize(every).ok()?;
    (period.0 < LEAST_HEARTBEAT).then(|| {
        let problem = Problem::error(every.location(), "this interval is too short");
        problem.help("write `\"10s\"` or more")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_addresses() {
        for (text, expected) in [
            ("it@school.example", true),
            ("i.t+roll_book@mail.school.example", true),
            ("IT <it@school.example>", false),
            ("it@", false),
            ("@school.example", false),
            ("it.school.example", false),
            (".it@school.example", false),
            ("it@school..example", false),
            ("it@school.example\r\nBcc: x@y.example", false),
        ] {
            assert_eq!(text.parse::<MailAddress>().is_ok(), expected, "{text:?}");
        }
    }
}
