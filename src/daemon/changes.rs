//! Notices that somebody has changed the configuration on disk.
//!
//! The kernel says so; nothing is looked at while nothing changes. Folders are watched, not files, because
//! editors replace files; and the folder above each one too, because a folder can be removed and come back. What
//! counts in the end is what the files hold: a file that was saved unchanged, or only read, is no change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

use super::front::absolute;
use crate::clock::Clock;
use crate::folder::fingerprint;

/// Whoever saves several files is waited for so long after the last one.
const CALM: Duration = Duration::from_millis(500);

/// And no longer than so many times that.
const PATIENCE: u32 = 10;

/// The folders of the configuration, under watch.
pub struct Changes {
    folders: Arc<[PathBuf]>,
    watched: Vec<PathBuf>,
    watcher: Option<RecommendedWatcher>,
    stirred: Arc<Notify>,
    known: u64,
}

impl Changes {
    /// Takes note of what these folders hold now; to be called before they are read.
    ///
    /// Where the kernel does not let us watch, that is logged and a reload needs SIGHUP.
    pub fn of(folders: &[PathBuf]) -> Self {
        let folders: Arc<[PathBuf]> = folders.iter().map(|folder| absolute(folder)).collect();
        let stirred = Arc::new(Notify::new());
        let mut changes = Self {
            watcher: watcher(Arc::clone(&folders), Arc::clone(&stirred)),
            watched: Vec::new(),
            stirred,
            known: 0,
            folders,
        };
        changes.watch();
        changes.known = fingerprint(&changes.folders);
        changes
    }

    /// Orders a reload whenever the files hold something else, until it is dropped.
    pub async fn follow(mut self, clock: Clock, reload: Arc<Notify>) {
        loop {
            self.stirred.notified().await;
            self.calm(&clock).await;
            // First the watch, then the look: what changes in between is seen by one of them.
            self.watch();
            let found = fingerprint(&self.folders);
            if found != self.known {
                self.known = found;
                tracing::info!("the configuration on disk has changed");
                reload.notify_one();
            }
        }
    }

    /// Waits until nothing has stirred for a moment.
    async fn calm(&self, clock: &Clock) {
        for _ in 0..PATIENCE {
            clock.sleep(CALM).await;
            if self.stirred.notified().now_or_never().is_none() {
                return;
            }
        }
    }

    /// Watches the folders as they are now; one that was replaced is another one under the same name.
    fn watch(&mut self) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        for path in std::mem::take(&mut self.watched) {
            let _ = watcher.unwatch(&path); // it may be gone
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
                        tracing::warn!(
                            "{folder} cannot be watched, a change needs SIGHUP: {error}"
                        );
                    }
                }
            }
        }
    }
}

fn watcher(folders: Arc<[PathBuf]>, stirred: Arc<Notify>) -> Option<RecommendedWatcher> {
    let heard = move |event: notify::Result<notify::Event>| match event {
        Ok(event) if !concerns(&event, &folders) => {}
        // An error may hide an event.
        Ok(_) | Err(_) => stirred.notify_one(),
    };
    notify::recommended_watcher(heard)
        .inspect_err(|error| {
            tracing::warn!("the configuration cannot be watched, a change needs SIGHUP: {error}");
        })
        .ok()
}

/// Whether something in a folder, or a folder itself, became another one. Reading is no change.
fn concerns(event: &notify::Event, folders: &[PathBuf]) -> bool {
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
