//! Connections that only read. During a run they are kept open, because to open one means to parse the mirror's schema;
//! an idle program has none.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::error::StoreError;

/// A run reads with one connection for its page and one for short questions.
const MAX_IDLE: usize = 2;

/// The readers of one mirror.
#[derive(Debug, Default)]
pub(super) struct Readers {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    runs: usize,
    idle: Vec<Connection>,
}

/// A connection that only reads, until it is dropped.
#[derive(Debug)]
pub struct ReadConnection {
    /// `None` only while it is dropped.
    connection: Option<Connection>,
    readers: Arc<Readers>,
}

/// While one exists, readers stay open for the next use.
#[derive(Debug)]
pub struct KeptReaders(Arc<Readers>);

impl Readers {
    /// One that is open already, or a new one.
    pub(super) fn get(
        self: &Arc<Self>,
        open: impl FnOnce() -> Result<Connection, StoreError>,
    ) -> Result<ReadConnection, StoreError> {
        let idle = self.kept().idle.pop();
        let connection = match idle {
            Some(connection) => connection,
            None => open()?,
        };
        Ok(ReadConnection {
            connection: Some(connection),
            readers: Arc::clone(self),
        })
    }

    /// Keeps readers open until the result is dropped.
    pub(super) fn keep(self: &Arc<Self>) -> KeptReaders {
        self.kept().runs += 1;
        KeptReaders(Arc::clone(self))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for ReadConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("it is not dropped yet")
    }
}

impl Drop for ReadConnection {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        // Its cache is worth less than the memory: the pages are in the system's cache too.
        let is_clean =
            connection.is_autocommit() && connection.execute_batch("PRAGMA shrink_memory").is_ok();
        let mut kept = self.readers.kept();
        if is_clean && kept.runs > 0 && kept.idle.len() < MAX_IDLE {
            kept.idle.push(connection);
        }
    }
}

impl Drop for KeptReaders {
    fn drop(&mut self) {
        let mut kept = self.0.kept();
        kept.runs -= 1;
        if kept.runs == 0 {
            kept.idle.clear();
        }
    }
}

#[cfg(test)]
mod tests;
