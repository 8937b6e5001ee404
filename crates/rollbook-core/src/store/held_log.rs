//! A write-ahead log that cannot be emptied, because another program keeps a transaction open: it grows with every run.

use std::os::linux::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// A smaller log, in bytes, is not worth a word.
pub const LARGE: u64 = 64 << 20;

/// A reader may take so long.
const MAX_HELD: SignedDuration = SignedDuration::from_mins(10);

/// The bytes of SQLite's index of the log that are locked by who reads a state of the mirror (`WAL_READ_LOCK`, with
/// `UNIX_SHM_BASE`).
const READERS: std::ops::RangeInclusive<u64> = 123..=127;

/// Since when the log could not be emptied after a run.
#[derive(Debug, Default)]
pub(super) struct HeldLog(Mutex<Option<Timestamp>>);

impl HeldLog {
    pub(super) fn note(&self, is_emptied: bool, now: Timestamp) {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *since = match is_emptied {
            true => None,
            false => since.or(Some(now)),
        };
    }

    /// The log's bytes, if it is large and has been held for long.
    pub(super) fn bytes(&self, mirror: &Path, now: Timestamp) -> Option<u64> {
        let since = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.filter(|since| now.duration_since(*since) >= MAX_HELD)?;
        log_bytes(mirror).filter(|bytes| *bytes >= LARGE)
    }
}

/// The size of a mirror's log.
pub fn log_bytes(mirror: &Path) -> Option<u64> {
    Some(std::fs::metadata(beside(mirror, "-wal")).ok()?.len())
}

/// The processes that read a state of the mirror now, as far as the kernel shows them to this process.
pub fn readers_of(mirror: &Path) -> Vec<u32> {
    let index = std::fs::metadata(beside(mirror, "-shm"));
    let locks = std::fs::read_to_string("/proc/locks");
    match (index, locks) {
        (Ok(index), Ok(locks)) => readers_in(&locks, &file_of(index.st_dev(), index.st_ino())),
        _ => Vec::new(),
    }
}

/// A file as `/proc/locks` names it.
fn file_of(device: u64, inode: u64) -> String {
    let (major, minor) = (nix::sys::stat::major(device), nix::sys::stat::minor(device));
    format!("{major:02x}:{minor:02x}:{inode}")
}

/// Lines such as `7: POSIX  ADVISORY  READ 4711 fe:00:1133 124 124`; those of processes that wait have an arrow.
fn readers_in(locks: &str, file: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for line in locks.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "POSIX", _, "READ", process, of, first, last] = words[..] else {
            continue;
        };
        let is_reader = |byte: &str| byte.parse().is_ok_and(|byte| READERS.contains(&byte));
        // 0 and less: a process of another container.
        let process = process.parse().ok().filter(|process| *process > 0);
        if of == file && is_reader(first) && is_reader(last) {
            found.extend(process.filter(|process| !found.contains(process)));
        }
    }
    found
}

fn beside(mirror: &Path, ending: &str) -> PathBuf {
    let mut path = mirror.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_are_named_by_the_kernel() {
        let locks = "1: POSIX  ADVISORY  READ 4711 fe:00:1133 124 124\n\
                     1: -> POSIX  ADVISORY  WRITE 4712 fe:00:1133 124 124\n\
                     2: POSIX  ADVISORY  READ 4713 fe:00:1133 128 128\n\
                     3: POSIX  ADVISORY  READ 4714 fe:00:1134 124 124\n\
                     4: FLOCK  ADVISORY  READ 4715 fe:00:1133 0 EOF\n\
                     5: POSIX  ADVISORY  READ -1 fe:00:1133 123 123\n\
                     6: POSIX  ADVISORY  READ 4716 fe:00:1133 123 123\n\
                     7: POSIX  ADVISORY  READ 4711 fe:00:1133 126 126\n";
        let file = file_of(nix::sys::stat::makedev(0xfe, 0), 1133);
        assert_eq!(readers_in(locks, &file), [4711, 4716]);
        assert!(readers_in("", &file).is_empty());
    }

    #[test]
    fn a_large_log_that_is_held_for_long_is_reported() {
        let folder = tempfile::tempdir().expect("a folder");
        let mirror = folder.path().join("mirror.db");
        let log = std::fs::File::create(beside(&mirror, "-wal")).expect("a log");
        let at = |minute: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute);
        let held = HeldLog::default();
        for (is_emptied, minute, bytes, expected) in [
            (false, 0, LARGE, None),
            (false, 9, LARGE, None),
            (false, 10, LARGE - 1, None),
            (false, 10, LARGE + 1, Some(LARGE + 1)),
            (true, 20, LARGE, None),
            (false, 21, LARGE, None),
        ] {
            log.set_len(bytes).expect("room");
            held.note(is_emptied, at(minute));
            assert_eq!(held.bytes(&mirror, at(minute)), expected, "{minute}");
        }
    }
}
