//! What systemd is told: ready, reloading, stopping, one line of status, and that we live.
//!
//! Without systemd nothing is sent. The watchdog is told from the loop alone, when it has come round and
//! everybody gets on; there is no task that only pings.

use std::time::Duration;

use sd_notify::NotifyState;

use super::engine::Event;

/// The service manager that started us, or nobody.
#[derive(Debug)]
pub(super) struct Service {
    watchdog: Option<Duration>,
    line: String,
}

impl Service {
    /// As the environment says: `NOTIFY_SOCKET`, `WATCHDOG_USEC` and, if that is meant for us, `WATCHDOG_PID`.
    pub(super) fn of_environment() -> Self {
        Self {
            watchdog: sd_notify::watchdog_enabled(),
            line: String::new(),
        }
    }

    /// How often the watchdog wants to hear of us at least: twice within its time.
    pub(super) fn alive_every(&self) -> Option<Duration> {
        self.watchdog.map(|longest| longest / 2)
    }

    /// Passes on what concerns the service manager; `line` is the status after the event.
    pub(super) fn tell(&mut self, event: &Event, line: &str) {
        let mut states = Vec::new();
        match event {
            Event::Ready | Event::Reloaded | Event::ReloadRefused(_) => {
                states.push(NotifyState::Ready);
            }
            Event::Reloading => {
                states.push(NotifyState::Reloading);
                // Without it systemd 253 and later would take the reload for a failure.
                states.extend(NotifyState::monotonic_usec_now().ok());
            }
            Event::Stopping => states.push(NotifyState::Stopping),
            Event::Alive if self.watchdog.is_some() => states.push(NotifyState::Watchdog),
            _ => {}
        }
        let is_news = self.line != line;
        if is_news {
            line.clone_into(&mut self.line);
            states.push(NotifyState::Status(line));
        }
        if states.is_empty() {
            return;
        }
        if let Err(error) = sd_notify::notify(&states) {
            tracing::debug!("systemd could not be told: {error}");
        }
    }
}
