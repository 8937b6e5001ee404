//! The mirror's file: opening it safely, one thread that writes, readers that do not wait.
//!
//! Settings and their reasons: reliability.md 4.4. The file is created with mode 0600 before SQLite opens it, so that
//! no umask can open it to others.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::oneshot;

use super::error::StoreError;
use super::held_log::HeldLog;
use super::mirror_lock::lock_mirror;
use super::readers::{KeptReaders, ReadConnection, Readers};
use super::staging::StagingSpace;
use super::suppression::Suppression;
use super::table_locks::TableLocks;
use super::writer::{Task, Writer};
use super::{maintenance, private, schema, writer};
use crate::model::Class;
use crate::permissions::User;
use crate::replacement::folder_of;

/// "ROLB" in ASCII: what `file` and we recognise a mirror by.
pub(super) const APPLICATION: i32 = 0x524F_4C42;

/// SQLite before 3.51.3 can damage a database in WAL mode (reliability.md 4.4).
const OLDEST_SQLITE: i32 = 3_051_003;

/// Pages of cache for the writer and for a reader, in KiB.
const WRITER_CACHE: i32 = 4096;
const READER_CACHE: i32 = 2048;

/// How long a connection waits for another one's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The open mirror.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    /// Before the writer: who closes the file last empties the log, and a reader cannot.
    readers: Arc<Readers>,
    writer: Writer,
    fatal_error: OnceLock<String>,
    room: Room,
    held_log: HeldLog,
    locks: TableLocks,
    staging_space: Arc<StagingSpace>,
    /// Whom no reading may take back; or why that is not known.
    suppression: RwLock<Result<Arc<Suppression>, String>>,
}

/// Whether the disk has room. A record of a run fits where its rows do not, so that a successful write alone proves
/// nothing.
#[derive(Debug, Default)]
struct Room {
    /// How often there was none.
    refusals: AtomicU64,
    /// How many of these are over: a whole run met none since.
    over: AtomicU64,
}

