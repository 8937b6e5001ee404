//! Rows that a thread of its own reads from the mirror, while those before are on their way.

use std::ops::ControlFlow;
use std::path::Path;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::store::StoreError;
use crate::store::moment::Moment;
use crate::store::published::ChunkReader;

/// Chunks that wait for a slow database: each has some MiB.
const WAITING: usize = 1;

/// Chunks on their way.
pub(super) struct ChunkReading<T> {
    receiver: mpsc::Receiver<T>,
    task: JoinHandle<Result<(), StoreError>>,
}

impl<T: Send + 'static> ChunkReading<T> {
    /// Begins to read. All that is read is of one moment.
    pub fn start(
        mirror: &Path,
        read: impl FnOnce(&Moment, ChunkReader<'_, T>) -> Result<(), StoreError> + Send + 'static,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        let mirror = mirror.to_owned();
        let task = tokio::task::spawn_blocking(move || {
            let moment = Moment::now(&mirror)?;
            read(&moment, &mut |chunk| match sender.blocking_send(chunk) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            })
        });
        Self { receiver, task }
    }

    /// The next chunk; `None` behind the last one.
    ///
    /// # Errors
    /// When the mirror could not be read to the end: what was not read is not known to be missing.
    pub async fn next(&mut self) -> Result<Option<T>, StoreError> {
        if let Some(chunk) = self.receiver.recv().await {
            return Ok(Some(chunk));
        }
        let ended = (&mut self.task).await;
        ended.unwrap_or(Err(StoreError::Panicked)).map(|()| None)
    }
}
