//! `[alerts.heartbeat]`: a request at fixed intervals, so that a service elsewhere notices when this machine is silent.
//!
//! It says that the daemon is alive and nothing else: no body, no name. A failed request is not repeated, because the next one
//! says the same.

use std::time::Duration;

use futures_util::future::pending;
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use tokio::sync::Notify;

use super::DaemonEngine;
use crate::daemon::Engine as _;
use crate::http::send_heartbeat;
use crate::setup::files::alerts::{AlertsConfig, HeartbeatCondition, HeartbeatConfig};
use crate::store::StoreError;

impl DaemonEngine {
    /// Sends heartbeats until it is dropped; `reloaded` is notified after a reload. `is_stuck`: something in the daemon makes no
    /// progress, so it is not alive.
    pub async fn keep_heartbeat(&self, reloaded: &Notify, is_stuck: impl Fn() -> bool) {
        let mut is_logged = false;
        loop {
            let alerts = self.app.setup().config.alerts.clone();
            let beat = alerts
                .as_ref()
                .and_then(|alerts| Some((alerts, alerts.heartbeat.as_ref()?)));
            let pause = match beat {
                None => None,
                Some((alerts, heartbeat)) => {
                    if !is_stuck() && self.is_beat_due(alerts, heartbeat) {
                        let sent = self.beat(heartbeat).await;
                        note(sent, &mut is_logged);
                    }
                    Some(heartbeat.every.0)
                }
            };
            tokio::select! {
                () = reloaded.notified() => {}
                () = self.rest(pause) => {}
            }
        }
    }

    async fn rest(&self, pause: Option<Duration>) {
        match pause {
            Some(pause) => self.app.clock.sleep(pause).await,
            None => pending().await,
        }
    }

    fn is_beat_due(&self, alerts: &AlertsConfig, heartbeat: &HeartbeatConfig) -> bool {
        match heartbeat.when {
            HeartbeatCondition::Alive => true,
            HeartbeatCondition::Fresh => self.is_fresh(alerts).unwrap_or(false),
        }
    }

    /// Whether no job is parked or stale.
    fn is_fresh(&self, alerts: &AlertsConfig) -> Result<bool, StoreError> {
        let (reader, now) = (self.app.store().reader()?, self.app.clock.now());
        let stale = SignedDuration::try_from(alerts.stale_after.0).unwrap_or(SignedDuration::MAX);
        for entry in self.jobs() {
            let facts = self.facts(&reader, &entry)?;
            if facts.parked || facts.is_stale(stale, now) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn beat(&self, heartbeat: &HeartbeatConfig) -> Result<(), String> {
        let address = self.app.secrets.fetch(&heartbeat.url);
        let address = address.map_err(|error| error.to_string())?;
        send_heartbeat(address.expose_secret()).await
    }
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
