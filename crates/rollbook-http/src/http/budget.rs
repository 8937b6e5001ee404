//! The budget of a run: its time, and the requests that it may repeat.
//!
//! One budget per run, shared by all its requests. When the retry bucket is empty, a
//! failure is final at once, so that an overloaded vendor does not receive five times its usual load.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};

use super::error::HttpError;
use rollbook_core::clock::Clock;
use rollbook_core::model::retry::{
    DEFAULT_LIMITS, Failed, RetryDecision, RetryLimit, within_retry_budget,
};

/// The time and the retries of a run. Clones share what is left.
#[derive(Clone)]
pub struct RunBudget(Arc<BudgetState>);

/// Called at every request and wait, with the longest time until the next call.
pub type OnActivity = Arc<dyn Fn(Duration) + Send + Sync>;

struct BudgetState {
    clock: Clock,
    on_activity: OnActivity,
    end: Duration,
    pages: AtomicU64,
    sent: AtomicU64,
    retries: AtomicU64,
    spare: Mutex<Vec<Vec<u8>>>,
}

/// Buffers kept for reuse, and the largest capacity (bytes) of one.
const SPARE_BODIES: usize = 1;
const LARGEST_SPARE: usize = 4 << 20;

impl RunBudget {
    /// Time limit of a run by default.
    pub const USUAL: Duration = Duration::from_secs(30 * 60);

    /// A budget that starts now.
    pub fn new(clock: &Clock, length: Duration) -> Self {
        Self::with_observer(clock, length, Arc::new(|_| {}))
    }

    /// A budget that calls `on_activity` at every request and every wait; it must not block.
    pub fn with_observer(clock: &Clock, length: Duration, on_activity: OnActivity) -> Self {
        let end = clock.running().saturating_add(length);
        let (pages, sent, retries) = Default::default();
        Self(Arc::new(BudgetState {
            clock: clock.clone(),
            on_activity,
            end,
            pages,
            sent,
            retries,
            spare: Mutex::default(),
        }))
    }

    /// Requests sent to the vendor's API so far: with retries, without token requests.
    pub fn requests(&self) -> u64 {
        self.0.sent.load(Ordering::Relaxed)
    }

    /// Retries so far.
    pub fn retries(&self) -> u64 {
        self.0.retries.load(Ordering::Relaxed)
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// What is left of the run's time; zero when it is over.
    pub fn left(&self) -> Duration {
        self.0.end.saturating_sub(self.0.clock.running())
    }

    /// An empty buffer, reused where possible: allocating one per body costs the kernel as much time as the network.
    pub(super) fn spare(&self) -> Vec<u8> {
        self.with_spare(Vec::pop).unwrap_or_default()
    }

    /// Keeps a body's buffer for the next one of this run.
    pub(super) fn reuse(&self, mut body: Vec<u8>) {
        body.clear();
        self.with_spare(|spare| {
            if spare.len() < SPARE_BODIES && (1..=LARGEST_SPARE).contains(&body.capacity()) {
                spare.push(body);
            }
        });
    }

    fn with_spare<T>(&self, act: impl FnOnce(&mut Vec<Vec<u8>>) -> T) -> T {
        act(&mut self.0.spare.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn count_page(&self) {
        self.0.pages.fetch_add(1, Ordering::Relaxed);
    }

    /// A piece of a response has arrived; the next one, or the end, takes at most `longest`.
    pub(super) fn note_piece(&self, longest: Duration) {
        (self.0.on_activity)(longest);
    }

    /// Counts a request whose response takes at most `longest`.
    pub(super) fn count_request(&self, longest: Duration) {
        (self.0.on_activity)(longest);
        self.0.sent.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits, and reports it as activity.
    pub(super) async fn sleep(&self, length: Duration) {
        (self.0.on_activity)(length);
        self.0.clock.sleep(length).await;
    }

    /// Acquires a permit. Its holder may keep it during a pause that the vendor requested, so the wait is reported.
    pub(super) async fn acquire<'a>(
        &self,
        semaphore: &'a Semaphore,
    ) -> Result<SemaphorePermit<'a>, AcquireError> {
        if let Ok(permit) = semaphore.try_acquire() {
            return Ok(permit);
        }
        (self.0.on_activity)(self.left());
        semaphore.acquire().await
    }

    /// What to do after a failed attempt.
    pub(super) fn after(&self, tries: Tries, error: &HttpError, jitter: f64) -> RetryDecision {
        let kind = error.kind();
        let failed = Failed {
            attempt: tries.attempt,
            once_failures: tries.once_failures,
            limit: kind.retry_limit(),
            retry_after: kind.retry_after(),
            time_left: self.left(),
        };
        match DEFAULT_LIMITS.after(failed, jitter) {
            RetryDecision::Wait(_) if error.pause() > self.left() => RetryDecision::Stop,
            RetryDecision::Wait(_) if !self.take_retry() => RetryDecision::Stop,
            RetryDecision::Wait(wait) => RetryDecision::Wait(wait.max(error.pause())),
            then => then,
        }
    }

    fn take_retry(&self) -> bool {
        let pages = self.0.pages.load(Ordering::Relaxed);
        self.0
            .retries
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |retries| {
                within_retry_budget(pages, retries).then_some(retries + 1)
            })
            .is_ok()
    }
}

/// The attempts at one page so far.
#[derive(Clone, Copy)]
pub(super) struct Tries {
    pub attempt: u32,
    once_failures: u32,
}

impl Tries {
    pub fn none() -> Self {
        Self {
            attempt: 0,
            once_failures: 0,
        }
    }

    /// Counts a failed attempt.
    pub fn failed(&mut self, limit: RetryLimit) {
        self.attempt += 1;
        self.once_failures += u32::from(limit == RetryLimit::Once);
    }
}
