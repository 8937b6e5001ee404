//! Removing what is left of erased rows in a mirror's freed space and in its log.
//!
//! `VACUUM` rewrites every page, so that no page contains parts of an older one; then the log, which holds the pages of
//! before, is cut to nothing. A program that reads the mirror holds the log: then it is named, and the log is cut later.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::store::error::StoreError;

/// The first byte of the locks of a log's readers in the `-shm` file, and how many there are.
const READ_LOCKS: std::ops::Range<u64> = 123..128;

/// How often the list of locks is read before a reader is unknown.
const READ_ATTEMPTS: u32 = 5;

/// Whether a mirror's file and log are clean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cleaned {
    /// Both are.
    Whole,
    /// The log could not be cut, because of these readers.
    LogIsRead(Vec<LogReader>),
}

/// A process that reads the mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogReader {
    /// Its number.
    pub pid: u32,
    /// The name of its program, if this user may know it.
    pub program: String,
}

/// Rewrites a mirror and cuts its log; `connection` is its writer's.
///
/// # Errors
/// When there is no room for the rewritten pages, or the mirror is damaged.
pub fn clean(connection: &Connection, mirror: &Path) -> Result<Cleaned, StoreError> {
    connection
        .execute_batch("VACUUM")
        .map_err(StoreError::sql("rewrite the mirror without erased rows"))?;
    let is_busy: bool = connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .map_err(StoreError::sql("empty the write-ahead log"))?;
    Ok(match is_busy {
        false => Cleaned::Whole,
        true => Cleaned::LogIsRead(log_readers(mirror)),
    })
}

/// The processes that read a mirror now, as far as the kernel tells.
fn log_readers(mirror: &Path) -> Vec<LogReader> {
    let mut shared = mirror.as_os_str().to_owned();
    shared.push("-shm");
    let Ok(found) = fs::metadata(PathBuf::from(shared)) else {
        return Vec::new();
    };
    let read = || -> Vec<u32> {
        let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
        let readers = locks
            .lines()
            .filter_map(|line| reader_of(line, found.ino()));
        readers.collect()
    };
    // The kernel gives a long list in parts, and misses a line where others come and go meanwhile.
    let mut attempts = (0..READ_ATTEMPTS).map(|_| read());
    let mut pids = attempts.find(|pids| !pids.is_empty()).unwrap_or_default();
    pids.sort_unstable();
    pids.dedup();
    let program = |pid: u32| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        LogReader {
            pid,
            program: name.trim().to_owned(),
        }
    };
    pids.into_iter().map(program).collect()
}

/// The process of a line such as `1: POSIX  ADVISORY  READ 26113 fe:00:5309155 123 123`.
fn reader_of(line: &str, inode: u64) -> Option<u32> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [_, "POSIX", _, _, pid, file, first, last] = words[..] else {
        return None;
    };
    let is_file = file.ends_with(&format!(":{inode}"));
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    let is_read_lock = first < READ_LOCKS.end && last >= READ_LOCKS.start;
    (is_file && is_read_lock).then(|| pid.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reader_of_a_log_is_found_in_the_kernels_list() {
        for (line, expected) in [
            (
                "1: POSIX  ADVISORY  READ 26113 fe:00:5309155 124 124",
                Some(26113),
            ),
            (
                "1: POSIX  ADVISORY  WRITE 26113 fe:00:5309155 123 127",
                Some(26113),
            ),
            ("1: POSIX  ADVISORY  READ 26113 fe:00:5309155 128 128", None),
            ("1: POSIX  ADVISORY  READ 26113 fe:00:5309155 120 120", None),
            ("1: POSIX  ADVISORY  READ 26113 fe:00:309155 124 124", None),
            ("1: FLOCK  ADVISORY  WRITE 26113 fe:00:5309155 0 EOF", None),
            (
                "1: -> POSIX  ADVISORY  READ 26113 fe:00:5309155 124 124",
                None,
            ),
            ("", None),
        ] {
            assert_eq!(reader_of(line, 5_309_155), expected, "{line}");
        }
    }
}