impl Store {
    /// Opens or creates the mirror and locks it; the error of a second opener names the process that holds the lock.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if rusqlite::version_number() < OLDEST_SQLITE {
            return Err(file(
                path,
                format!("the linked SQLite {} is too old", rusqlite::version()),
            ));
        }
        let lock = lock_mirror(path)?;
        make_private(path)?;
        let mut connection = Connection::open(path).map_err(StoreError::sql("open the mirror"))?;
        check_identity(&connection, path)?;
        schema::refuse_newer(&connection, path)?;
        prepare_writer(&connection)?;
        keep_temporary_files_beside(&connection, path)
            .map_err(StoreError::sql("set up the mirror"))?;
        if let Some(version) = schema::outdated(&connection)? {
            maintenance::before_upgrade(path, version)?;
        }
        schema::upgrade(&mut connection)?;
        let close = |connection: &Connection| {
            let _ = tidy(connection); // what a reader keeps in the log is taken over next time
        };
        let writer = Writer::start(connection, lock, close)
            .map_err(StoreError::disk(path, "start the writer"))?;
        Ok(Self {
            path: path.to_owned(),
            readers: Arc::default(),
            writer,
            fatal_error: OnceLock::new(),
            room: Room::default(),
            held_log: HeldLog::default(),
            locks: TableLocks::default(),
            staging_space: Arc::new(StagingSpace::new(folder_of(path).to_owned())),
            suppression: RwLock::new(Ok(Arc::default())),
        })
    }

    /// Whom no reading may take back.
    ///
    /// # Errors
    /// When the list cannot be opened: then no row may be taken.
    pub fn suppression(&self) -> Result<Arc<Suppression>, StoreError> {
        let known = self.suppression.read();
        let known = known.unwrap_or_else(PoisonError::into_inner);
        known
            .clone()
            .map_err(|problem| StoreError::Shut { problem })
    }

    /// Sets whom readings that begin from now on do not take back, or why that is not known.
    pub fn set_suppression(&self, list: Result<Suppression, StoreError>) {
        let list = list.map(Arc::new).map_err(|error| {
            format!("the list of erased people is not available, so no row is taken: {error}")
        });
        let known = self.suppression.write();
        *known.unwrap_or_else(PoisonError::into_inner) = list;
    }

    /// Who may use which table now.
    pub fn locks(&self) -> &TableLocks {
        &self.locks
    }

    /// The disk that readings stage on.
    pub fn staging_space(&self) -> &Arc<StagingSpace> {
        &self.staging_space
    }

    /// Where the mirror is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs something on the writer's thread. A panic fails only this task, and its transaction is rolled back.
    pub async fn write<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (done, result) = oneshot::channel();
        #[cfg(any(test, feature = "testing"))]
        let result = crate::clock::in_real_time(result);
        #[cfg(any(test, feature = "testing"))]
        if DISK_IS_FULL.get() {
            let full = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
            let full = rusqlite::Error::SqliteFailure(full, None);
            return Err(StoreError::sql("write the mirror")(full))
                .inspect_err(|error| self.note_failure(error));
        }
        let task: Task = Box::new(move |connection| {
            let written = writer::catch_panic(connection, act);
            Box::new(move || drop(done.send(written))) // the caller may have been stopped
        });
        let written = if self.writer.ask(task) {
            result.await.unwrap_or(Err(StoreError::WriterStopped))
        } else {
            Err(StoreError::WriterStopped)
        };
        written.inspect_err(|error| self.note_failure(error))
    }

    /// Records a failure after which the mirror can no longer be trusted, and that there was no room.
    pub fn note_failure(&self, error: &StoreError) {
        if error.class() == Class::Fatal {
            let _ = self.fatal_error.set(error.to_string()); // the first one counts
        }
        if error.is_full() {
            self.room.refusals.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// How often there was no room; for [`Store::note_room`].
    pub fn refusals(&self) -> u64 {
        self.room.refusals.load(Ordering::SeqCst)
    }

    /// Records that a run has ended and is recorded; `refusals` is their number at its start.
    pub fn note_room(&self, refusals: u64) {
        self.room.over.fetch_max(refusals, Ordering::SeqCst);
    }

    /// Whether there was no room for what the last runs had to write.
    pub fn is_full(&self) -> bool {
        self.refusals() > self.room.over.load(Ordering::SeqCst)
    }

    /// Records whether the write-ahead log was emptied after a run.
    pub fn note_log(&self, is_emptied: bool, now: Timestamp) {
        self.held_log.note(is_emptied, now);
    }

    /// The bytes of the write-ahead log, if it is large and another program has kept it from being emptied for long.
    pub fn held_log(&self, now: Timestamp) -> Option<u64> {
        self.held_log.bytes(&self.path, now)
    }

    /// Why the mirror cannot be kept by this process any more, if so; the daemon ends.
    pub fn fatal_error(&self) -> Option<&str> {
        self.fatal_error.get().map(String::as_str)
    }

    /// Incremented when the writer begins and ends a task; odd while it works.
    pub fn write_counter(&self) -> u64 {
        self.writer.write_counter()
    }

    /// A connection that only reads.
    pub fn reader(&self) -> Result<ReadConnection, StoreError> {
        self.readers.get(|| reader(&self.path))
    }

    /// Keeps readers open for their next use until the result is dropped.
    pub fn keep_readers(&self) -> KeptReaders {
        self.readers.keep()
    }

    #[cfg(test)]
    pub(super) fn readers(&self) -> &Readers {
        &self.readers
    }
}

#[cfg(any(test, feature = "testing"))]
thread_local! {
    static DISK_IS_FULL: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Whether every write of this thread's stores fails.
#[cfg(any(test, feature = "testing"))]
pub fn set_disk_full(is_full: bool) {
    DISK_IS_FULL.set(is_full);
}

/// Whether there is a mirror.
///
/// # Errors
/// If the folder cannot be read: then it is unknown whether there is one.
pub fn is_made(path: &Path) -> Result<bool, StoreError> {
    path.try_exists()
        .map_err(StoreError::disk(path, "look for the mirror"))
}

/// SQLite does not say why it cannot open a file. Decided without opening it: closing it would end SQLite's own locks.
fn refuse_unreadable(path: &Path) -> Result<(), StoreError> {
    let failed = StoreError::disk(path, "open the mirror");
    let found = std::fs::metadata(path).map_err(&failed)?;
    match User::this().rights(&found) & 0o4 {
        0 => Err(failed(io::ErrorKind::PermissionDenied.into())),
        _ => Ok(()),
    }
}

/// A connection that only reads a mirror, also while another process writes it.
pub fn reader(path: &Path) -> Result<Connection, StoreError> {
    if !is_made(path)? {
        return Err(file(
            path,
            "there is no mirror yet; run `rollbook sync` first".into(),
        ));
    }
    refuse_unreadable(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)
        .map_err(StoreError::sql("open the mirror to read"))?;
    check_identity(&connection, path)?;
    connection
        .pragma_update(None, "cache_size", -READER_CACHE)
        .map_err(StoreError::sql("set up a reader"))?;
    connection
        .busy_timeout(BUSY_TIMEOUT)
        .map_err(StoreError::sql("set up a reader"))?;
    // A user who may only read the folder sorts in the usual one.
    let _ = keep_temporary_files_beside(&connection, path);
    Ok(connection)
}

/// Where temporary files are written whatever mirror is open: the setting is one for the whole process, and a folder that a worker of a
/// cluster has for a source may leave.
static TEMPORARY: OnceLock<PathBuf> = OnceLock::new();

/// Lets SQLite write the temporary files of all mirrors to this folder from now on.
pub fn keep_temporary_files_in(folder: &Path) {
    let _ = TEMPORARY.set(folder.to_owned()); // a process is one worker
}

/// Lets SQLite write its temporary files, which hold rows, to the mirror's folder and not to one for all users. They have
/// no name there. The setting is one for the whole process.
fn keep_temporary_files_beside(connection: &Connection, path: &Path) -> rusqlite::Result<()> {
    // Mirrors of other tests come and go.
    #[cfg(test)]
    keep_temporary_files_in(&std::env::temp_dir());
    let folder = TEMPORARY
        .get()
        .map_or_else(|| folder_of(path), PathBuf::as_path);
    let folder = folder.to_string_lossy();
    connection.pragma_update(None, "temp_store_directory", folder)
}

/// Whether the log and its index stay beside the mirror when the last connection closes: who may not write there could
/// not open a mirror without them (decision 0046).
pub fn keep_log(connection: &Connection, is_kept: bool) -> Result<(), StoreError> {
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, is_kept)
        .map(drop)
        .map_err(StoreError::sql("keep the write-ahead log"))
}

/// Moves the write-ahead log into the mirror after a run and empties it, without waiting for readers; returns whether
/// none kept it from that.
///
/// A log that is left full is read again, with check sums, by the next process that opens the mirror.
pub fn tidy(connection: &Connection) -> Result<bool, StoreError> {
    let what = StoreError::sql("empty the write-ahead log");
    connection.busy_timeout(Duration::ZERO).map_err(&what)?;
    let moved = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
        row.get::<_, bool>(0).map(|is_busy| !is_busy)
    });
    connection.busy_timeout(BUSY_TIMEOUT).map_err(&what)?;
    moved.map_err(&what)
}

