//! Notifications to systemd: ready, reloading, stopping, one line of status, and the watchdog.
//!
//! Without systemd nothing is sent. Only the loop notifies the watchdog, after a turn in which everything made
//! progress; no task merely pings.

use std::time::Duration;

use sd_notify::NotifyState;

use super::engine::Event;

/// The service manager that started us, if any.
#[derive(Debug)]
pub(super) struct Service {
    watchdog: Option<Duration>,
    line: String,
}

impl Service {
    /// From `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    pub(super) fn of_environment() -> Self {
        Self {
            watchdog: sd_notify::watchdog_enabled(),
            line: String::new(),
        }
    }

    /// The longest time between two watchdog notifications: half its timeout.
    pub(super) fn alive_every(&self) -> Option<Duration> {
        self.watchdog.map(|longest| longest / 2)
    }

    /// Notifies the service manager of an event; `line` is the status after it.
    pub(super) fn notify(&mut self, event: &Event, line: &str) {
        let mut states = Vec::new();
        match event {
            Event::Ready | Event::Reloaded | Event::ReloadRefused(_) => {
                states.push(NotifyState::Ready);
            }
            Event::Reloading => {
                states.push(NotifyState::Reloading);
                // Required by `Type=notify-reload` since systemd 253; the reload would count as failed.
                states.extend(NotifyState::monotonic_usec_now().ok());
            }
            Event::Stopping => states.push(NotifyState::Stopping),
            Event::Alive if self.watchdog.is_some() => states.push(NotifyState::Watchdog),
            _ => {}
        }
        let has_changed = self.line != line;
        if has_changed {
            line.clone_into(&mut self.line);
            states.push(NotifyState::Status(line));
        }
        if states.is_empty() {
            return;
        }
        if let Err(error) = sd_notify::notify(&states) {
            tracing::debug!("could not notify systemd: {error}");
        }
    }
}
