//! The care of the mirror by the configuration in force: what is purged, and the scheduled backup.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::{App, Setup, beside, tables};
use crate::config::BackupConfig;
use crate::daemon::Entry;
use crate::model::{History, Outcome, SourceName, scalar};
use crate::store::care::{self, Made, Wanted};
use crate::store::{StoreError, purge, runs};

/// The name under which the backup ticks; no job can have it, for it has a dot.
pub const BACKUP: &str = "store.backup";

/// A backup may take so long before the watchdog is told no more; minutes are usual for millions of rows.
pub(super) const LONGEST_BACKUP: Duration = Duration::from_secs(60 * 60);

/// How long versions are kept of a stream that no job reads any more.
const ORPHAN: History = History::Keep(Duration::from_secs(400 * 24 * 60 * 60));

/// What a person may want otherwise than the configuration says.
#[derive(Clone, Debug, Default)]
pub struct BackupWish {
    /// Another folder.
    pub to: Option<PathBuf>,
    /// Another number of backups to keep.
    pub keep: Option<NonZeroU32>,
    /// The vault too.
    pub vault: bool,
}

/// A backup as the configuration and a person want it.
pub fn backup_of(setup: &Setup, mirror: &Path, wish: BackupWish, now: Timestamp) -> Wanted {
    let config = setup.config.store.backup.as_ref();
    let folder = config.map_or(Path::new(BackupConfig::FOLDER), |config| &config.path);
    let home = beside(mirror);
    let vault = wish.vault || config.is_some_and(|config| config.vault);
    Wanted {
        mirror: mirror.to_owned(),
        vault: Some(home.join("vault.db")).filter(|path| vault && path.exists()),
        folder: wish.to.unwrap_or_else(|| home.join(folder)),
        keep: wish
            .keep
            .or(config.map(|config| config.keep))
            .unwrap_or(BackupConfig::KEEP),
        now,
    }
}

/// The backup's ticks, where the configuration wants any.
pub(super) fn entry(setup: &Setup) -> Option<Entry> {
    let config = setup.config.store.backup.as_ref()?;
    Some(Entry {
        name: BACKUP.to_owned(),
        schedule: config.schedule.clone(),
        zone: config.time_zone.clone(),
        catch_up: true,
        config_fingerprint: String::new(), // it is never parked
    })
}

impl App {
    /// Makes a backup now. It reads as any reader does, in a thread that may block.
    ///
    /// # Errors
    /// As [`care::make`].
    pub async fn back_up(&self) -> Result<Made, StoreError> {
        let (mirror, now) = (self.store().path(), self.clock.now());
        let wanted = backup_of(&self.setup(), mirror, BackupWish::default(), now);
        tokio::task::spawn_blocking(move || care::make(&wanted))
            .await
            .map_err(|_| StoreError::WriterGone)?
    }

    /// The scheduled backup, with its end in the log and its failures counted as those of a job.
    pub(super) async fn scheduled_backup(&self) -> Outcome {
        let made = self.back_up().await;
        let outcome = match &made {
            Ok(made) => {
                let (bytes, rows) = (made.bytes, made.verified.rows);
                tracing::info!(file = %made.mirror.display(), bytes, rows, "backup made and verified");
                Outcome::Ok
            }
            Err(error) => {
                tracing::error!("no backup could be made: {error}");
                Outcome::Failed(error.class())
            }
        };
        let (is_good, now) = (outcome.is_good(), self.clock.now());
        let noted = self.store().write(move |connection| {
            let mut state = runs::job_state(connection, BACKUP)?;
            state.failures = if is_good { 0 } else { state.failures + 1 };
            if is_good {
                runs::note_done(connection, BACKUP, now)?;
            }
            runs::save_job_state(connection, BACKUP, &state)
        });
        if let Err(error) = noted.await {
            tracing::error!("how the backup ended could not be noted: {error}");
        }
        outcome
    }

    /// Removes what is kept no longer, once a day, also where runs fail or nobody reads a stream any more.
    pub(super) async fn purge(&self) {
        if let Err(error) = self.purge_if_due().await {
            tracing::warn!("what is kept no longer could not be removed: {error}");
        }
    }

    async fn purge_if_due(&self) -> Result<(), StoreError> {
        let (setup, now) = (self.setup(), self.clock.now());
        if !purge::records_due(&self.store().reader()?, now)? {
            return Ok(());
        }
        let store = &setup.config.store;
        let keep = purge::Records {
            runs: store.runs.0,
            rejects: store.rejects.0,
        };
        self.store()
            .write(move |connection| {
                let what = StoreError::sql("purge what is kept no longer");
                let transaction = connection.transaction().map_err(&what)?;
                let history = |source: &str, stream: &str| kept(&setup, source, stream);
                purge::all_history(&transaction, history, now)?;
                purge::records(&transaction, keep, now)?;
                transaction.commit().map_err(what)
            })
            .await?;
        tracing::debug!(now = scalar::written(now), "purged");
        Ok(())
    }
}

fn kept(setup: &Setup, source: &str, stream: &str) -> History {
    let Ok(name) = source.parse::<SourceName>() else {
        return ORPHAN;
    };
    setup
        .jobs
        .values()
        .filter(|job| job.source == name)
        .find_map(|job| {
            let spec = job.streams.iter().find(|spec| spec.name == stream)?;
            Some(tables::history(job, spec))
        })
        .unwrap_or(ORPHAN)
}
