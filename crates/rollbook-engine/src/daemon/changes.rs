//! Detects changes of the configuration on disk.
//!
//! Uses the kernel's file notifications, so nothing is polled. Folders are watched, not files, because editors replace
//! files; also the parent of each folder, because a folder can be removed and created again, and every folder with a link
//! on the way. The content decides: a file that was saved unchanged, or only read, is no change.

mod links;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

use self::links::Trace;
use super::loaded_files::{FileReading, LoadedFiles};
use super::status_publisher::absolute;
use rollbook_core::clock::Clock;

/// How long to wait after the last event, so that several saved files are one reload.
const DEBOUNCE: Duration = Duration::from_millis(500);

/// The most times that wait is repeated.
const MAX_DELAYS: u32 = 10;

/// How often links are followed again if they changed meanwhile.
const MAX_TRACES: u32 = 5;

/// The watched folders of the configuration.
pub struct Changes {
    folders: Vec<PathBuf>,
    watched: Vec<PathBuf>,
    watcher: Option<RecommendedWatcher>,
    trace: Arc<Mutex<Trace>>,
    changed: Arc<Notify>,
    files: Arc<LoadedFiles>,
    first_reading: Option<FileReading>,
}

impl Changes {
    /// Starts to watch and remembers the current content; call it before the files are read, and [`Self::loaded`]
    /// afterwards.
    ///
    /// If the kernel refuses a watch, that is logged and a reload needs SIGHUP.
    pub fn of(folders: &[PathBuf]) -> Self {
        let folders: Vec<PathBuf> = folders.iter().map(|folder| absolute(folder)).collect();
        let (changed, trace) = (Arc::new(Notify::new()), Arc::default());
        let files = Arc::new(LoadedFiles::of(&folders, Arc::clone(&changed)));
        let mut changes = Self {
            watcher: watcher(Arc::clone(&trace), Arc::clone(&changed)),
            watched: Vec::new(),
            folders,
            trace,
            changed,
            files: Arc::clone(&files),
            first_reading: None,
        };
        changes.watch();
        changes.first_reading = Some(files.begin());
        changes
    }

    /// The files were read, and their configuration is in force.
    pub fn loaded(&mut self) -> Arc<LoadedFiles> {
        if let Some(reading) = self.first_reading.take() {
            let content = self.files.end(reading);
            self.files.set_in_force(content);
        }
        Arc::clone(&self.files)
    }

    /// Requests a reload whenever the files on disk are not those that were read last, until it is dropped.
    pub async fn follow(mut self, clock: Clock, reload: Arc<Notify>) {
        loop {
            self.changed.notified().await;
            self.debounce(&clock).await;
            // First the watches, then the content: a change in between is seen by one of them.
            self.watch();
            if !self.files.are_read() {
                tracing::info!("the configuration on disk has changed");
                reload.notify_one();
            }
        }
    }

    /// Waits until events have stopped for [`DEBOUNCE`].
    async fn debounce(&self, clock: &Clock) {
        for _ in 0..MAX_DELAYS {
            clock.sleep(DEBOUNCE).await;
            if self.changed.notified().now_or_never().is_none() {
                return;
            }
        }
    }

    /// Renews the watches: a folder that was replaced is a new one under the same name, and a link may lead elsewhere.
    fn watch(&mut self) {
        for _ in 0..MAX_TRACES {
            let trace = Trace::of(&self.folders);
            self.watch_folders(&trace);
            // A link that changed before its folder was watched is seen here.
            let is_current = trace == Trace::of(&self.folders);
            *self.trace.lock().unwrap_or_else(PoisonError::into_inner) = trace;
            if is_current {
                return;
            }
        }
        // Links change all the time: compare the content once more.
        self.changed.notify_one();
    }

    fn watch_folders(&mut self, trace: &Trace) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        for path in std::mem::take(&mut self.watched) {
            let _ = watcher.unwatch(&path); // the folder may be removed
        }
        for folder in trace.watched().filter(|folder| folder.is_dir()) {
            match watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => self.watched.push(folder.to_owned()),
                Err(error) => {
                    let folder = folder.display();
                    tracing::warn!("cannot watch {folder}, a change needs SIGHUP: {error}");
                }
            }
        }
    }
}

fn watcher(trace: Arc<Mutex<Trace>>, changed: Arc<Notify>) -> Option<RecommendedWatcher> {
    let on_event = move |event: notify::Result<notify::Event>| match event {
        Ok(event)
            if !is_relevant(
                &event,
                &trace.lock().unwrap_or_else(PoisonError::into_inner),
            ) => {}
        // An error may hide an event.
        Ok(_) | Err(_) => changed.notify_one(),
    };
    notify::recommended_watcher(on_event)
        .inspect_err(|error| {
            tracing::warn!("cannot watch the configuration, a change needs SIGHUP: {error}");
        })
        .ok()
}

/// Whether the files may have changed, or what leads to them. Reading is no change.
fn is_relevant(event: &notify::Event, trace: &Trace) -> bool {
    let is_read = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => false,
        EventKind::Access(_) => true,
        _ => false,
    };
    let is_near = || event.paths.iter().any(|path| trace.is_relevant(path));
    !is_read && (event.need_rescan() || is_near())
}

#[cfg(test)]
mod tests;