fn prepare_writer(connection: &Connection) -> Result<(), StoreError> {
    let set = |name: &str, value: &dyn rusqlite::ToSql| {
        connection
            .pragma_update(None, name, value)
            .map_err(StoreError::sql("set up the mirror"))
    };
    connection
        .busy_timeout(BUSY_TIMEOUT)
        .map_err(StoreError::sql("set up the mirror"))?;
    connection
        .pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))
        .map_err(StoreError::sql("switch the mirror to WAL"))?;
    set("synchronous", &"full")?;
    set("secure_delete", &"on")?;
    set("foreign_keys", &"off")?;
    set("cache_size", &-WRITER_CACHE)?;
    connection
        .pragma_update_and_check(None, "journal_size_limit", 8 << 20, |_| Ok(()))
        .map_err(StoreError::sql("set up the mirror"))?;
    connection
        .pragma_update_and_check(None, "wal_autocheckpoint", 20_000, |_| Ok(()))
        .map_err(StoreError::sql("set up the mirror"))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// Never touches another program's file (fault-catalogue.md 121).
fn check_identity(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let pragma = |name: &str| {
        let answer =
            connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i32>(0));
        answer.map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => {
                let advice = "this is not a SQLite database; move it away, or set another file in [store] path";
                file(path, advice.into())
            }
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                let advice = "SQLite cannot open it; this user needs to read the file, and to enter and write its folder for the write-ahead log";
                file(path, advice.into())
            }
            _ => StoreError::sql("identify the database")(error),
        })
    };
    let (application, tables) = (pragma("application_id")?, pragma("schema_version")?);
    if application != APPLICATION && (application != 0 || tables != 0) {
        let advice = "this database belongs to another program; set another file in [store] path";
        return Err(file(path, advice.into()));
    }
    if application == 0 && !connection.is_readonly("main").unwrap_or(true) {
        connection
            .pragma_update(None, "application_id", APPLICATION)
            .map_err(StoreError::sql("mark the mirror"))?;
    }
    Ok(())
}

fn make_private(path: &Path) -> Result<(), StoreError> {
    private::open_file(path)
        .map(drop)
        .map_err(StoreError::disk(path, "open the mirror for writing"))
}

fn file(path: &Path, problem: String) -> StoreError {
    StoreError::File {
        path: path.to_owned(),
        problem,
    }
}
