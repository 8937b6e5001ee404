//! `[alerts.heartbeat]`: a request at fixed intervals, so that a service elsewhere notices when this machine is silent.
//!
//! It says that the daemon is alive and nothing else: no body, no name. A failed request is not repeated, because the next one
//! says the same.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::pending;
use secrecy::ExposeSecret as _;
use tokio::sync::Notify;

use super::DaemonEngine;
use rollbook_core::clock::Clock;
use rollbook_core::model::health::HealthMeaning;
use rollbook_engine::setup::Setup;
use rollbook_engine::setup::files::Secrets;
use rollbook_engine::setup::files::alerts::HeartbeatConfig;
use rollbook_http::http::send_heartbeat;

impl DaemonEngine {
    /// Sends heartbeats until it is dropped; `reloaded` is notified after a reload. `is_healthy`: whether one is due now.
    pub async fn keep_heartbeat(
        &self,
        reloaded: &Notify,
        is_healthy: impl Fn(HealthMeaning) -> bool,
    ) {
        let app = &self.app;
        let setup = || app.setup();
        let secrets = || Arc::clone(&app.secrets);
        keep_heartbeat(setup, secrets, &app.clock, reloaded, is_healthy).await;
    }
}

/// Sends the heartbeats of a configuration until it is dropped.
pub async fn keep_heartbeat(
    setup: impl Fn() -> Arc<Setup>,
    secrets: impl Fn() -> Arc<Secrets>,
    clock: &Clock,
    reloaded: &Notify,
    is_healthy: impl Fn(HealthMeaning) -> bool,
) {
    let mut is_logged = false;
    loop {
        let setup = setup();
        let alerts = setup.config.alerts.as_ref();
        let pause = match alerts.and_then(|alerts| alerts.heartbeat.as_ref()) {
            None => None,
            Some(heartbeat) => {
                if is_healthy(heartbeat.when) {
                    let sent = beat(heartbeat, &secrets()).await;
                    note(sent, &mut is_logged);
                }
                Some(heartbeat.every.0)
            }
        };
        tokio::select! {
            () = reloaded.notified() => {}
            () = rest(clock, pause) => {}
        }
    }
}

async fn rest(clock: &Clock, pause: Option<Duration>) {
    match pause {
        Some(pause) => clock.sleep(pause).await,
        None => pending().await,
    }
}

async fn beat(heartbeat: &HeartbeatConfig, secrets: &Secrets) -> Result<(), String> {
    let address = secrets.fetch(&heartbeat.url);
    let address = address.map_err(|error| error.to_string())?;
    send_heartbeat(address.expose_secret()).await
}

/// Logs the first failure of a row, and its end.
fn note(sent: Result<(), String>, is_logged: &mut bool) {
    match sent {
        Ok(()) if std::mem::take(is_logged) => tracing::info!("the heartbeat is received again"),
        Ok(()) => {}
        Err(why) if !std::mem::replace(is_logged, true) => {
            tracing::warn!("could not send a heartbeat, the next one is tried at its time: {why}");
        }
        Err(_) => {}
    }
}

#[cfg(test)]
mod tests;
