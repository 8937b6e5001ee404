//! Erasing people on request, and finishing what was interrupted or had to wait.
//!
//! The order must not change. First the vault knows who is erased, then one transaction of the mirror records it and
//! deletes the rows; then freed space, the log and all copies are cleaned; the ledger says done last. A crash at any step
//! leaves either nothing, or a pending erasure that the next start finishes.

use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{AdminResponse, App, BackupRequest, FinishedErasures, backup_of};
use rollbook_core::blocking::blocking;
use rollbook_core::model::{ErasureReason, SourceName, scalar};
use rollbook_core::store::StoreError;
use rollbook_core::store::erase::{
    self, Cleaned, ErasureOrder, LeftOver, LogReader, RewrittenCopies,
};
use rollbook_core::store::maintenance::{self, backup_folders};
use rollbook_core::store::person::{self, PersonKey};
use rollbook_core::store::published;
use rollbook_core::store::queries::mirrored;
use rollbook_core::store::suppression::{self, Suppression};
use rollbook_core::store::table_locks::RowsLock;
use rollbook_core::store::vault::load_suppression;
use rollbook_engine::setup::{Setup, lookups};

/// How long after an attempt to finish erasures that was not enough the next is made.
const RETRY: SignedDuration = SignedDuration::from_hours(1);

/// How long the end of a run waits for tables that are still used.
const RELEASE_WAIT: Duration = Duration::from_secs(5);

/// Whether the end of an erasure waits for published tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Publishing {
    /// An admin waits for it.
    Now,
    /// A run or a start does not.
    Later,
}

/// How long an erasure waits for runs that read the tables.
const LOCK_WAIT: Duration = Duration::from_secs(60);

impl App {
    /// Erases one person by the keys of their rows, and suppresses them from now on.
    pub(super) async fn erase(
        &self,
        people: &[PersonKey],
        reason: ErasureReason,
        by_user: &str,
    ) -> Result<AdminResponse, AdminResponse> {
        let reader = self.store().reader()?;
        let tables = person::tables_of(&reader, &[])?;
        drop(reader);
        // Checks the names; the hashes are made later, with the key.
        person::entries_of(&Suppression::default(), &tables, people)
            .map_err(AdminResponse::Refused)?;
        let sources: Vec<&SourceName> = tables
            .iter()
            .filter(|table| people.iter().any(|person| person.table == table.name()))
            .map(|table| &table.source)
            .collect();
        let affected = tables
            .iter()
            .filter(|table| sources.contains(&&table.source));
        let affected: Vec<String> = affected.map(|table| table.name()).collect();
        // What a run has read before would come back when it is applied.
        let Some(_locks) = self.lock_rows(&affected, LOCK_WAIT).await else {
            return Err(AdminResponse::Refused(
                "a run reads tables with rows of the person; nothing was erased; try again when it has ended"
                    .to_owned(),
            ));
        };
        let vault = Arc::clone(&self.vault);
        let order = ErasureOrder {
            people: people.to_vec(),
            at: scalar::to_canonical(self.clock.now()),
            by_user: by_user.to_owned(),
            reason: reason.as_str().to_owned(),
        };
        let codes = lookups::of(&self.setup(), None);
        let act = move |connection: &mut _| erase::begin(connection, &vault, &order, &codes);
        let (erasure, list) = self.store().write(act).await?;
        self.store().set_suppression(Ok(list));
        self.match_all().await?;
        Ok(AdminResponse::Erased {
            erasure: Box::new(erasure),
        })
    }

    /// Lifts the suppression of an erasure.
    pub(super) async fn lift_erasure(&self, id: &str) -> Result<AdminResponse, AdminResponse> {
        let (vault, wanted) = (Arc::clone(&self.vault), id.to_owned());
        let act = move |connection: &mut _| erase::lift(connection, &vault, &wanted);
        let (lifted, list) = self.store().write(act).await?;
        self.store().set_suppression(Ok(list));
        match lifted {
            Some(entries) => Ok(AdminResponse::Lifted { entries }),
            None => Err(AdminResponse::Refused(format!(
                "there is no erasure {id}; `rollbook erase --list` shows all"
            ))),
        }
    }

    /// Learns who is erased from the mirror and the vault, before anything is read.
    pub(super) async fn remember_erasures(&self) -> Result<(), StoreError> {
        let vault = Arc::clone(&self.vault);
        let act = move |connection: &mut _| {
            vault.exchange_erasures(connection)?;
            Ok(load_suppression(&vault, connection))
        };
        let list = self.store().write(act).await?;
        if let Err(error) = &list {
            tracing::error!("the list of erased people is not available: {error}");
        }
        self.store().set_suppression(list);
        Ok(())
    }

    /// What a run records at its end may be of a person who was erased meanwhile: then that is erased too.
    pub(super) async fn erase_again_after(&self, before: Option<&Arc<Suppression>>) {
        let now = self.store().suppression().ok();
        let is_same = match (before, &now) {
            (Some(before), Some(now)) => Arc::ptr_eq(before, now),
            (before, now) => before.is_none() && now.is_none(),
        };
        if is_same {
            return;
        }
        let marked = self
            .store()
            .write(|connection| suppression::set_pending(connection));
        if let Err(error) = marked.await {
            tracing::error!("could not finish an erasure: {error}");
        }
    }

