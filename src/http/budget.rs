//! What a run may spend: its time, and the requests it may repeat.
//!
//! One budget a run, shared by everything that it asks for. When the bucket of repeats is empty a
//! failure is final at once, so a vendor in trouble does not get five times its usual load.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};

use super::error::HttpError;
use crate::clock::Clock;
use crate::model::retry::{Failed, POLITE, Then, Worth, within_bucket};

/// The time and the repeats that a run may spend. Clones share what is left.
#[derive(Clone)]
pub struct RunBudget(Arc<Budget>);

/// Somebody who is told that the run lives, and for how long nothing more may be heard of it.
pub type Ear = Arc<dyn Fn(Duration) + Send + Sync>;

struct Budget {
    clock: Clock,
    ear: Ear,
    end: Duration,
    pages: AtomicU64,
    sent: AtomicU64,
    retries: AtomicU64,
    spare: Mutex<Vec<Vec<u8>>>,
}

/// At most so many bodies are kept to be filled again, and none with more room than this.
const SPARE_BODIES: usize = 1;
const LARGEST_SPARE: usize = 4 << 20;

impl RunBudget {
    /// How long a run may take when nothing else is said.
    pub const USUAL: Duration = Duration::from_secs(30 * 60);

    /// A budget that starts now.
    pub fn new(clock: &Clock, length: Duration) -> Self {
        Self::told(clock, length, Arc::new(|_| {}))
    }

    /// The same; `ear` hears of every request and every wait, and must not block.
    pub fn told(clock: &Clock, length: Duration, ear: Ear) -> Self {
        let end = clock.running().saturating_add(length);
        let (pages, sent, retries) = Default::default();
        Self(Arc::new(Budget {
            clock: clock.clone(),
            ear,
            end,
            pages,
            sent,
            retries,
            spare: Mutex::default(),
        }))
    }

    /// Requests sent to the vendor's API so far, repeats included, token requests not.
    pub fn requests(&self) -> u64 {
        self.0.sent.load(Ordering::Relaxed)
    }

    /// Requests repeated so far.
    pub fn retries(&self) -> u64 {
        self.0.retries.load(Ordering::Relaxed)
    }

    /// What is left of the run's time; zero when it is over.
    pub fn left(&self) -> Duration {
        self.0.end.saturating_sub(self.0.clock.running())
    }

    /// Memory of a body that was decoded, empty: taking each body's anew costs the kernel as much as the network does.
    pub(super) fn spare(&self) -> Vec<u8> {
        self.with_spare(Vec::pop).unwrap_or_default()
    }

    /// Keeps a body's memory for the next one of this run.
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

    /// A request is sent; its answer takes this long at most.
    pub(super) fn count_request(&self, longest: Duration) {
        (self.0.ear)(longest);
        self.0.sent.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits, and says so.
    pub(super) async fn sleep(&self, length: Duration) {
        (self.0.ear)(length);
        self.0.clock.sleep(length).await;
    }

    /// A free place. Whoever has one may keep it for as long as a vendor wants peace, so a wait is told.
    pub(super) async fn place<'a>(
        &self,
        places: &'a Semaphore,
    ) -> Result<SemaphorePermit<'a>, AcquireError> {
        if let Ok(place) = places.try_acquire() {
            return Ok(place);
        }
        (self.0.ear)(self.left());
        places.acquire().await
    }

    /// What to do after a failed attempt.
    pub(super) fn after(&self, tries: Tries, error: &HttpError, dice: f64) -> Then {
        let kind = error.kind();
        let failed = Failed {
            attempt: tries.attempt,
            mangled: tries.mangled,
            worth: kind.worth(),
            asked: kind.asked(),
            left: self.left(),
        };
        match POLITE.after(failed, dice) {
            Then::Wait(_) if !self.take_retry() => Then::Stop,
            then => then,
        }
    }

    fn take_retry(&self) -> bool {
        let pages = self.0.pages.load(Ordering::Relaxed);
        self.0
            .retries
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |retries| {
                within_bucket(pages, retries).then_some(retries + 1)
            })
            .is_ok()
    }
}

/// Where the attempts at one page stand.
#[derive(Clone, Copy)]
pub(super) struct Tries {
    pub attempt: u32,
    mangled: u32,
}

impl Tries {
    /// Before the first attempt.
    pub fn none() -> Self {
        Self {
            attempt: 0,
            mangled: 0,
        }
    }

    /// One more attempt has failed.
    pub fn failed(&mut self, worth: Worth) {
        self.attempt += 1;
        self.mangled += u32::from(worth == Worth::OneMore);
    }
}
