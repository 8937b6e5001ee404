//! A source that this worker has: its folder is filled, a daemon of its own serves it, and it is given back.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::ClusterDatabase;
use super::error::ClusterError;
use super::files::{FileHashes, fill};
use super::link::SourceLink;
use super::serve::ServedSource;
use super::shared::WorkerShared;
use crate::app::App;
use rollbook_core::blocking::blocking;
use rollbook_core::model::{JobName, SourceName};
use rollbook_core::store::{StoreError, make_private_folder};
use rollbook_engine::setup::{Folders, beside};
use rollbook_postgres::cluster::lease::HeldLease;
use rollbook_postgres::postgres::cluster::leases;

/// How often what was written beside runs is shipped.
const SHIP_EVERY: Duration = Duration::from_secs(5);

/// How long the end of a source waits until tokens and counts are in the database.
const SETTLE: Duration = Duration::from_secs(20);

/// How long to wait for what still uses the files of a source that ended.
const LET_GO: Duration = Duration::from_secs(10);

/// A claimed source, and how it ends.
pub(super) struct HeldSource {
    pub(super) worker: Arc<WorkerShared>,
    pub(super) source: SourceName,
    pub(super) lease: HeldLease,
    /// What the database has of its files.
    pub(super) content: Option<String>,
    /// Cancelled to give it back.
    pub(super) stop: CancellationToken,
    /// Cancelled when it is another's.
    pub(super) lost: CancellationToken,
    pub(super) reload: Arc<tokio::sync::Notify>,
    pub(super) progress: Arc<dyn Fn(bool) + Send + Sync>,
}

impl HeldSource {
    /// Serves the source until it is given back or lost. The error is why this worker cannot have it.
    pub(super) async fn hold(self) -> Result<(), ClusterError> {
        let folders = self.worker.folders.of_source(&self.source);
        remove_folder(&folders.state).await?;
        let held = self.fill_and_serve(&folders).await;
        let is_removed = remove_folder(&folders.state).await;
        // Not before the folder is gone: who gave a source back keeps no copy of its pupils.
        if !self.lost.is_cancelled() {
            release(&self.worker.database, &self.source, &self.lease.claim).await;
        }
        held.and(is_removed.map_err(ClusterError::from))
    }

    async fn fill_and_serve(&self, folders: &Folders) -> Result<(), ClusterError> {
        make_private_folder(&folders.state)?;
        let setup = self.worker.setup().of_source(&self.source);
        let mirror = folders.mirror(&setup);
        make_private_folder(beside(&mirror))?;
        let files = match &self.content {
            None => FileHashes::default(),
            Some(content) => {
                let filled = fill(&self.worker.database, &self.source, &mirror, content);
                tokio::select! {
                    biased;
                    () = self.lost.cancelled() => return Ok(()),
                    () = self.stop.cancelled() => return Ok(()),
                    filled = filled => filled?,
                }
            }
        };
        let link = Arc::new(SourceLink::new(
            self.source.clone(),
            Arc::clone(&self.worker.database),
            self.worker.clock.clone(),
            Arc::clone(&self.worker.held_until),
            (self.lease.clone(), self.lost.clone()),
            files,
        ));
        let secrets = (self.worker.secrets)();
        let clock = self.worker.clock.clone();
        let opening = tokio::select! {
            biased;
            () = self.lost.cancelled() => return Ok(()),
            () = self.stop.cancelled() => return Ok(()),
            opening = self.worker.opening.acquire() => opening,
        };
        // It waits for the disk, so not on a thread that heartbeats need.
        let (folders_of, runtime) = (folders.clone(), tokio::runtime::Handle::current());
        let linked = Arc::clone(&link);
        let opened = blocking(move || {
            let opening = App::open_in_cluster(&folders_of, setup, secrets, clock, linked);
            runtime.block_on(opening)
        });
        let (app, unfinished) = opened.await?;
        drop(opening);
        self.worker.link(&link);
        let app = Arc::new(app);
        let ended = self.serve(folders, (&app, &link), unfinished).await;
        link.set_serving(false);
        let is_lost = self.lost.is_cancelled();
        // What it wrote last; a mirror that cannot be written is given up as it was shipped last.
        if !is_lost && ended.is_ok() {
            app.ship().await;
        }
        // A new token belongs to the source, and not to the worker that has it.
        app.settle_tokens(SETTLE).await;
        self.worker.unlink(&self.source);
        let_go(app, &self.worker).await;
        match ended {
            Err(why) if !is_lost => Err(ClusterError::Mirror(why)),
            _ => Ok(()),
        }
    }

    async fn serve(
        &self,
        folders: &Folders,
        (app, link): (&Arc<App>, &SourceLink),
        unfinished: Vec<JobName>,
    ) -> Result<(), String> {
        if !app.ship().await {
            return Ok(());
        }
        let (worker, source) = (Arc::clone(&self.worker), self.source.clone());
        let end = CancellationToken::new();
        let served = self.worker.daemon.serve(ServedSource {
            app: Arc::clone(app),
            folders: folders.clone(),
            load: Arc::new(move || Ok(worker.setup().of_source(&source))),
            unfinished,
            permits: Arc::clone(&self.worker.permits),
            reload: Arc::clone(&self.reload),
            stop: end.clone(),
            progress: Arc::clone(&self.progress),
        });
        let mut served = std::pin::pin!(served);
        loop {
            tokio::select! {
                biased;
                ended = &mut served => return ended,
                () = self.lost.cancelled(), if !end.is_cancelled() => end.cancel(),
                () = self.stop.cancelled(), if !end.is_cancelled() => end.cancel(),
                // It was polled, so its daemon listens.
                () = std::future::ready(()), if link.is_serving() == end.is_cancelled() => {
                    link.set_serving(!end.is_cancelled());
                }
                () = self.worker.clock.sleep(SHIP_EVERY), if !end.is_cancelled() => {
                    if app.has_unshipped_writes() {
                        // Whether it succeeds is found out by what depends on it.
                        tokio::select! {
                            biased;
                            ended = &mut served => return ended,
                            () = self.stop.cancelled() => {}
                            _ = app.ship() => {}
                        }
                    }
                }
            }
        }
    }
}

/// Gives a source back.
pub(super) async fn release(database: &ClusterDatabase, source: &SourceName, claim: &str) {
    let released = async {
        let session = database.session().await?;
        leases::release(&session, &database.schema, source.as_str(), claim).await?;
        database.keep(session);
        Ok::<_, ClusterError>(())
    };
    if let Err(error) = released.await {
        // Another takes it when the lease ends.
        tracing::warn!(%source, "could not give the source back: {error}");
    }
}

/// Waits until nothing uses the application any more, so that its files are closed.
async fn let_go(mut app: Arc<App>, worker: &WorkerShared) {
    let begun = worker.clock.running();
    while worker.clock.running().saturating_sub(begun) < LET_GO {
        match Arc::try_unwrap(app) {
            // It closes its files.
            Ok(last) => return blocking(move || drop(last)).await,
            Err(shared) => app = shared,
        }
        worker.clock.sleep(Duration::from_millis(20)).await;
    }
    tracing::warn!("a run of a source that was given back still uses its files");
}

async fn remove_folder(folder: &Path) -> Result<(), StoreError> {
    let folder = folder.to_owned();
    let remove = move || match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::disk(
            &folder,
            "remove the folder of a source",
        )(error)),
        _ => Ok(()),
    };
    blocking(remove).await
}
