//! The only thread that writes the mirror; it runs tasks one after the other.
//!
//! It owns the connection and the lock, so the next holder of the lock finds a file that no other process has open.
//! Dropping it waits until the file is closed, but not for a transaction, because a stop must be quick; the process
//! ends it, and SQLite's log rolls it back.

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;

use super::error::StoreError;
use super::mirror_lock::MirrorLock;

/// A task for the mirror; its result notifies the caller.
pub(super) type Task = Box<dyn FnOnce(&mut Connection) -> NotifyCaller + Send>;

/// Called after the task is counted as ended, so that a notified caller finds the writer idle.
pub(super) type NotifyCaller = Box<dyn FnOnce() + Send>;

/// The thread, until it is dropped.
#[derive(Debug)]
pub(super) struct Writer {
    tasks: Option<mpsc::Sender<Task>>,
    thread: Option<JoinHandle<()>>,
    shared: Arc<WriterShared>,
}

#[derive(Debug, Default)]
struct WriterShared {
    /// Incremented at the beginning and end of every task; odd while one runs.
    steps: AtomicU64,
    /// The store is being closed: queued tasks are discarded.
    closing: AtomicBool,
}

impl Writer {
    /// Starts on an open mirror whose lock is held; `close` is called before the connection closes.
    pub(super) fn start(
        mut connection: Connection,
        lock: MirrorLock,
        close: fn(&Connection),
    ) -> std::io::Result<Self> {
        let (tasks, inbox) = mpsc::channel();
        let shared = Arc::new(WriterShared::default());
        let seen = Arc::clone(&shared);
        let thread = thread::Builder::new().name("store".into()).spawn(move || {
            work(&mut connection, &inbox, &seen);
            // As the last connection would by itself, also where the log's file stays (`database::keep_log`).
            close(&connection);
            // In this order, see above.
            drop(connection);
            drop(lock);
        })?;
        Ok(Self {
            tasks: Some(tasks),
            thread: Some(thread),
            shared,
        })
    }

    /// Whether the thread lives to do this.
    pub(super) fn ask(&self, task: Task) -> bool {
        self.tasks
            .as_ref()
            .is_some_and(|tasks| tasks.send(task).is_ok())
    }

    /// How often it has begun or ended something; odd while it works.
    pub(super) fn write_counter(&self) -> u64 {
        self.shared.steps.load(Ordering::SeqCst)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        drop(self.tasks.take());
        let is_idle = self.write_counter().is_multiple_of(2);
        if let (true, Some(thread)) = (is_idle, self.thread.take()) {
            let _ = thread.join(); // what broke in it was caught
        }
    }
}

fn work(connection: &mut Connection, inbox: &mpsc::Receiver<Task>, shared: &WriterShared) {
    while let Ok(task) = inbox.recv() {
        shared.steps.fetch_add(1, Ordering::SeqCst);
        // Read after the increment, so that the dropping thread can rely on it: after an even number no task follows.
        let is_wanted = !shared.closing.load(Ordering::SeqCst);
        let notify = is_wanted.then(|| task(connection));
        shared.steps.fetch_add(1, Ordering::SeqCst);
        if let Some(notify) = notify {
            notify();
        }
    }
}

/// Runs a task that may panic: then only that task fails, and its transaction is rolled back.
pub(super) fn catch_panic<T>(
    connection: &mut Connection,
    act: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let Ok(done) = panic::catch_unwind(AssertUnwindSafe(|| act(connection))) else {
        // A transaction undoes itself when it is dropped, one that was begun by hand does not.
        if !connection.is_autocommit()
            && let Err(error) = connection.execute_batch("ROLLBACK")
        {
            tracing::error!("could not roll back a task that panicked: {error}");
        }
        return Err(StoreError::Panicked);
    };
    done
}

#[cfg(test)]
mod tests;
