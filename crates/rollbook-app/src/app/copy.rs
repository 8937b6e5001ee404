//! The copy of `[store.copy]`: made when a run changed something, and recorded.
//!
//! No run waits for it and none fails by it. Runs that end while one is made lead to one more.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{App, DaemonEngine};
use rollbook_core::model::scalar;
use rollbook_core::store::copy::record::{self, CopyState};
use rollbook_core::store::copy::{self, CopyInput, CopyStop, MadeCopy};
use rollbook_core::store::{StoreError, queries};
use rollbook_engine::setup::files::CopyConfig;
use rollbook_engine::setup::{Setup, beside, copy_group};

/// A copy that failed is tried again after so long, or after the next run.
const RETRY: Duration = Duration::from_secs(15 * 60);

/// Old versions are purged once a day without a run: so long a copy may still hold them.
const HISTORY_AGE: SignedDuration = SignedDuration::from_hours(24);

/// Where the copy is, however the folders were given to this process.
pub fn copy_path(config: &CopyConfig, mirror: &Path) -> PathBuf {
    let path = beside(mirror).join(&config.path);
    std::path::absolute(&path).unwrap_or(path)
}

/// The copies that are known.
pub struct KnownCopies {
    /// The configured one.
    pub configured: Option<(PathBuf, CopyState)>,
    /// Those that are there and no longer written.
    pub old: Vec<PathBuf>,
}

/// The copies of a mirror.
pub fn copies(
    setup: &Setup,
    mirror: &Path,
    reader: &queries::Reader,
) -> Result<KnownCopies, StoreError> {
    let config = setup.config.store.copy.as_ref();
    let path = config.map(|config| copy_path(config, mirror));
    let paths = record::paths(reader)?.into_iter().map(PathBuf::from);
    let is_old = |old: &PathBuf| Some(old) != path.as_ref() && old.exists();
    let old = paths.filter(is_old).collect();
    let configured = match path {
        Some(path) => {
            let state = record::state(reader, &path.to_string_lossy())?;
            Some((path, state))
        }
        None => None,
    };
    Ok(KnownCopies { configured, old })
}

impl DaemonEngine {
    /// Writes copy and bundles until `stop`; `wake` is notified after a run and after a reload, and `made` is called after each
    /// attempt.
    pub async fn keep_outputs(&self, wake: &Notify, made: impl Fn(), stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let is_copied = self.app.copy_if_due(stop).await;
            let (is_written, again) = self.app.write_due_bundles(stop).await;
            if is_copied || is_written {
                made();
            }
            let retry = self.app.copy_problem().map(|_| RETRY);
            let again = again.into_iter().chain(retry).min();
            tokio::select! {
                () = stop.cancelled() => {}
                () = wake.notified() => {}
                () = self.app.clock.sleep(again.unwrap_or(RETRY)), if again.is_some() => {}
            }
        }
    }
}

impl App {
    /// Makes the copy if something in it has changed since, or the last attempt failed. Returns whether it was tried.
    pub async fn copy_if_due(&self, stop: &CancellationToken) -> bool {
        let tried = self.try_copy(stop).await;
        tried.unwrap_or_else(|error| {
            tracing::warn!("could not find out whether the copy is due: {error}");
            false
        })
    }

    /// Why the last attempt failed, if it did.
    pub(super) fn copy_problem(&self) -> Option<String> {
        let reader = self.store().reader().ok()?;
        let copies = copies(&self.setup(), self.store().path(), &reader).ok()?;
        copies.configured?.1.message
    }

    /// Makes the copy again, because what it holds was erased; gives what still holds it, and why.
    pub(super) async fn copy_again(&self) -> Result<Vec<String>, StoreError> {
        let expire = |connection: &mut _| record::expire(connection);
        self.store().write(expire).await?;
        self.copy_if_due(&CancellationToken::new()).await;
        let reader = self.store().reader()?;
        let KnownCopies { configured, old } = copies(&self.setup(), self.store().path(), &reader)?;
        let mut left: Vec<String> = old
            .iter()
            .map(|path| {
                format!(
                    "{}: it is no longer [store.copy]; delete it",
                    path.display()
                )
            })
            .collect();
        if let Some((path, state)) = configured
            && let Some(message) = state.message
        {
            left.push(format!("{}: {message}", path.display()));
        }
        Ok(left)
    }

