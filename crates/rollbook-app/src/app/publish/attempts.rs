//! When an attempt that failed is made again: soon where that passes by itself, and less and less often where it may not.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::states::CHECK;
use crate::app::App;
use rollbook_core::model::{PublishName, SourceName, scalar};
use rollbook_core::store::StoreError;
use rollbook_core::store::published::{self, PublishedSource};
use rollbook_engine::daemon::alerts::retry_pause;

/// The first pause after what passes by itself: others are done with the tables, a database has started again.
const SOON: SignedDuration = SignedDuration::from_secs(5);

/// The longest of these pauses.
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// A database that is away for longer is not about to come back.
const RESTART: SignedDuration = SignedDuration::from_mins(2);

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AttemptFailure {
    pub kind: FailureKind,
    /// For an admin.
    pub why: String,
}

/// What may be expected of the next attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "postgres"),
    expect(dead_code, reason = "nothing is sent")
)]
pub(super) enum FailureKind {
    /// It fails likewise until an admin does something.
    Lasting,
    /// Some streams could not be published; the others are.
    SomeStreams,
    /// Another mirror publishes the source: that of this machine.
    Claimed(String),
    /// The connection was lost, or there was none.
    Lost,
    /// Others were at the tables.
    Busy,
}

impl FailureKind {
    /// Counts the failure, if it does not pass by itself. Returns the pause.
    fn count(&self, state: &mut PublishedSource, now: Timestamp) -> Duration {
        let passed = now.duration_since(state.failed.unwrap_or(now));
        // It grows with what has passed. A clock that was set back tells nothing.
        let soon = passed.clamp(SOON, MINUTE).unsigned_abs();
        let restarts = SignedDuration::ZERO..RESTART;
        if *self == Self::Busy || *self == Self::Lost && restarts.contains(&passed) {
            return soon;
        }
        state.attempts = state.attempts.saturating_add(1);
        match self {
            // The others wait no longer than they would without a failure.
            Self::SomeStreams => retry_pause(state.attempts).min(CHECK.unsigned_abs()),
            _ => retry_pause(state.attempts),
        }
    }
}

impl App {
    /// Records how an attempt ended. Returns after how long to look again.
    pub(super) async fn note_attempt(
        &self,
        name: &PublishName,
        source: &SourceName,
        ended: Result<(), AttemptFailure>,
    ) -> Result<Duration, StoreError> {
        let now = self.clock.now();
        let known = published::source(&*self.store().reader()?, name, source)?;
        let mut state = known.unwrap_or_default();
        let pause = match ended {
            Ok(()) => {
                if state.failed.is_some() {
                    tracing::info!(publish = %name, %source, "publishing works again");
                }
                state.checked = Some(now);
                (state.attempts, state.due, state.failed) = (0, None, None);
                (state.message, state.claimed_by) = (None, None);
                CHECK.unsigned_abs()
            }
            Err(AttemptFailure { kind, why }) => {
                let before = state.attempts;
                let pause = kind.count(&mut state, now);
                let is_new = state.failed.is_none() || (before, state.attempts) == (0, 1);
                match (is_new, state.attempts) {
                    (false, _) => {
                        tracing::debug!(publish = %name, %source, "publishing failed again: {why}")
                    }
                    (true, 0) => {
                        tracing::info!(publish = %name, %source, "publishing waits: {why}")
                    }
                    (true, _) => {
                        tracing::warn!(publish = %name, %source, "publishing failed: {why}")
                    }
                }
                let until = SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
                state.due = Some(scalar::saturating_add(now, until));
                state.failed = state.failed.or(Some(now));
                state.message = Some(why);
                state.claimed_by = match kind {
                    FailureKind::Claimed(by) => Some(by),
                    _ => None,
                };
                pause
            }
        };
        let (name, source) = (name.clone(), source.clone());
        let save =
            move |connection: &mut _| published::save_source(connection, &name, &source, &state);
        self.store().write(save).await?;
        Ok(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: Timestamp = Timestamp::constant(1_772_436_000, 0);

    /// Each failure comes when the pause of the one before is over.
    #[test]
    fn pauses() {
        let claimed = FailureKind::Claimed("other".to_owned());
        let (lasting, streams) = (FailureKind::Lasting, FailureKind::SomeStreams);
        for (kind, seconds, counted) in [
            (lasting, [60, 300, 1_800, 7_200, 21_600], 5),
            (claimed, [60, 300, 1_800, 7_200, 21_600], 5),
            (streams, [60, 300, 1_800, 3_600, 3_600], 5),
            (FailureKind::Busy, [5, 5, 10, 20, 40], 0),
            (FailureKind::Lost, [5, 5, 10, 20, 40], 0),
        ] {
            let mut state = PublishedSource::default();
            let mut now = FAILED;
            let pauses = [(); 5].map(|()| {
                let pause = kind.count(&mut state, now);
                state.failed = Some(FAILED);
                now += pause;
                pause.as_secs()
            });
            assert_eq!((pauses, state.attempts), (seconds, counted), "{kind:?}");
        }
    }

    #[test]
    fn what_lasts_is_counted_and_what_waits_for_others_never() {
        for (kind, passed, attempts, expected) in [
            (FailureKind::Lost, 119, 0, (60, 0)),
            (FailureKind::Lost, 120, 0, (60, 1)),
            (FailureKind::Lost, 3_600, 2, (1_800, 3)),
            (FailureKind::Busy, 3_600, 0, (60, 0)),
            (FailureKind::Busy, 3_600, 2, (60, 2)),
            // The clock was set back.
            (FailureKind::Lost, -3_600, 0, (60, 1)),
            (FailureKind::Busy, -3_600, 0, (5, 0)),
        ] {
            let mut state = PublishedSource {
                failed: Some(FAILED),
                attempts,
                ..PublishedSource::default()
            };
            let now = FAILED + SignedDuration::from_secs(passed);
            let pause = kind.count(&mut state, now);
            let found = (pause.as_secs(), state.attempts);
            assert_eq!(found, expected, "{kind:?} {passed} {attempts}");
        }
    }
}
