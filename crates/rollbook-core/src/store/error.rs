//! Failures of the store.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{ErrorCode, ffi};

use crate::model::{Class, LimitReached};
use crate::permissions::{chown, denied};

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite reported an error.
    #[error("{what}: {}", plain(source))]
    Sql {
        /// What was being done.
        what: &'static str,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// The file cannot be used.
    #[error("{path}: {problem}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The operating system refused something of a file.
    #[error("{path}: could not {what}: {}", disk_reason(path, source))]
    Disk {
        /// Which file or folder.
        path: PathBuf,
        /// What was being done.
        what: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// Another Rollbook has the store.
    #[error("another rollbook (pid {pid}) is using {path}; stop it, or wait for it to end")]
    Busy {
        /// Which lock file.
        path: PathBuf,
        /// The process that holds it.
        pid: String,
    },
    /// The connector of a stream no longer fits its table.
    #[error(
        "the key of table {table} would change from ({old}) to ({new}); rename the source, or drop the table to create it again"
    )]
    KeyChanged {
        /// Which table.
        table: String,
        /// The key it has.
        old: String,
        /// The key the connector wants.
        new: String,
    },
    /// A mirror, or a copy of one, is not what was written.
    #[error("{path} is damaged: {problem}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What was found first, and what follows.
        problem: String,
    },
    /// The vault is sealed, and its key is not there.
    #[error("{problem}")]
    Shut {
        /// What is wrong and what to do.
        problem: String,
    },
    /// What was requested cannot be done; nothing was changed.
    #[error("{problem}")]
    Refused {
        /// Why.
        problem: String,
    },
    /// A reading reached a limit and was dropped; other readings go on.
    #[error("{0}")]
    Limit(#[from] LimitReached),
    /// The cipher or the operating system's random numbers do not work.
    #[error("the vault could not encrypt: this machine's random numbers or cipher fail")]
    Sealing,
    /// The write panicked.
    #[error("internal error (panic) while writing; nothing was written; please report it")]
    Panicked,
    /// The writer thread has ended.
    #[error("the store's writer has stopped; restart rollbook")]
    WriterStopped,
}

impl StoreError {
    /// What it means for the run.
    pub fn class(&self) -> Class {
        match self {
            Self::Sql { source, .. } => class_of(source),
            Self::WriterStopped => Class::Fatal,
            Self::Shut { .. } => Class::Auth,
            Self::Busy { .. } | Self::Disk { .. } | Self::Limit(LimitReached::Reserve { .. }) => {
                Class::Transient
            }
            Self::Limit(LimitReached::Rows(_) | LimitReached::Values(_)) => Class::Contract,
            Self::File { .. }
            | Self::KeyChanged { .. }
            | Self::Damaged { .. }
            | Self::Refused { .. }
            | Self::Sealing
            | Self::Panicked => Class::Permanent,
        }
    }

    /// Wraps an error of SQLite with what was being done.
    pub fn sql(what: &'static str) -> impl Fn(rusqlite::Error) -> Self {
        move |source| Self::Sql { what, source }
    }

    /// Wraps an error of the operating system; `what` continues "could not …".
    pub fn disk(path: &Path, what: &'static str) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Disk {
            path: path.clone(),
            what,
            source,
        }
    }

    /// Whether the operating system refused this process a file.
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Disk { source, .. } if source.kind() == io::ErrorKind::PermissionDenied)
    }

    /// Whether there is no room: a full disk, a quota.
    pub fn is_full(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        match self {
            Self::Sql { source, .. } => {
                source.sqlite_error_code() == Some(ErrorCode::DiskFull) || is_shared_memory(source)
            }
            Self::Disk { source, .. } => matches!(source.kind(), StorageFull | QuotaExceeded),
            Self::Limit(reached) => matches!(reached, LimitReached::Reserve { .. }),
            Self::File { .. }
            | Self::Busy { .. }
            | Self::KeyChanged { .. }
            | Self::Damaged { .. }
            | Self::Shut { .. }
            | Self::Refused { .. }
            | Self::Sealing
            | Self::Panicked
            | Self::WriterStopped => false,
        }
    }

    /// Whether only a person can fix it: a wrong file or folder, or one of another program. A full or failing disk may
    /// work again at the next attempt.
    pub fn needs_a_person(&self) -> bool {
        use io::ErrorKind::{
            InvalidInput, IsADirectory, NotADirectory, NotFound, PermissionDenied,
        };
        match self {
            Self::File { .. } | Self::KeyChanged { .. } | Self::Shut { .. } => true,
            Self::Disk { source, .. } => matches!(
                source.kind(),
                InvalidInput | IsADirectory | NotADirectory | NotFound | PermissionDenied
            ),
            Self::Sql { .. }
            | Self::Busy { .. }
            | Self::Damaged { .. }
            | Self::Limit(_)
            | Self::Sealing
            | Self::Panicked
            | Self::Refused { .. }
            | Self::WriterStopped => false,
        }
    }

    /// Whether it concerns one reading only, and the mirror can be written.
    pub fn is_of_one_reading(&self) -> bool {
        matches!(self, Self::Limit(_))
    }
}

