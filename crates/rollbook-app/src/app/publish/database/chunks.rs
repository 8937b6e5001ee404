//! Rows that a thread of its own reads from the mirror, while those before are on their way.
//!
//! Not one of the runtime's few threads for blocking work: it stands still while the database is slow, and runs must not wait for that.

use std::ops::ControlFlow;
use std::path::Path;
use std::thread;

use tokio::sync::{mpsc, oneshot};

use rollbook_core::store::StoreError;
use rollbook_core::store::moment::Moment;
use rollbook_core::store::published::ChunkReader;

/// Chunks that wait for a slow database: each has some MiB.
const WAITING: usize = 1;

/// Chunks on their way.
pub(super) struct ChunkReading<T> {
    receiver: mpsc::Receiver<T>,
    ended: oneshot::Receiver<Result<(), StoreError>>,
}

impl<T: Send + 'static> ChunkReading<T> {
    /// Begins to read. All that is read is of one moment.
    pub fn start(
        mirror: &Path,
        read: impl FnOnce(&Moment, ChunkReader<'_, T>) -> Result<(), StoreError> + Send + 'static,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        let (done, ended) = oneshot::channel();
        let mirror = mirror.to_owned();
        let work = move || {
            let read_all = || {
                let moment = Moment::now(&mirror)?;
                read(&moment, &mut |chunk| match sender.blocking_send(chunk) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                })
            };
            let _ = done.send(read_all()); // who asked may have been stopped
        };
        let named = thread::Builder::new().name("publish".to_owned());
        if let Err(error) = named.spawn(work) {
            tracing::warn!("no thread to read the mirror for publishing: {error}");
        }
        Self { receiver, ended }
    }

    /// The next chunk; `None` behind the last one.
    ///
    /// # Errors
    /// When the mirror could not be read to the end: what was not read is not known to be missing.
    pub async fn next(&mut self) -> Result<Option<T>, StoreError> {
        if let Some(chunk) = self.receiver.recv().await {
            return Ok(Some(chunk));
        }
        let ended = (&mut self.ended).await;
        ended.unwrap_or(Err(StoreError::Panicked)).map(|()| None)
    }
}
