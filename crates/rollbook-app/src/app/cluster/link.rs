//! What an [`App`](crate::app::App) of a source in a cluster knows of the cluster: its lease, and what of its files is in the database.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::ClusterDatabase;
use super::files::FileHashes;
use rollbook_core::clock::Clock;
use rollbook_core::model::SourceName;
use rollbook_postgres::cluster::lease::{
    Activity, HeldLease, HeldUntil, LeaseRow, Position, Renewal, is_ample,
};

/// How often it is looked whether enough of a lease is left.
const LOOK: Duration = Duration::from_secs(1);

/// The link of a source that this worker has.
pub struct SourceLink {
    /// The source.
    pub source: SourceName,
    /// The cluster's database.
    pub database: Arc<ClusterDatabase>,
    /// Cancelled when the source is not this worker's any more: nothing is sent then, and its files are worth nothing.
    pub lost: CancellationToken,
    pub(super) clock: Clock,
    /// Until when this worker has its leases; one for all of its sources.
    held_until: Arc<Mutex<HeldUntil>>,
    lease: Mutex<HeldLease>,
    /// Runs that have begun and not ended.
    runs: AtomicUsize,
    /// Whether no run may begin, because the source is to be given back.
    is_leaving: AtomicBool,
    /// Whether commands reach it.
    is_serving: AtomicBool,
    /// Locked while something is shipped.
    pub(super) shipped: tokio::sync::Mutex<ShippedFiles>,
}

/// A run of the source, until it is dropped.
#[derive(Debug)]
pub struct RunOfSource(Arc<SourceLink>);

impl Drop for RunOfSource {
    fn drop(&mut self) {
        self.0.runs.fetch_sub(1, Ordering::SeqCst);
    }
}

impl fmt::Debug for SourceLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceLink({})", self.source)
    }
}

/// What the database has of the files.
pub(super) struct ShippedFiles {
    /// The pages.
    pub(super) files: FileHashes,
    /// Transactions since then whose end is not known, and what they make of it.
    pub(super) attempts: Vec<(Position, FileHashes)>,
    /// The counter of the mirror's writer when something was shipped last.
    pub(super) writes: Option<u64>,
}

impl SourceLink {
    /// The link of a source that was claimed, and whose files the database has like this.
    pub fn new(
        source: SourceName,
        database: Arc<ClusterDatabase>,
        clock: Clock,
        held_until: Arc<Mutex<HeldUntil>>,
        (lease, lost): (HeldLease, CancellationToken),
        files: FileHashes,
    ) -> Self {
        Self {
            source,
            database,
            lost,
            clock,
            held_until,
            lease: Mutex::new(lease),
            runs: AtomicUsize::new(0),
            is_leaving: AtomicBool::new(false),
            is_serving: AtomicBool::new(false),
            shipped: tokio::sync::Mutex::new(ShippedFiles {
                files,
                attempts: Vec::new(),
                writes: None,
            }),
        }
    }

    /// The claim of this worker.
    pub fn claim(&self) -> String {
        self.lease().claim.clone()
    }

    /// What is left of the lease; zero when it has ended, or the source is lost.
    pub fn left(&self) -> Duration {
        if self.lost.is_cancelled() {
            return Duration::ZERO;
        }
        let held_until = self.held_until.lock();
        let held_until = *held_until.unwrap_or_else(PoisonError::into_inner);
        held_until.left(self.clock.since_boot())
    }

    /// Waits until enough of the lease is left for a run to begin. `None` if the source is to be given back or lost, or `stop` is cancelled:
    /// the tick is known, and the worker that has the source next begins the run.
    pub(super) async fn begin_run(
        self: &Arc<Self>,
        stop: &CancellationToken,
    ) -> Option<RunOfSource> {
        while !is_ample(self.left()) {
            tokio::select! {
                biased;
                () = self.lost.cancelled() => return None,
                () = stop.cancelled() => return None,
                () = self.clock.sleep(LOOK) => {}
            }
        }
        if self.is_leaving.load(Ordering::SeqCst) {
            return None;
        }
        self.runs.fetch_add(1, Ordering::SeqCst);
        Some(RunOfSource(Arc::clone(self)))
    }

    /// Lets no run begin from now on.
    pub(super) fn leave(&self) {
        self.is_leaving.store(true, Ordering::SeqCst);
    }

    /// Whether commands reach it: not before its daemon listens, and not any more when that ends.
    pub(super) fn is_serving(&self) -> bool {
        self.is_serving.load(Ordering::SeqCst)
    }

    pub(super) fn set_serving(&self, is_serving: bool) {
        self.is_serving.store(is_serving, Ordering::SeqCst);
    }

    /// What the source does now.
    pub(super) fn activity(&self) -> Activity {
        match (self.shipped.try_lock(), self.runs.load(Ordering::SeqCst)) {
            (Err(_), _) => Activity::Publishing,
            (Ok(_), 0) => Activity::Idle,
            (Ok(_), _) => Activity::Reading,
        }
    }

    /// What the database holds, where nothing is being shipped.
    pub(super) fn position(&self) -> Option<Position> {
        let _quiet = self.shipped.try_lock().ok()?;
        Some(self.lease().position)
    }

    /// What a row means; `before` is [`SourceLink::position`] from before it was read. `None` where something is being shipped or was
    /// meanwhile: that finds out itself.
    pub(super) fn look_at(
        &self,
        before: Option<Position>,
        found: Option<&LeaseRow>,
    ) -> Option<Renewal> {
        let mut shipped = self.shipped.try_lock().ok()?;
        let is_same = before == Some(self.lease().position);
        is_same.then(|| self.renewed(&mut shipped, found))
    }

    pub(super) fn renewed(&self, shipped: &mut ShippedFiles, found: Option<&LeaseRow>) -> Renewal {
        let mut lease = self.lease();
        // Of all that were sent one at most took effect: the next one waits for the row.
        let position = found.map(|found| found.position);
        let mut attempts = shipped.attempts.iter();
        let attempt = attempts.find(|(next, _)| Some(*next) == position).cloned();
        lease.next = attempt.as_ref().map(|(next, _)| *next);
        let renewal = lease.renewed(found);
        if let (Renewal::Published, Some((position, files))) = (renewal, attempt) {
            lease.position = position;
            shipped.files = files;
            shipped.attempts.clear();
        }
        renewal
    }

    pub(super) fn lease(&self) -> MutexGuard<'_, HeldLease> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
