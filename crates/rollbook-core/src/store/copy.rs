//! `[store.copy]`: tables of the mirror in a file of their own, for programs that cannot or may not read the live one.
//!
//! A new file each time, filled row by row in one read transaction and renamed when it is complete: so nothing of an
//! older copy or of a column that is left out is in its bytes, and no reader sees half of it. Its tables are not `STRICT`
//! and it has no write-ahead log, so SQLite of any age reads it.

pub mod record;
mod relations;
mod stop;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, params};

pub use self::relations::ENDINGS;
use self::relations::{Relation, relations};
pub use self::stop::CopyStop;
use super::error::StoreError;
use super::maintenance::copy::{Copy, beside, remove_with_journal};
use crate::model::scalar;
use crate::permissions::readers::{
    GroupError, Narrowed, ReaderGroup, open_folder, put_file_right, set_up_folder,
};
use crate::permissions::this_user;
use crate::replacement::folder_of;

/// Pages of cache for each of both files, in KiB: what a copy needs in memory, however large it is.
const CACHE: i32 = 2048;

/// How long the copy waits for the mirror's lock, which only another program's exclusive one holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Changes when a copy of the same tables would have another form.
const FORM: u32 = 2;

/// The input of a copy.
#[derive(Clone, Debug)]
pub struct CopyInput {
    /// The mirror.
    pub mirror: PathBuf,
    /// The copy.
    pub path: PathBuf,
    /// The names of the tables; the live table of every stream if there are none.
    pub tables: Option<Vec<String>>,
    /// Tables, each with a column that is left out of it and of everything made from it.
    pub leave_out: Vec<(String, String)>,
    /// Who may read it besides its owner.
    pub group: Option<ReaderGroup>,
    /// Its time.
    pub now: Timestamp,
}

/// A copy that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeCopy {
    /// The last run that changed what is in it; 0 if there was none.
    pub run: i64,
    /// Its tables.
    pub tables: usize,
    /// Their rows.
    pub rows: u64,
    /// Names of tables that the mirror does not have yet.
    pub missing: Vec<String>,
}

/// Makes the copy and gives it its name, unless it is stopped: then nothing of it stays.
///
/// # Errors
/// When it was stopped, there is no room, the group cannot be given the file, or the mirror cannot be read; then the last copy stays.
pub fn make(wanted: &CopyInput, stop: &CopyStop) -> Result<MadeCopy, StoreError> {
    let told = |error| told(error, &wanted.path);
    let folder = folder_of(&wanted.path);
    let not_given = |error: GroupError| {
        let help = error.help_with_folder(folder);
        failed(&wanted.path, format!("{error}; {help}"))
    };
    if !folder.is_dir() {
        fs::create_dir(folder).map_err(|error| unwritable(&error, &wanted.path))?;
        set_up_folder(folder, wanted.group.as_ref()).map_err(not_given)?;
    }
    open_own_folder(&wanted.path, &wanted.mirror, wanted.group.as_ref()).map_err(not_given)?;
    let copy = Copy::empty(part_of(&wanted.path)).map_err(told)?;
    let made = fill(copy.path(), wanted, stop).map_err(told)?;
    copy.sync().map_err(told)?;
    put_file_right(copy.path(), wanted.group.as_ref()).map_err(not_given)?;
    copy.name(&wanted.path).map_err(told)?;
    Ok(made)
}

/// Removes what a copy left that was interrupted.
///
/// # Errors
/// When the folder cannot be written.
pub fn remove_leftover(path: &Path) -> io::Result<()> {
    remove_with_journal(&part_of(path))
}

fn part_of(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    beside(path, &format!(".{name}.part"))
}

fn fill(part: &Path, wanted: &CopyInput, stop: &CopyStop) -> Result<MadeCopy, StoreError> {
    let what = StoreError::sql("copy the mirror's tables");
    let mut connection = Connection::open(part).map_err(&what)?;
    stop.begin(connection.get_interrupt_handle());
    prepare(&connection, &wanted.mirror).map_err(&what)?;
    // One read transaction: the tables are of one moment, and the writer goes on meanwhile.
    let transaction = connection.transaction().map_err(&what)?;
    let run = record::last_change(&transaction)?;
    let (relations, missing) =
        relations(&transaction, wanted.tables.as_deref(), &wanted.leave_out)?;
    let mut rows = 0;
    for relation in &relations {
        if stop.is_stopped() {
            return Err(StoreError::WriterStopped);
        }
        rows += relation.copy(&transaction).map_err(&what)?;
    }
    describe(&transaction, &relations, run, wanted.now).map_err(&what)?;
    transaction.commit().map_err(&what)?;
    connection.close().map_err(|(_, error)| what(error))?;
    Ok(MadeCopy {
        run,
        tables: relations.len(),
        rows,
        missing,
    })
}

