//! What serves a source while a worker has it: the trait that connects it to the program's daemon.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::app::{App, SetupLoader};
use rollbook_core::model::JobName;
use rollbook_engine::setup::Folders;

/// Serves sources of a worker: the daemon's loop, alerts, hooks and what else a machine does that has the source alone.
pub trait ServeSource: Send + Sync {
    /// Until `stop`, which takes five seconds at most; or why the mirror cannot be written any more.
    fn serve(&self, source: ServedSource) -> BoxFuture<'static, Result<(), String>>;
}

/// A source to serve.
pub struct ServedSource {
    /// The application of this source alone.
    pub app: Arc<App>,
    /// Its folders.
    pub folders: Folders,
    /// Where a reload gets its configuration from.
    pub load: SetupLoader,
    /// Jobs to run at once: their runs had begun where the source was before.
    pub unfinished: Vec<JobName>,
    /// Runs that are allowed at once, of all sources.
    pub permits: Arc<tokio::sync::Semaphore>,
    /// Notified when the configuration has changed.
    pub reload: Arc<tokio::sync::Notify>,
    /// Ends it.
    pub stop: CancellationToken,
    /// Called with whether everything makes progress, at every turn of the loop.
    pub progress: Arc<dyn Fn(bool) + Send + Sync>,
}
