//! Alerts by mail: one message to all receivers, over TLS unless the server is on this machine.

use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use secrecy::ExposeSecret as _;

use super::{Alert, SEND_TIMEOUT};
use crate::setup::files::Secrets;
use crate::setup::files::alerts::{EmailConfig, MailAddress, MailTls};

pub(super) async fn send(
    config: &EmailConfig,
    secrets: &Secrets,
    alert: &Alert,
) -> Result<(), String> {
    let message = message(config, alert)?;
    let (tls, port) = match config.tls {
        MailTls::Starttls => (Tls::Required(parameters(config)?), 587),
        MailTls::Implicit => (Tls::Wrapper(parameters(config)?), 465),
        MailTls::None => (Tls::None, 25),
    };
    let mut transport =
        AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(config.server.as_str())
            .port(config.port.map_or(port, u16::from))
            .tls(tls)
            .timeout(Some(SEND_TIMEOUT))
            .hello_name(ClientId::Domain("rollbook".to_owned()));
    if let (Some(name), Some(password)) = (&config.username, &config.password) {
        let password = secrets.fetch(password).map_err(|error| error.to_string())?;
        let password = password.expose_secret().to_owned();
        transport = transport.credentials(Credentials::new(name.clone(), password));
    }
    let sent = transport.build().send(message).await;
    sent.map(drop).map_err(|error| refusal(config, &error))
}

fn parameters(config: &EmailConfig) -> Result<TlsParameters, String> {
    TlsParameters::new(config.server.clone())
        .map_err(|_| "could not set up TLS; is the package ca-certificates installed?".to_owned())
}

fn message(config: &EmailConfig, alert: &Alert) -> Result<Message, String> {
    let mailbox = |address: &MailAddress| {
        let unusable = |_| format!("{} is not a valid mail address", address.as_str());
        address.as_str().parse().map_err(unusable)
    };
    let mut message = Message::builder().from(mailbox(&config.from)?);
    for to in &config.to {
        message = message.to(mailbox(to)?);
    }
    message
        .subject(alert.title())
        .header(ContentType::TEXT_PLAIN)
        .body(format!("{}\n\nDetected at {}.\n", alert.message, alert.at))
        .map_err(|_| "could not build the mail".to_owned())
}

/// Why sending failed, without the server's text, which may repeat what we sent.
fn refusal(config: &EmailConfig, error: &lettre::transport::smtp::Error) -> String {
    let server = &config.server;
    match error.status() {
        Some(code) => format!("the mail server {server} returned {code}"),
        None if error.is_timeout() => format!("the mail server {server} timed out"),
        None if error.is_tls() => format!(
            "TLS with the mail server {server} failed: check `tls`, its port and its certificate"
        ),
        None => format!("could not reach the mail server {server}, or it does not speak SMTP"),
    }
}