/// The copy needs no journal: if it is not completed, it is removed.
fn prepare(connection: &Connection, mirror: &Path) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update_and_check(None, "journal_mode", "off", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "off")?;
    connection.pragma_update(None, "cache_size", -CACHE)?;
    connection.execute("ATTACH ?1 AS mirror", [read_only(mirror)])?;
    connection.pragma_update(Some("mirror"), "cache_size", -CACHE)
}

/// A path as SQLite's URI that opens it to read.
fn read_only(path: &Path) -> String {
    let path = path.to_string_lossy();
    let path = path
        .replace('%', "%25")
        .replace('?', "%3f")
        .replace('#', "%23");
    format!("file:{path}?mode=ro")
}

/// What the columns mean, and of when the copy is.
fn describe(
    connection: &Connection,
    relations: &[Relation],
    run: i64,
    now: Timestamp,
) -> rusqlite::Result<()> {
    connection.execute_batch(
        "CREATE TABLE main.rollbook_columns (source TEXT, stream TEXT, position INTEGER, \"column\" TEXT, type TEXT, \
           meaning TEXT, refers_to TEXT, PRIMARY KEY (source, stream, \"column\"));
         CREATE TABLE main.rollbook_copy (made TEXT, run INTEGER);",
    )?;
    let mut columns = connection.prepare(
        "INSERT OR IGNORE INTO main.rollbook_columns \
         SELECT source, stream, position, \"column\", type, meaning, refers_to FROM mirror.rollbook_columns \
         WHERE source = ?1 AND stream = ?2 AND \"column\" = ?3",
    )?;
    for relation in relations {
        for column in &relation.columns {
            columns.execute(params![relation.source, relation.stream, column.name])?;
        }
    }
    connection.execute(
        "INSERT INTO main.rollbook_copy VALUES (?1, ?2)",
        params![scalar::to_canonical(now), run],
    )?;
    Ok(())
}

/// A failure with the copy, and not with the mirror.
fn failed(path: &Path, problem: String) -> StoreError {
    StoreError::File {
        path: path.to_owned(),
        problem,
    }
}

/// What an admin can do about the usual failures; the mirror and the last copy are as they were.
fn told(error: StoreError, path: &Path) -> StoreError {
    const FULL: &str = "there is no room for the copy: the disk or a quota is full";
    match &error {
        StoreError::Disk { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
            failed(path, FULL.to_owned())
        }
        StoreError::Disk { source, .. } => unwritable(source, path),
        StoreError::Sql { source, .. } => match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => failed(path, FULL.to_owned()),
            _ => error,
        },
        _ => error,
    }
}

fn unwritable(error: &io::Error, path: &Path) -> StoreError {
    let folder = folder_of(path).display();
    let user = this_user();
    let problem = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => format!(
            "{user} cannot write the folder {folder}; run `install -d -o {user} -m 2750 -g GROUP {folder}` with the group \
             that shall read it"
        ),
        // Of the file system, or of systemd's sandbox.
        io::ErrorKind::ReadOnlyFilesystem => format!(
            "the folder {folder} is read-only for this process; under systemd, let the unit write it: \
             `ReadWritePaths={folder}` by `systemctl edit rollbook`"
        ),
        _ => format!("could not write the copy: {error}"),
    };
    failed(path, problem)
}

/// Changes when a copy would have other tables, columns or readers, also without a run.
///
/// # Errors
/// When the mirror cannot be read.
pub fn definition(mirror: &Connection, wanted: &CopyInput) -> Result<String, StoreError> {
    let layout = record::layout(mirror)?;
    let CopyInput {
        tables,
        leave_out,
        group,
        ..
    } = wanted;
    let text = format!("{FORM} {tables:?} {leave_out:?} {group:?} {layout}");
    Ok(format!(
        "{:016x}",
        xxhash_rust::xxh3::xxh3_64(text.as_bytes())
    ))
}

/// Group and mode of a copy that is there, put right.
///
/// # Errors
/// When the group cannot be given the file.
pub fn put_right(
    path: &Path,
    mirror: &Path,
    group: Option<&ReaderGroup>,
) -> Result<Option<Narrowed>, GroupError> {
    if !path.exists() {
        return Ok(None);
    }
    open_own_folder(path, mirror, group)?;
    put_file_right(path, group)
}

/// A folder below the mirror's is Rollbook's own: at each start of the service, systemd gives all that is in the state
/// directory back to the service's group. Other folders are the admin's.
fn open_own_folder(
    path: &Path,
    mirror: &Path,
    group: Option<&ReaderGroup>,
) -> Result<(), GroupError> {
    let (folder, above) = (folder_of(path), folder_of(mirror));
    let real = |folder: &Path| folder.canonicalize().ok();
    let is_below = match (real(folder), real(above)) {
        (Some(folder), Some(above)) => folder != above && folder.starts_with(&above),
        _ => false,
    };
    match group {
        Some(group) if is_below => open_folder(folder, group),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
