//! Alerts by a program: started without a shell, with the alert in its environment and as JSON on standard input.
//!
//! It gets a fixed `PATH` and nothing of our environment, which names where credentials are.

use std::process::Stdio;

use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::Alert;
use crate::setup::files::alerts::CommandConfig;

/// Runs the program to its end. Dropping the future, as the timeout does, kills it.
pub(super) async fn run(config: &CommandConfig, alert: &Alert) -> Result<(), String> {
    let name = config.program.display();
    let body = json!({
        "kind": alert.kind,
        "job": alert.job(),
        "source": alert.source(),
        "message": alert.message,
        "at": alert.at,
    });
    let mut child = Command::new(&config.program)
        .args(&config.arguments)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("ROLLBOOK_KIND", &alert.kind)
        .env("ROLLBOOK_JOB", alert.job())
        .env("ROLLBOOK_SOURCE", alert.source())
        .env("ROLLBOOK_TITLE", alert.title())
        .env("ROLLBOOK_TEXT", &alert.message)
        .env("ROLLBOOK_AT", &alert.at)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| {
            format!("{name} could not be started ({error}); ExecPaths= in the unit must list it and every program that it starts")
        })?;
    if let Some(mut input) = child.stdin.take() {
        let _ = input.write_all(body.to_string().as_bytes()).await; // a program need not read it
    }
    match child.wait().await {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name} ended with {status}")),
        Err(error) => Err(format!("{name}: {error}")),
    }
}