/// The system's reason; where this process may not open the file, whom it belongs to and what to do.
fn disk_reason(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            let folder = path.parent().unwrap_or(path);
            format!("{}; run `{}`", denied(path), chown(folder))
        }
        _ => error.to_string(),
    }
}

/// What SQLite's refusal means (decision 0031): fatal is what no later transaction can be trusted after.
fn class_of(error: &rusqlite::Error) -> Class {
    let extended = error.sqlite_error().map(|error| error.extended_code);
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DiskFull
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::CannotOpen
            | ErrorCode::OutOfMemory,
        ) => Class::Transient,
        // A failed write or read concerns its transaction only. A failed sync does not: the kernel has dropped the
        // pages, and the next sync succeeds (fault-catalogue.md 117).
        Some(ErrorCode::SystemIoFailure)
            if is_shared_memory(error)
                || extended == Some(ffi::SQLITE_IOERR_WRITE)
                || extended == Some(ffi::SQLITE_IOERR_READ) =>
        {
            Class::Transient
        }
        Some(
            ErrorCode::SystemIoFailure
            | ErrorCode::ReadOnly
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase,
        ) => Class::Fatal,
        _ => Class::Permanent,
    }
}

/// SQLite's message, or one with advice if an admin can do something.
fn plain(error: &rusqlite::Error) -> String {
    let words = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => {
            "the disk or a quota is full; the mirror is unchanged, and the next run continues once there is space"
        }
        Some(ErrorCode::ReadOnly) => {
            "the mirror cannot be written; check whether its file system is mounted read-only and whether this user owns the file"
        }
        // Where no file can grow, the memory that readers share with the writer cannot be made.
        Some(ErrorCode::SystemIoFailure) if is_shared_memory(error) => {
            "its shared-memory file (-shm) could not be created; is the disk full?"
        }
        Some(ErrorCode::SystemIoFailure) => {
            "the disk reports an error, or a limit on the size of files is reached; check the kernel log (`journalctl -k`)"
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            "the file is damaged; `rollbook verify` shows where, `rollbook restore` restores a backup"
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program keeps the mirror locked; close what writes to it"
        }
        _ => return error.to_string(),
    };
    words.to_owned()
}

fn is_shared_memory(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{SQLITE_IOERR_SHMMAP, SQLITE_IOERR_SHMOPEN, SQLITE_IOERR_SHMSIZE};
    let code = error.sqlite_error().map(|error| error.extended_code);
    code.is_some_and(|code| {
        [
            SQLITE_IOERR_SHMMAP,
            SQLITE_IOERR_SHMOPEN,
            SQLITE_IOERR_SHMSIZE,
        ]
        .contains(&code)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_be_trusted_any_more_is_fatal() {
        for (code, expected) in [
            (ffi::SQLITE_FULL, Class::Transient),
            (ffi::SQLITE_BUSY, Class::Transient),
            (ffi::SQLITE_LOCKED, Class::Transient),
            (ffi::SQLITE_CANTOPEN, Class::Transient),
            (ffi::SQLITE_NOMEM, Class::Transient),
            (ffi::SQLITE_IOERR_WRITE, Class::Transient),
            (ffi::SQLITE_IOERR_READ, Class::Transient),
            (ffi::SQLITE_IOERR_SHMSIZE, Class::Transient),
            (ffi::SQLITE_IOERR_FSYNC, Class::Fatal),
            (ffi::SQLITE_IOERR_DIR_FSYNC, Class::Fatal),
            (ffi::SQLITE_READONLY, Class::Fatal),
            (ffi::SQLITE_CORRUPT, Class::Fatal),
            (ffi::SQLITE_NOTADB, Class::Fatal),
            (ffi::SQLITE_MISUSE, Class::Permanent),
            (ffi::SQLITE_CONSTRAINT, Class::Permanent),
        ] {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            let error = StoreError::sql("apply a run")(error);
            assert_eq!(error.class(), expected, "{code}: {error}");
        }
        assert_eq!(StoreError::WriterStopped.class(), Class::Fatal);
        let full = |code| {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            StoreError::sql("apply a run")(error).is_full()
        };
        assert!(full(ffi::SQLITE_FULL) && full(ffi::SQLITE_IOERR_SHMSIZE));
        assert!(!full(ffi::SQLITE_IOERR_WRITE) && !full(ffi::SQLITE_BUSY));
        let quota = io::Error::from(io::ErrorKind::QuotaExceeded);
        assert!(StoreError::disk(Path::new("mirror.db"), "write")(quota).is_full());
        assert_eq!(StoreError::Panicked.class(), Class::Permanent);
    }
}
