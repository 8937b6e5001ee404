//! Alerts by HTTP request: the body that each kind of receiver expects.

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::{Alert, AlertKind};
use crate::setup::files::Secrets;
use crate::setup::files::alerts::{AlertWebhookConfig, WebhookForm};
use rollbook_http::http::{Post, post};

pub(super) async fn send(
    config: &AlertWebhookConfig,
    secrets: &Secrets,
    alert: &Alert,
) -> Result<(), String> {
    let address = secrets
        .fetch(&config.url)
        .map_err(|error| error.to_string())?;
    let token = match &config.token {
        Some(token) => Some(secrets.fetch(token).map_err(|error| error.to_string())?),
        None => None,
    };
    let (body, headers) = message(config.form, alert);
    let message = Post {
        address: address.expose_secret(),
        bearer: token.as_ref(),
        headers: &headers,
        content_type: match config.form {
            WebhookForm::Ntfy => "text/plain; charset=utf-8",
            WebhookForm::Json | WebhookForm::Teams | WebhookForm::Slack => "application/json",
        },
        body,
    };
    post(message).await
}

type WebhookHeaders = Vec<(&'static str, String)>;

fn message(form: WebhookForm, alert: &Alert) -> (String, WebhookHeaders) {
    let body = match form {
        WebhookForm::Ntfy => {
            let is_good = alert.kind == AlertKind::Recovered.as_str();
            let tag = if is_good {
                "white_check_mark"
            } else {
                "warning"
            };
            let headers = vec![("Title", alert.title()), ("Tags", tag.to_owned())];
            return (alert.message.clone(), headers);
        }
        WebhookForm::Json => json!({
            "program": "rollbook",
            "kind": alert.kind,
            "job": alert.job(),
            "source": alert.source(),
            "title": alert.title(),
            "text": alert.message,
            "at": alert.at,
        }),
        WebhookForm::Slack => {
            // Slack's three control characters.
            let plain = |text: &str| {
                text.replace('&', "&amp;")
                    .replace('<', "&lt;")
                    .replace('>', "&gt;")
            };
            json!({ "text": format!("*{}*\n{}", plain(&alert.title()), plain(&alert.message)) })
        }
        WebhookForm::Teams => card(alert),
    };
    (body.to_string(), Vec::new())
}

fn card(alert: &Alert) -> Value {
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": [
                    { "type": "TextBlock", "text": alert.title(), "weight": "bolder", "wrap": true },
                    { "type": "TextBlock", "text": alert.message, "wrap": true },
                ],
            },
        }],
    })
}
