//! Follows changes of a source's secrets and CA file without a restart: a changed one is used at the next token request, a
//! changed key at the next request.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::{Inner, TokenState};
use crate::auth::token_source::{TokenRules, TokenSource};
use rollbook_core::blocking::blocking;

/// Fetches the rules again: with their fingerprint, if it is not this one. Reads files.
pub type Refetch = Arc<dyn Fn(u64) -> Option<(u64, TokenRules)> + Send + Sync>;

/// The files of a key are read at most once in this time.
const KEY_INTERVAL: Duration = Duration::from_secs(1);

/// Fetches the rules again.
pub(super) struct Follower {
    fingerprint: AtomicU64,
    /// When they were fetched last, in milliseconds of the clock's running time.
    last: AtomicU64,
    refetch: Refetch,
}

impl Follower {
    pub fn new(fingerprint: u64, refetch: Refetch) -> Self {
        Self {
            fingerprint: AtomicU64::new(fingerprint),
            last: AtomicU64::new(0),
            refetch,
        }
    }
}

impl Inner {
    /// Uses changed rules from now on. What was refused before no longer counts. A token that is in use stays.
    pub(super) async fn follow_changes(&self, state: &mut TokenState) {
        let Some(follower) = &self.follower else {
            return;
        };
        let known = follower.fingerprint.load(Ordering::Relaxed);
        let refetch = Arc::clone(&follower.refetch);
        let found = blocking(move || {
            let (fingerprint, rules) = refetch(known)?;
            Some((fingerprint, TokenSource::of(&rules)))
        });
        let Some((fingerprint, token_source)) = found.await else {
            return;
        };
        let mut token_source = match token_source {
            Ok(token_source) => token_source,
            Err(kind) => {
                let error = kind.at(self.step(), "");
                tracing::warn!(source = %self.source, %error, "a changed secret or certificate cannot be used; the old one remains in use");
                return;
            }
        };
        follower.fingerprint.store(fingerprint, Ordering::Relaxed);
        state.generation += 1;
        if let TokenSource::Key(access) = &mut token_source {
            access.generation = state.generation;
        }
        (state.rest, state.refused, state.failures) = (None, None, 0);
        self.has_worked.store(false, Ordering::Relaxed);
        let mut current = self
            .token_source
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(token_source);
        tracing::info!(source = %self.source, "a secret or certificate of the source has changed and is used from now on");
    }

    /// The same before a request with a key, at most once a second.
    pub(super) async fn follow_changes_of_a_key(&self) {
        let Some(follower) = &self.follower else {
            return;
        };
        let now = u64::try_from(self.clock.running().as_millis()).unwrap_or(u64::MAX);
        let interval = u64::try_from(KEY_INTERVAL.as_millis()).unwrap_or(u64::MAX);
        let last = follower.last.load(Ordering::Relaxed);
        if now.saturating_sub(last) < interval {
            return;
        }
        follower.last.store(now, Ordering::Relaxed);
        self.follow_changes(&mut *self.state.lock().await).await;
    }
}
