//! What a worker and its sources share: the configuration, the database, how long the leases last.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::ClusterDatabase;
use super::link::SourceLink;
use super::serve::ServeSource;
use rollbook_core::clock::Clock;
use rollbook_core::model::SourceName;
use rollbook_core::store::database::keep_temporary_files_in;
use rollbook_core::store::mirror_lock::{MirrorLock, lock_mirror};
use rollbook_core::store::{StoreError, make_private_folder};
use rollbook_engine::daemon::MAX_CONCURRENT_RUNS;
use rollbook_engine::setup::files::Secrets;
use rollbook_engine::setup::{CLUSTER, Folders, Setup};
use rollbook_postgres::cluster::lease::HeldUntil;

/// Sources that are opened at once: that needs the disk and the processor.
const OPENING: usize = 2;

/// What a worker and its sources share.
pub struct WorkerShared {
    /// The folders of the configuration; the state folder holds those of the sources.
    pub folders: Folders,
    /// The cluster's database.
    pub database: Arc<ClusterDatabase>,
    /// Opens the secrets.
    pub secrets: Box<dyn Fn() -> Secrets + Send + Sync>,
    /// The clock.
    pub clock: Clock,
    /// What serves a source.
    pub daemon: Box<dyn ServeSource>,
    pub(super) permits: Arc<Semaphore>,
    pub(super) opening: Semaphore,
    pub(super) held_until: Arc<Mutex<HeldUntil>>,
    setup: RwLock<Arc<Setup>>,
    links: Mutex<BTreeMap<SourceName, Arc<SourceLink>>>,
    _lock: MirrorLock,
}

impl WorkerShared {
    /// For a worker of this cluster, which alone may use the state folder from now on.
    ///
    /// # Errors
    /// When another process uses it, or it cannot be made.
    pub fn new(
        folders: Folders,
        setup: Setup,
        database: Arc<ClusterDatabase>,
        secrets: Box<dyn Fn() -> Secrets + Send + Sync>,
        clock: Clock,
        daemon: Box<dyn ServeSource>,
    ) -> Result<Self, StoreError> {
        make_private_folder(&folders.state)?;
        let lock = lock_mirror(&folders.state.join(CLUSTER))?;
        keep_temporary_files_in(&folders.state);
        Ok(Self {
            _lock: lock,
            folders,
            database,
            secrets,
            clock,
            daemon,
            permits: Arc::new(Semaphore::new(MAX_CONCURRENT_RUNS)),
            opening: Semaphore::new(OPENING),
            held_until: Arc::new(Mutex::new(HeldUntil::ended())),
            setup: RwLock::new(Arc::new(setup)),
            links: Mutex::default(),
        })
    }

    /// The configuration of all sources.
    pub fn setup(&self) -> Arc<Setup> {
        let setup = self.setup.read();
        Arc::clone(&setup.unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether commands for a source reach it here now.
    pub fn serves(&self, source: &SourceName) -> bool {
        let links = self.links();
        links.get(source).is_some_and(|link| link.is_serving())
    }

    pub(super) fn link(&self, link: &Arc<SourceLink>) {
        self.links().insert(link.source.clone(), Arc::clone(link));
    }

    pub(super) fn unlink(&self, source: &SourceName) {
        self.links().remove(source);
    }

    pub(super) fn links(&self) -> std::sync::MutexGuard<'_, BTreeMap<SourceName, Arc<SourceLink>>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_setup(&self, setup: Setup) {
        *self.setup.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(setup);
    }

    pub(super) fn set_held_until(&self, until: HeldUntil) {
        *self
            .held_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = until;
    }

    pub(super) fn left(&self) -> Duration {
        let until = *self
            .held_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        until.left(self.clock.since_boot())
    }
}
