//! Notifications to systemd: more time to start, ready, reloading, stopping, one line of status, and the watchdog.
//!
//! Without systemd nothing is sent. Only the loop notifies the watchdog, after a turn in which everything made
//! progress; no task merely pings.

use std::time::Duration;

use sd_notify::NotifyState;

use super::engine::Event;
use rollbook_core::clock::Clock;

/// How often more time is asked for, and how much: the unit allows 90 seconds by itself.
const ASK_EVERY: Duration = Duration::from_secs(30);
const MORE_TIME: Duration = Duration::from_secs(90);

/// How often at most: a start that takes more than two hours is stuck.
const MAX_ASKED: u32 = 240;

/// Opens the mirror, which is upgraded once after an update: systemd gives a large one more time than the unit says.
pub async fn with_more_time<T>(clock: &Clock, start: impl Future<Output = T>) -> T {
    let clock = clock.clone();
    // A task of its own: the start blocks its thread.
    let asking = tokio::spawn(async move { ask_for_time(&clock, ask_systemd).await });
    let started = start.await;
    asking.abort();
    started
}

async fn ask_for_time(clock: &Clock, mut ask: impl FnMut(Duration)) {
    for _ in 0..MAX_ASKED {
        clock.sleep(ASK_EVERY).await;
        ask(MORE_TIME);
    }
}

fn ask_systemd(length: Duration) {
    let microseconds = u32::try_from(length.as_micros()).unwrap_or(u32::MAX);
    let _ = sd_notify::notify(&[NotifyState::ExtendTimeoutUsec(microseconds)]); // without systemd there is no limit
}

/// The service manager that started us, if any.
#[derive(Debug)]
pub struct Service {
    watchdog: Option<Duration>,
    /// The status that was sent last; `None` where nothing is sent.
    line: Option<String>,
}

impl Service {
    /// From `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    pub fn of_environment() -> Self {
        Self {
            watchdog: sd_notify::watchdog_enabled(),
            line: Some(String::new()),
        }
    }

    /// None: what a worker of a cluster does for one of its sources is not what systemd asks for.
    pub(super) fn none() -> Self {
        Self {
            watchdog: None,
            line: None,
        }
    }

    /// The longest time between two watchdog notifications: half its timeout.
    pub(super) fn alive_every(&self) -> Option<Duration> {
        self.watchdog.map(|longest| longest / 2)
    }

    /// Asks for more time for what goes on; to be repeated while it does.
    pub fn more_time(&self) {
        ask_systemd(ASK_EVERY);
    }

    /// Notifies the service manager of an event; `line` is the status after it.
    pub fn notify(&mut self, event: &Event, line: &str) {
        let Some(sent) = &mut self.line else {
            return;
        };
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
        if *sent != line {
            line.clone_into(sent);
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

#[cfg(test)]
mod tests {
    use super::*;
    use rollbook_core::clock::TestClock;

    /// Each request reaches beyond the next one, and they end.
    #[tokio::test]
    async fn a_long_start_gets_more_time_for_a_while() {
        let clock = TestClock::at("2026-03-02T06:00:00Z".parse().expect("a time")).clock();
        let mut asked = Vec::new();
        ask_for_time(&clock, |more| asked.push((clock.running(), more))).await;
        let is_in_time = |pair: &[(Duration, Duration)]| pair[0].0 + pair[0].1 > pair[1].0;
        assert!(asked.windows(2).all(is_in_time));
        assert_eq!(
            asked.last().map(|(at, _)| *at),
            Some(Duration::from_secs(2 * 3600))
        );
        assert!(
            asked[0].0 < Duration::from_secs(90),
            "before the unit's own limit"
        );
    }
}
