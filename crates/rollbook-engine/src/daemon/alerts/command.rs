//! Alerts by a program: it gets the alert in its environment and as JSON on standard input.

use futures_util::stream;
use serde_json::json;

use super::{Alert, SEND_TIMEOUT};
use crate::setup::files::alerts::CommandConfig;
use rollbook_core::program::{self, ProgramCall};

/// Runs the program to its end. Dropping the future kills it.
pub(super) async fn run(config: &CommandConfig, alert: &Alert) -> Result<(), String> {
    let body = json!({
        "kind": alert.kind,
        "job": alert.job(),
        "source": alert.source(),
        "message": alert.message,
        "at": alert.at,
    });
    let call = ProgramCall {
        program: &config.program,
        arguments: &config.arguments,
        environment: &[
            ("ROLLBOOK_KIND", &alert.kind),
            ("ROLLBOOK_JOB", alert.job()),
            ("ROLLBOOK_SOURCE", alert.source()),
            ("ROLLBOOK_TITLE", &alert.title()),
            ("ROLLBOOK_TEXT", &alert.message),
            ("ROLLBOOK_AT", &alert.at),
        ],
        limit: SEND_TIMEOUT,
    };
    program::run(&call, stream::iter([body.to_string().into_bytes()])).await
}