    /// Finishes pending erasures as far as possible now; what stays is logged. Every attempt rewrites all files, so after one
    /// that was not enough the next is made an hour later.
    pub(super) async fn continue_erasures(&self) {
        let now = self.clock.now();
        let next = *self.erasures_retried();
        if next.is_some_and(|next| now < next) {
            return;
        }
        match self.finish_erasures(RELEASE_WAIT, Publishing::Later).await {
            Ok(Some(done)) => {
                let is_pending = !done.pending.is_empty();
                *self.erasures_retried() = is_pending.then(|| scalar::saturating_add(now, RETRY));
                for why in done.pending {
                    tracing::warn!("an erasure is not finished: {why}");
                }
            }
            Ok(None) => tracing::info!("an erasure is finished after the runs that are active"),
            Err(error) => tracing::error!("could not finish an erasure: {error}"),
        }
    }

    /// Finishes erasures that waited for published tables, if those have followed.
    pub async fn continue_published_erasures(&self) {
        let is_followed = || {
            let reader = self.store().reader()?;
            Ok::<_, StoreError>(
                suppression::any_pending(&reader)? && published::not_erased(&reader)?.is_empty(),
            )
        };
        match is_followed() {
            Ok(true) => {
                *self.erasures_retried() = None;
                self.continue_erasures().await;
            }
            Ok(false) => {}
            Err(error) => {
                tracing::warn!("could not find out whether an erasure is finished: {error}")
            }
        }
    }

    fn erasures_retried(&self) -> MutexGuard<'_, Option<Timestamp>> {
        let next = self.next_erasure_retry.lock();
        next.unwrap_or_else(PoisonError::into_inner)
    }

    /// Finishes pending erasures: in the mirror's freed space and log, and in all copies. Waits for runs this long; `None` if
    /// one is still active.
    pub(super) async fn finish_erasures(
        &self,
        wait: Duration,
        publishing: Publishing,
    ) -> Result<Option<FinishedErasures>, StoreError> {
        let mut finished = FinishedErasures::default();
        let reader = self.store().reader()?;
        if !suppression::any_pending(&reader)? {
            return Ok(Some(finished));
        }
        let tables: Vec<String> = mirrored(&reader)?
            .into_iter()
            .map(|(source, stream)| format!("{source}_{stream}"))
            .collect();
        drop(reader);
        // Rewriting the mirror changes row numbers, by which a reading knows rows.
        let Some(locks) = self.lock_rows(&tables, wait).await else {
            return Ok(None);
        };
        let (vault, path) = (Arc::clone(&self.vault), self.store().path().to_owned());
        let act = move |connection: &mut _| erase::clean_mirror(connection, &vault, &path);
        let (ids, list, cleaned) = self.store().write(act).await?;
        drop(locks);
        if let Cleaned::LogIsRead(readers) = &cleaned {
            finished.pending.push(log_is_read(readers));
        }
        let (mirror, folders) = (self.store().path().to_owned(), self.backup_folders());
        let copies = blocking(move || erase::rewrite_all(&mirror, &folders, &list)).await?;
        let RewrittenCopies {
            rewritten,
            removed,
            left,
        } = copies;
        finished.pending.extend(left.iter().map(left_over));
        finished.pending.extend(self.copy_again().await?);
        finished.pending.extend(self.bundles_again().await?);
        self.publish_erasures(&mut finished, publishing).await?;
        finished.pending.extend(self.clean_shipped_pages().await);
        finished.rewritten = rewritten.len() as u64;
        for file in maintenance::exports(self.store().path()) {
            match std::fs::remove_file(&file) {
                Ok(()) => finished.exports.push(file),
                Err(error) => finished
                    .pending
                    .push(format!("{}: {error}", file.display())),
            }
        }
        let copies = finished.rewritten + removed.len() as u64;
        finished.removed = removed;
        if finished.pending.is_empty() {
            let vault = Arc::clone(&self.vault);
            let act = move |connection: &mut _| erase::finish(connection, &vault, &ids, copies);
            self.store().write(act).await?;
            tracing::info!(copies, "finished erasing");
        }
        Ok(Some(finished))
    }

    /// The folders in which backups of the mirror may be.
    fn backup_folders(&self) -> Vec<PathBuf> {
        folders_of_backups(&self.setup(), self.store().path(), self.clock.now())
    }

    async fn lock_rows(&self, tables: &[String], wait: Duration) -> Option<Vec<RowsLock>> {
        let names: Vec<&str> = tables.iter().map(String::as_str).collect();
        let locks = self.store().locks();
        tokio::select! {
            biased;
            locked = locks.lock_tables(&names) => Some(locked),
            () = self.clock.sleep(wait) => None,
        }
    }
}

/// The folders in which backups of a mirror may be: as configured now, and where they were ever made.
pub fn folders_of_backups(setup: &Setup, mirror: &Path, now: Timestamp) -> Vec<PathBuf> {
    let usual = mirror.with_file_name("backups");
    let configured = backup_of(setup, mirror, BackupRequest::default(), now).folder;
    let mut folders = vec![usual, configured];
    folders.extend(backup_folders(mirror));
    folders
}

fn log_is_read(readers: &[LogReader]) -> String {
    let names: Vec<String> = readers
        .iter()
        .map(|reader| format!("{} (pid {})", reader.program, reader.pid))
        .collect();
    let who = match names.is_empty() {
        true => "another program".to_owned(),
        false => names.join(", "),
    };
    format!(
        "{who} reads the mirror, so its write-ahead log still holds erased rows; it is emptied after that"
    )
}

fn left_over(left: &LeftOver) -> String {
    format!("{}: {}", left.path.display(), left.why)
}
