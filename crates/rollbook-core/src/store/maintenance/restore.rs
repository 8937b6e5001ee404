//! Restore: a verified copy replaces the mirror, and the previous file is kept beside it.
//!
//! The order must not change. The old log is removed before the new file is renamed: SQLite would replay any log that
//! it finds beside a database. At every step there is one complete mirror, under its name or set aside.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::Connection;

use super::copy::{Copy, beside, file, remove};
use super::verify::{Verified, VerifyScope, verify};
use crate::model::AuditedAction;
use crate::permissions::Actor;
use crate::permissions::readers::put_file_right;
use crate::replacement::sync_folder;
use crate::store::database::reader;
use crate::store::error::StoreError;
use crate::store::mirror_lock::lock_mirror;
use crate::store::schema;
use crate::store::{audit, published};

/// What was done.
#[derive(Clone, Debug)]
pub struct Restored {
    /// Where the mirror that was there is now; nothing when there was none.
    pub aside: Option<PathBuf>,
    /// The result of verifying the backup.
    pub verified: Verified,
    /// How many rows of erased people were erased again; nothing when no erasure is known.
    pub erased_again: Option<u64>,
}

/// Replaces the mirror by a copy of `backup`. The backup itself is only read.
///
/// The next run of every stream reads in full: changes between the backup and now are not known. Approvals are deleted,
/// because they are of another state.
///
/// `erase_again` erases in the copy whom the vault, or the backup, knows as erased, before the copy becomes the mirror.
///
/// # Errors
/// When a daemon runs, or the backup is not a whole mirror that this program knows; then nothing was changed.
pub fn restore(
    backup: &Path,
    mirror: &Path,
    by: &Actor,
    now: Timestamp,
    erase_again: impl FnOnce(&Path) -> Result<Option<u64>, StoreError>,
) -> Result<Restored, StoreError> {
    let _lock = lock_mirror(mirror)?;
    if !backup.is_file() {
        return Err(file(backup, "there is no such file".into()));
    }
    if fs::canonicalize(backup).ok() == fs::canonicalize(mirror).ok() {
        return Err(file(backup, "this is the mirror itself".into()));
    }
    // What is copied is what is verified: the backup cannot change in between.
    let name = mirror.file_name().unwrap_or_default().to_string_lossy();
    let copy = Copy::of(backup, beside(mirror, &format!(".{name}.part")))?;
    bring_up_to_date(copy.path(), backup)?;
    let verified = verify(copy.path(), VerifyScope::All)?;
    if let Some(first) = verified.problems.first() {
        return Err(StoreError::Damaged {
            path: backup.to_owned(),
            problem: format!("{first}; nothing was changed; use another backup"),
        });
    }
    prepare(copy.path())?;
    keep_records(copy.path(), mirror, by, now)?;
    let erased_again = erase_again(copy.path())?;
    // Freed space of the first copy holds what was erased.
    let copy = match erased_again {
        Some(_) => Copy::of(copy.path(), beside(mirror, &format!(".{name}.clean.part")))?,
        None => copy,
    };
    write_out(copy.path())?;
    let aside = set_aside(mirror, now)
        .map_err(StoreError::disk(mirror, "keep what is there now beside it"))?;
    copy.name(mirror)?;
    close_to_readers(aside.as_deref());
    Ok(Restored {
        aside,
        verified,
        erased_again,
    })
}

/// A backup may be older than this program, but not newer, and it must be a mirror.
fn bring_up_to_date(copy: &Path, backup: &Path) -> Result<(), StoreError> {
    check_identity_of(copy, backup)?;
    let mut connection = Connection::open(copy).map_err(StoreError::sql("open the copy"))?;
    schema::refuse_newer(&connection, backup)?;
    schema::upgrade(&mut connection)
}

fn check_identity_of(copy: &Path, backup: &Path) -> Result<(), StoreError> {
    match reader(copy).and_then(|connection| schema::version(&connection)) {
        Ok(0) | Err(StoreError::File { .. }) => {
            Err(file(backup, "this is not a Rollbook mirror".into()))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Prepares the copy for the next runs.
fn prepare(copy: &Path) -> Result<(), StoreError> {
    let connection = Connection::open(copy).map_err(StoreError::sql("open the copy"))?;
    connection
        .execute_batch(
            "BEGIN;
             UPDATE rollbook_checkpoints SET full_at = NULL, same = NULL;
             DELETE FROM rollbook_approvals;
             DELETE FROM rollbook_copy;
             COMMIT;",
        )
        .map_err(StoreError::sql("prepare the copy"))?;
    connection
        .close()
        .map_err(|(_, error)| StoreError::sql("prepare the copy")(error))
}

/// Takes over what was recorded since the backup and what names the mirror elsewhere, and records the restore. A damaged mirror must not prevent its
/// replacement, so what cannot be read of it is lost.
fn keep_records(copy: &Path, mirror: &Path, by: &Actor, now: Timestamp) -> Result<(), StoreError> {
    let connection = Connection::open(copy).map_err(StoreError::sql("open the copy"))?;
    if mirror.exists()
        && let Err(error) = audit::copy_newer(&connection, mirror)
    {
        tracing::warn!("what was recorded in rollbook_audit since the backup is lost: {error}");
    }
    if mirror.exists()
        && let Err(error) = published::keep_claims(&connection, mirror)
    {
        tracing::warn!("published databases may take the mirror for another one: {error}");
    }
    audit::record(&connection, by, AuditedAction::Restore, "mirror", now)
}

fn write_out(copy: &Path) -> Result<(), StoreError> {
    fs::File::open(copy)
        .and_then(|written| written.sync_all())
        .map_err(StoreError::disk(copy, "write the copy out"))
}

/// Gives the old mirror a second name, its log too, and takes the log's first name away.
fn set_aside(mirror: &Path, now: Timestamp) -> io::Result<Option<PathBuf>> {
    let (log, memory) = (with(mirror, "-wal"), with(mirror, "-shm"));
    let stem = mirror.file_stem().unwrap_or_default().to_string_lossy();
    let name = format!(
        "{stem}-before-restore-{}.db",
        now.strftime("%Y%m%dT%H%M%SZ")
    );
    let aside = beside(mirror, &name);
    let is_there = mirror.exists();
    if is_there {
        fold_in(mirror);
        fs::hard_link(mirror, &aside)?;
        if log.exists() {
            fs::hard_link(&log, with(&aside, "-wal"))?;
        }
        sync_folder(mirror)?;
    }
    remove(&log)?;
    remove(&memory)?;
    sync_folder(mirror)?;
    Ok(is_there.then_some(aside))
}

/// Readers of the mirror were not given the old one. It was the mirror itself until now, so only now.
fn close_to_readers(aside: Option<&Path>) {
    for path in aside
        .iter()
        .flat_map(|aside| [aside.to_path_buf(), with(aside, "-wal")])
    {
        if let (true, Err(error)) = (path.exists(), put_file_right(&path, None)) {
            tracing::warn!("the old mirror keeps its mode: {error}");
        }
    }
}

/// Takes the log over into the old mirror, where that can be done; a damaged one is kept as it is.
fn fold_in(mirror: &Path) {
    let folded = Connection::open(mirror).and_then(|connection| {
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    });
    if let Err(error) = folded {
        tracing::info!(%error, "the old mirror is set aside with its log");
    }
}

fn with(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
