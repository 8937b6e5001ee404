//! Copies of the mirror on this machine: backups, mirrors set aside, copies of dry runs. Each is rewritten without the
//! erased people and verified before it takes the old one's name, or removed when it cannot be read.
//!
//! A row is never deleted inside a backup: freed space would keep it. `VACUUM INTO` writes only what is there.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use form_urlencoded::byte_serialize;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::apply;
use crate::model::Table;
use crate::replacement::{folder_of, sync_folder};
use crate::store::bundle::state::forget_values;
use crate::store::database::{APPLICATION, reader};
use crate::store::error::StoreError;
use crate::store::maintenance::{
    self, Copy, VerifyScope, is_backup, lock_folder, remove, remove_leftovers, verify,
};
use crate::store::person::{find, tables_of};
use crate::store::suppression::{self, ErasureState, Suppression};
use crate::store::tables::refused_masking;
use crate::store::vault::load_suppression;
use crate::store::{Vault, remove_left_over};

/// What was done with all copies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RewrittenCopies {
    /// Copies that were rewritten.
    pub rewritten: Vec<PathBuf>,
    /// Copies that could not be read, and were removed.
    pub removed: Vec<PathBuf>,
    /// What could not be done yet.
    pub left: Vec<LeftOver>,
}

/// A copy that may still hold erased people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOver {
    /// The file or folder.
    pub path: PathBuf,
    /// Why.
    pub why: String,
}

