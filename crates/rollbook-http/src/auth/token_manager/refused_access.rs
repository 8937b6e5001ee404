//! Tries a refused token or key again: what worked a moment ago may work again, and a new token may not be known everywhere yet.
//!
//! First the same token once more a moment later, then a new one, and that one once more too. Requests that run
//! concurrently share the wait. A key has no successor; one that has worked is tried a third time.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Inner, TokenState};
use crate::http::AfterRefusal;
use crate::http::access::Access;

/// The wait before the same token or key is sent once more.
const A_MOMENT: Duration = Duration::from_secs(1);

/// The same for a token of this age at most: servers know a new one after a second or two, because it is copied between
/// them, or because their clocks differ (`nbf`).
const NEW: Duration = Duration::from_secs(10);
const UNTIL_KNOWN: Duration = Duration::from_secs(2);

/// The wait before the last attempt in a run with what has worked: outages of ten seconds are frequent.
const A_WHILE: Duration = Duration::from_secs(13);

/// A refused token or key that may be good.
#[derive(Clone, Copy)]
pub(super) struct RefusedAccess {
    generation: u64,
    /// How often it was sent once more.
    repeats: usize,
    /// When to send it once more.
    until: Duration,
}

impl Inner {
    /// The vendor refused this token or key. `may_replace`: the request has not been repeated with another token.
    pub(super) async fn after_refusal(&self, access: &Access, may_replace: bool) -> AfterRefusal {
        let mut state = self.state.lock().await;
        self.follow_changes(&mut state).await;
        let token_source = self.token_source();
        let current = match token_source.key() {
            Some(key) => Some(key.generation),
            None => state
                .current
                .as_ref()
                .map(|current| current.access.generation),
        };
        if current != Some(access.generation) {
            return AfterRefusal::Replaced;
        }
        let may_replace = may_replace && !token_source.is_key();
        let now = self.clock.running();
        let known = state
            .refused
            .filter(|refused| refused.generation == access.generation);
        let repeats = known.map_or(0, |refused| refused.repeats);
        if let Some(refused) = known
            && now < refused.until
        {
            return AfterRefusal::SameAgain(refused.until - now);
        }
        let wait = match repeats {
            0 if state
                .current
                .as_ref()
                .is_some_and(|current| current.age(now) <= NEW) =>
            {
                UNTIL_KNOWN
            }
            0 => A_MOMENT,
            1 if !may_replace && self.has_worked.load(Ordering::Relaxed) => A_WHILE,
            _ if may_replace => {
                state.current = None;
                return AfterRefusal::Replaced;
            }
            _ => return AfterRefusal::Stop,
        };
        state.refused = Some(RefusedAccess {
            generation: access.generation,
            repeats: repeats + 1,
            until: now + wait,
        });
        self.is_refused.store(true, Ordering::Relaxed);
        AfterRefusal::SameAgain(wait)
    }

    /// A request with this token succeeded.
    pub(super) async fn end_refusal(&self, access: &Access) {
        if !self.is_refused.load(Ordering::Relaxed) {
            return;
        }
        let mut state: tokio::sync::MutexGuard<'_, TokenState> = self.state.lock().await;
        if state
            .refused
            .is_some_and(|refused| refused.generation == access.generation)
        {
            state.refused = None;
            self.is_refused.store(false, Ordering::Relaxed);
        }
    }
}
