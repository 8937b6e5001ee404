//! Detects changes of the configuration on disk.
//!
//! Uses the kernel's file notifications, so nothing is polled. Folders are watched, not files, because editors replace
//! files; and the parent of each one too, because a folder can be removed and created again. The content decides: a
//! file that was saved unchanged, or only read, is no change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

use super::status_publisher::absolute;
use crate::clock::Clock;
use crate::folder::fingerprint;

/// How long to wait after the last event, so that several saved files are one reload.
const DEBOUNCE: Duration = Duration::from_millis(500);

/// The most times that wait is repeated.
const MAX_DELAYS: u32 = 10;

/// The watched folders of the configuration.
pub struct Changes {
    folders: Arc<[PathBuf]>,
    watched: Vec<PathBuf>,
    watcher: Option<RecommendedWatcher>,
    changed: Arc<Notify>,
    known: u64,
}

impl Changes {
    /// Starts to watch and remembers the current content; call it before the files are read.
    ///
    /// If the kernel refuses a watch, that is logged and a reload needs SIGHUP.
    pub fn of(folders: &[PathBuf]) -> Self {
        let folders: Arc<[PathBuf]> = folders.iter().map(|folder| absolute(folder)).collect();
        let changed = Arc::new(Notify::new());
        let mut changes = Self {
            watcher: watcher(Arc::clone(&folders), Arc::clone(&changed)),
            watched: Vec::new(),
            changed,
            known: 0,
            folders,
        };
        changes.watch();
        changes.known = fingerprint(&changes.folders);
        changes
    }

    /// Requests a reload whenever the content of the files changes, until it is dropped.
    pub async fn follow(mut self, clock: Clock, reload: Arc<Notify>) {
        loop {
            self.changed.notified().await;
            self.debounce(&clock).await;
            // First the watches, then the content: a change in between is seen by one of them.
            self.watch();
            let found = fingerprint(&self.folders);
            if found != self.known {
                self.known = found;
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

    /// Renews the watches: a folder that was replaced is a new one under the same name.
    fn watch(&mut self) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        for path in std::mem::take(&mut self.watched) {
            let _ = watcher.unwatch(&path); // the folder may be removed
        }
        for folder in self.folders.iter() {
            let above = folder.ancestors().skip(1).find(|above| above.is_dir());
            for path in [Some(folder.as_path()), above].into_iter().flatten() {
                if !path.is_dir() || self.watched.iter().any(|watched| watched == path) {
                    continue;
                }
                match watcher.watch(path, RecursiveMode::NonRecursive) {
                    Ok(()) => self.watched.push(path.to_owned()),
                    Err(error) => {
                        let folder = path.display();
                        tracing::warn!("cannot watch {folder}, a change needs SIGHUP: {error}");
                    }
                }
            }
        }
    }
}

fn watcher(folders: Arc<[PathBuf]>, changed: Arc<Notify>) -> Option<RecommendedWatcher> {
    let on_event = move |event: notify::Result<notify::Event>| match event {
        Ok(event) if !is_relevant(&event, &folders) => {}
        // An error may hide an event.
        Ok(_) | Err(_) => changed.notify_one(),
    };
    notify::recommended_watcher(on_event)
        .inspect_err(|error| {
            tracing::warn!("cannot watch the configuration, a change needs SIGHUP: {error}");
        })
        .ok()
}

/// Whether something in a folder, or a folder itself, may have changed. Reading is no change.
fn is_relevant(event: &notify::Event, folders: &[PathBuf]) -> bool {
    let is_read = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => false,
        EventKind::Access(_) => true,
        _ => false,
    };
    let is_near = |path: &Path| {
        folders
            .iter()
            .any(|folder| path.parent() == Some(folder) || folder.starts_with(path))
    };
    !is_read && (event.need_rescan() || event.paths.iter().any(|path| is_near(path)))
}

#[cfg(test)]
mod tests;