/// The copies beside a mirror and in the folders of its backups, by content and by name.
///
/// # Errors
/// When a folder cannot be read.
pub fn find_copies(mirror: &Path, folders: &[PathBuf]) -> Result<Vec<PathBuf>, StoreError> {
    let mut found = Vec::new();
    let own = fs::canonicalize(mirror).unwrap_or_else(|_| mirror.to_owned());
    let stem = maintenance::stem_of(mirror);
    for folder in all_folders(mirror, folders) {
        let failed = StoreError::disk(&folder, "look for copies of the mirror");
        for entry in fs::read_dir(&folder).map_err(&failed)? {
            let path = entry.map_err(&failed)?.path();
            let is_file = fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_named = is_backup(&name, &stem)
                || (name.starts_with(&format!("{stem}-before-")) && name.ends_with(".db"));
            let is_companion = COMPANIONS.iter().any(|ending| name.ends_with(ending));
            if is_file
                && path != own
                && !is_companion
                && !name.ends_with(".part")
                && (is_named || is_mirror(&path))
            {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The folders that there are, each once.
fn all_folders(mirror: &Path, folders: &[PathBuf]) -> BTreeSet<PathBuf> {
    let own = folder_of(mirror);
    let all = std::iter::once(own).chain(folders.iter().map(PathBuf::as_path));
    all.filter_map(|folder| fs::canonicalize(folder).ok())
        .collect()
}

/// What belongs to a database and is none.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Whether a file is a mirror of Rollbook. SQLite looks, because it knows which files this process has open: closing any other
/// handle of one would end SQLite's locks on it, and the next program would truncate the index that this one has mapped.
fn is_mirror(path: &Path) -> bool {
    // As it is: no log is read, and none made.
    let encoded: String = byte_serialize(path.as_os_str().as_bytes()).collect();
    let uri = format!("file:{}?immutable=1", encoded.replace('+', "%20"));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let application = Connection::open_with_flags(uri, flags)
        .and_then(|file| file.pragma_query_value(None, "application_id", |row| row.get(0)));
    application.is_ok_and(|application: i32| application == APPLICATION)
}

/// Rewrites every copy without what the mirror's list suppresses. The mirror itself is clean already.
///
/// # Errors
/// When the mirror or a folder cannot be read.
pub fn rewrite_all(
    mirror: &Path,
    folders: &[PathBuf],
    list: &Suppression,
) -> Result<RewrittenCopies, StoreError> {
    let own = reader(mirror)?;
    let rules = tables_of(&own, &[])?;
    let mut copies = RewrittenCopies::default();
    copies.left.extend(dry_runs(mirror));
    let mut locks = Vec::new();
    let home = fs::canonicalize(folder_of(mirror)).ok();
    for folder in all_folders(mirror, folders) {
        // A backup that began before the erasure has its name when the lock is free; a later one does not hold the people.
        if Some(&folder) != home.as_ref() || folders.iter().any(|one| is_same(one, &folder)) {
            match lock_folder(&folder) {
                Ok(lock) => locks.push(lock),
                Err(error) => {
                    copies.left.push(left(&folder, &error));
                    continue;
                }
            }
        }
        remove_leftovers(&folder).map_err(StoreError::disk(&folder, "tidy up"))?;
    }
    for path in find_copies(mirror, folders)? {
        super::fault::step()?;
        match rewrite(&path, &own, &rules, list) {
            Ok(()) => copies.rewritten.push(path),
            Err(error) if is_unreadable(&error) => match remove_with_log(&path) {
                Ok(()) => copies.removed.push(path),
                Err(error) => copies.left.push(left(&path, &error)),
            },
            Err(error) => copies.left.push(left(&path, &error)),
        }
    }
    Ok(copies)
}

fn is_same(one: &Path, folder: &Path) -> bool {
    fs::canonicalize(one).is_ok_and(|one| one == folder)
}

fn left(path: &Path, error: &dyn std::fmt::Display) -> LeftOver {
    LeftOver {
        path: path.to_owned(),
        why: error.to_string(),
    }
}

/// Removes the copies of dry runs that were killed; the others end with their dry run.
fn dry_runs(mirror: &Path) -> Vec<LeftOver> {
    let left = remove_left_over(mirror).into_iter();
    left.map(|(path, why)| LeftOver { path, why }).collect()
}

/// A copy that cannot be rewritten because of its content.
fn is_unreadable(error: &StoreError) -> bool {
    match error {
        StoreError::Damaged { .. } | StoreError::File { .. } => true,
        StoreError::Sql { source, .. } => matches!(
            source.sqlite_error_code(),
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt)
        ),
        _ => false,
    }
}

fn remove_with_log(path: &Path) -> io::Result<()> {
    for ending in COMPANIONS {
        remove(&with(path, ending))?;
    }
    remove(path)?;
    sync_folder(path)
}

fn with(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Rewrites one copy.
fn rewrite(
    path: &Path,
    mirror: &Connection,
    rules: &[Table],
    list: &Suppression,
) -> Result<(), StoreError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let copy = Copy::of(path, maintenance::beside(path, &format!(".{name}.part")))?;
    reader(copy.path())?; // refuses what is no mirror
    let what = StoreError::sql("erase in a copy of the mirror");
    let mut connection = Connection::open(copy.path()).map_err(&what)?;
    let transaction = connection.transaction().map_err(&what)?;
    let tables = tables_of(&transaction, rules)?;
    refuse_other_keys(&tables, |table| refused_masking(mirror, table), "delete it")?;
    let found = find(&transaction, list, &tables)?;
    apply(&transaction, &found, &tables, &[])?;
    forget_values(&transaction)?;
    if suppression::has_tables(&transaction).map_err(&what)? {
        suppression::inherit(mirror, &transaction, |state| match state {
            ErasureState::Lifted => ErasureState::Lifted,
            ErasureState::Pending | ErasureState::Done => ErasureState::Done,
        })?;
        let done: Vec<String> = suppression::erasures(&transaction)?
            .into_iter()
            .map(|one| one.id)
            .collect();
        suppression::set_done(&transaction, &done, 0)?;
    }
    transaction.commit().map_err(&what)?;
    drop(connection);
    super::fault::step()?;
    let part = maintenance::beside(path, &format!(".{name}.clean.part"));
    let clean = Copy::of(copy.path(), part)?;
    drop(copy);
    let verified = verify(clean.path(), VerifyScope::All)?;
    if let Some(first) = verified.problems.first() {
        return Err(StoreError::Damaged {
            path: path.to_owned(),
            problem: first.clone(),
        });
    }
    let failed = StoreError::disk(path, "replace the copy");
    let mode = fs::metadata(path).map_err(&failed)?.permissions();
    fs::set_permissions(clean.path(), mode).map_err(&failed)?;
    // SQLite would replay a log that it finds beside the new file.
    if with(path, "-wal").exists() {
        let folded = Connection::open(path).and_then(|connection| {
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        });
        folded.map_err(&what)?;
    }
    for ending in ["-wal", "-shm"] {
        remove(&with(path, ending)).map_err(&failed)?;
    }
    clean.name(path)
}

/// Refuses a copy of which the columns by which erased people are known were masked otherwise: they cannot be found in it.
fn refuse_other_keys(
    tables: &[Table],
    refused: impl Fn(&Table) -> Result<Option<StoreError>, StoreError>,
    advice: &str,
) -> Result<(), StoreError> {
    for table in tables {
        if refused(table)?.is_some() {
            let table = table.name();
            return Err(StoreError::Refused {
                problem: format!(
                    "this copy was made when {table} had another `pseudonymise` or `truncate`, so erased people cannot be found in \
                     it: {advice}"
                ),
            });
        }
    }
    Ok(())
}

/// Erases again in a copy that is about to become the mirror: what the vault or the copy knows as erased. Returns `None`
/// when nothing is known. The caller rewrites the copy.
///
/// # Errors
/// When the list cannot be opened: then the copy must not become the mirror.
pub fn replay(copy: &Path, vault: &Vault, mirror: &Path) -> Result<Option<u64>, StoreError> {
    let rules = match reader(mirror) {
        Ok(own) => tables_of(&own, &[]).unwrap_or_default(),
        Err(_) => Vec::new(), // there is none, or it is the damaged one that is replaced
    };
    let what = StoreError::sql("erase again in the restored mirror");
    let mut connection = Connection::open(copy).map_err(&what)?;
    let refused = |table: &Table| vault.refused_masking(table);
    refuse_other_keys(
        &tables_of(&connection, &[])?,
        refused,
        "restore a newer one",
    )?;
    vault.exchange_erasures(&mut connection)?;
    let list = load_suppression(vault, &connection)?;
    if list.is_empty() {
        return Ok(None);
    }
    let transaction = connection.transaction().map_err(&what)?;
    let tables = tables_of(&transaction, &rules)?;
    let found = find(&transaction, &list, &tables)?;
    let erased = apply(&transaction, &found, &tables, &[])?;
    forget_values(&transaction)?;
    suppression::set_pending(&transaction)?; // other copies, and this backup, are next
    transaction.commit().map_err(&what)?;
    Ok(Some(erased.rows()))
}
