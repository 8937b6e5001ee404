//! Maintenance of the mirror as configured: purging, and the scheduled backup.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::App;
use rollbook_core::model::{EntryName, Outcome, SourceName, StreamName, scalar};
use rollbook_core::store::maintenance::{self, Backup, BackupInput};
use rollbook_core::store::purge::PointsPosition;
use rollbook_core::store::vault::vault_file;
use rollbook_core::store::{StoreError, purge, runs};
use rollbook_engine::daemon::Entry;
use rollbook_engine::setup::files::BackupConfig;
use rollbook_engine::setup::{Setup, beside, tables};

/// How long a backup may take before watchdog notifications stop; minutes are usual for millions of rows.
pub(super) const MAX_BACKUP_TIME: Duration = Duration::from_secs(60 * 60);

/// Overrides of `[store.backup]` from the command line.
#[derive(Clone, Debug, Default)]
pub struct BackupRequest {
    /// The folder.
    pub to: Option<PathBuf>,
    /// The number of backups to keep.
    pub keep: Option<NonZeroU32>,
    /// Whether to back up the vault too.
    pub vault: bool,
}

/// A backup as configured, with overrides.
pub fn backup_of(
    setup: &Setup,
    mirror: &Path,
    request: BackupRequest,
    now: Timestamp,
) -> BackupInput {
    let config = setup.config.store.backup.as_ref();
    let folder = config.map_or(Path::new(BackupConfig::FOLDER), |config| &config.path);
    let home = beside(mirror);
    let vault = request.vault || config.is_some_and(|config| config.vault);
    BackupInput {
        mirror: mirror.to_owned(),
        vault: Some(vault_file(home)).filter(|path| vault && path.exists()),
        folder: request.to.unwrap_or_else(|| home.join(folder)),
        keep: request
            .keep
            .or(config.map(|config| config.keep))
            .unwrap_or(BackupConfig::KEEP),
        now,
    }
}

/// The scheduled backup, if one is configured.
pub(super) fn entry(setup: &Setup) -> Option<Entry> {
    let config = setup.config.store.backup.as_ref()?;
    Some(Entry {
        name: EntryName::Backup,
        schedule: config.schedule.clone(),
        zone: config.time_zone.clone(),
        catch_up: true,
    })
}

impl App {
    /// Makes a backup now, as a reader, on a blocking thread.
    ///
    /// # Errors
    /// As [`maintenance::make`].
    pub async fn back_up(&self) -> Result<Backup, StoreError> {
        let (mirror, now) = (self.store().path(), self.clock.now());
        let wanted = backup_of(&self.setup(), mirror, BackupRequest::default(), now);
        tokio::task::spawn_blocking(move || maintenance::make(&wanted))
            .await
            .map_err(|_| StoreError::WriterStopped)?
    }

    /// Makes the scheduled backup, logs the result, and counts failures as for a job.
    pub(super) async fn scheduled_backup(&self) -> Outcome {
        let made = self.back_up().await;
        let outcome = match &made {
            Ok(made) => {
                let (bytes, rows) = (made.bytes, made.verified.rows);
                tracing::info!(file = %made.mirror.display(), bytes, rows, "backup created and verified");
                Outcome::Ok
            }
            Err(error) => {
                tracing::error!("could not create the backup: {error}");
                Outcome::Failed(error.class())
            }
        };
        let (is_good, now) = (outcome.is_good(), self.clock.now());
        let noted = self.store().write(move |connection| {
            let name = EntryName::Backup;
            let mut state = runs::job_state(connection, &name)?;
            state.failures = if is_good { 0 } else { state.failures + 1 };
            if is_good {
                runs::note_done(connection, name.as_str(), now)?;
            }
            runs::save_job_state(connection, &name, &state)
        });
        if let Err(error) = noted.await {
            tracing::error!("could not record the result of the backup: {error}");
        }
        outcome
    }

    /// Deletes expired rows once a day, also if runs fail or no job reads a stream any more.
    pub(super) async fn purge(&self) {
        if let Err(error) = self.purge_if_due().await {
            tracing::warn!("could not purge expired rows: {error}");
        }
    }

    async fn purge_if_due(&self) -> Result<(), StoreError> {
        let (setup, now) = (self.setup(), self.clock.now());
        if !purge::records_due(&*self.store().reader()?, now)? {
            return Ok(());
        }
        if !self.purge_points(&setup, now).await? {
            return Ok(());
        }
        let store = &setup.config.store;
        let keep = purge::Records {
            runs: store.runs.0,
            rejects: store.rejects.0,
            unconfigured: store.unconfigured.0,
        };
        let removed = self
            .store()
            .write(move |connection| {
                let what = StoreError::sql("purge expired rows");
                let transaction = connection.transaction().map_err(&what)?;
                let history = |source: &SourceName, stream: &StreamName| {
                    tables::kept_history(&setup, source, stream)
                };
                purge::all_history(&transaction, history, now)?;
                let removed = purge::records(&transaction, keep, now)?;
                transaction.commit().map_err(what)?;
                Ok(removed)
            })
            .await?;
        let Some(removed) = removed else {
            return Ok(());
        };
        for file in maintenance::remove_set_aside(self.store().path(), now) {
            tracing::info!(file = %file.display(), "removed: it was set aside a month ago");
        }
        for file in maintenance::remove_old_exports(self.store().path(), now) {
            tracing::info!(file = %file.display(), "removed: it was exported a month ago");
        }
        for table in removed {
            tracing::info!(
                table,
                "removed: no job has read it for longer than [store] unconfigured"
            );
        }
        tracing::debug!(now = scalar::to_canonical(now), "purged");
        Ok(())
    }
}

impl App {
    /// Removes old points of time series, in short transactions; returns whether all tables are done. One that a run reads now
    /// is tried again after the next run.
    async fn purge_points(&self, setup: &Arc<Setup>, now: Timestamp) -> Result<bool, StoreError> {
        let mut is_done = true;
        for (table, retain) in tables::series(setup) {
            if !purge::points_due(&*self.store().reader()?, &table, now)? {
                continue;
            }
            let Some(_lock) = self.store().locks().try_lock_table(&table.name()) else {
                is_done = false;
                continue;
            };
            let (table, expiry) = (Arc::new(table), Arc::new(retain.at(now)));
            let mut position = Some(PointsPosition::START);
            let mut removed = 0;
            while let Some(at) = position {
                let (table, expiry) = (Arc::clone(&table), Arc::clone(&expiry));
                let act = move |connection: &mut _| purge::points(connection, &table, &expiry, &at);
                let (points, next) = self.store().write(act).await?;
                removed += points;
                position = next;
            }
            let keep = tables::kept_history(setup, &table.source, &table.stream);
            let noted = Arc::clone(&table);
            let act = move |connection: &mut _| purge::history(connection, &noted, keep, now);
            self.store().write(act).await?;
            if removed > 0 {
                tracing::info!(
                    table = table.name(),
                    rows = removed,
                    before = expiry.before,
                    "removed points that are kept no longer (`retain`)"
                );
            }
        }
        Ok(is_done)
    }
}