    async fn try_copy(&self, stop: &CancellationToken) -> Result<bool, StoreError> {
        let _alone = self.copying.lock().await;
        let (setup, now) = (self.setup(), self.clock.now());
        let Some(config) = &setup.config.store.copy else {
            return Ok(false);
        };
        let mirror = self.store().path();
        let path = copy_path(config, mirror);
        if let Err(error) = copy::remove_leftover(&path) {
            tracing::debug!("could not remove what an interrupted copy left: {error}");
        }
        let name = path.to_string_lossy().into_owned();
        let state = record::state(&*self.store().reader()?, &name)?;
        let group = match copy_group(&setup.config.store, config) {
            Ok(group) => group,
            Err(error) => {
                self.note_copy(name, failed(state, error.with_help(), now))
                    .await;
                return Ok(true);
            }
        };
        let wanted = CopyInput {
            mirror: mirror.to_owned(),
            path,
            tables: config.tables.clone(),
            leave_out: pairs(config),
            group,
            now,
        };
        let definition = {
            let reader = self.store().reader()?;
            let definition = copy::definition(&reader, &wanted)?;
            if !is_due(&state, &wanted, &definition, record::last_change(&reader)?) {
                return Ok(false);
            }
            definition
        };
        let Some(made) = make(wanted, stop).await else {
            return Ok(false); // stopped; the next start makes it
        };
        let state = match made {
            Ok(made) => {
                let MadeCopy {
                    run, tables, rows, ..
                } = made;
                tracing::info!(file = name, run, tables, rows, "copy written");
                if !made.missing.is_empty() {
                    let missing = made.missing.join(", ");
                    tracing::warn!("the mirror has no table {missing}, so the copy has none");
                }
                CopyState {
                    made: Some(now),
                    run: Some(run),
                    definition: Some(definition),
                    ..CopyState::default()
                }
            }
            Err(error) => {
                self.store().note_failure(&error);
                failed(state, error.to_string(), now)
            }
        };
        self.note_copy(name, state).await;
        Ok(true)
    }

    async fn note_copy(&self, path: String, state: CopyState) {
        let noted = self
            .store()
            .write(move |connection| record::save(connection, &path, &state));
        if let Err(error) = noted.await {
            tracing::error!("could not record the result of the copy: {error}");
        }
    }
}

/// Whether what is at the path is not what it should be.
fn is_due(state: &CopyState, wanted: &CopyInput, definition: &str, last_change: i64) -> bool {
    let keeps_history = wanted
        .tables
        .iter()
        .flatten()
        .any(|name| name.ends_with("_history"));
    let is_old = |made: Timestamp| wanted.now >= scalar::saturating_add(made, HISTORY_AGE);
    state.failures > 0
        || state.run != Some(last_change)
        || state.definition.as_deref() != Some(definition)
        || (keeps_history && state.made.is_none_or(is_old))
        || !wanted.path.exists()
}

fn failed(before: CopyState, message: String, now: Timestamp) -> CopyState {
    if before.message.as_ref() == Some(&message) {
        tracing::debug!("could not write the copy: {message}");
    } else {
        tracing::error!("could not write the copy: {message}");
    }
    CopyState {
        failures: before.failures.saturating_add(1),
        failed: before.failed.or(Some(now)),
        message: Some(message),
        ..before
    }
}

fn pairs(config: &CopyConfig) -> Vec<(String, String)> {
    let split = |text: &String| {
        let (table, column) = CopyConfig::split(text)?;
        Some((table.to_owned(), column.to_owned()))
    };
    config.leave_out.iter().filter_map(split).collect()
}

/// Stops the copy when it is dropped: a blocking task goes on by itself.
struct StopOnDrop(CopyStop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// `None` if it was stopped.
async fn make(wanted: CopyInput, stop: &CancellationToken) -> Option<Result<MadeCopy, StoreError>> {
    let copy_stop = CopyStop::default();
    let _guard = StopOnDrop(copy_stop.clone());
    let work = tokio::task::spawn_blocking(move || copy::make(&wanted, &copy_stop));
    tokio::select! {
        made = work => Some(made.unwrap_or(Err(StoreError::Panicked))),
        () = stop.cancelled() => None,
    }
}

#[cfg(test)]
mod tests;
