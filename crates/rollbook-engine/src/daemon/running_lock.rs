//! Whether a daemon uses a runtime folder, for processes that cannot see its entry in `/proc`: another user, another view of pids.
//!
//! A lock that the kernel frees with the process, so it is never stale. It is a lock of the open file (OFD), because a reader
//! can ask for that without taking it: it cannot hinder a start, and it does not wake the daemon.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use super::runtime_folder::{MODE, make_folder};

/// Name of the file in the runtime folder.
const NAME: &str = "running.lock";

/// The lock of a running daemon; free when it is dropped.
#[derive(Debug)]
pub(super) struct RunningLock(#[expect(dead_code, reason = "the open file is the lock")] File);

impl RunningLock {
    /// Takes it. Creates the folder if it is missing.
    ///
    /// # Errors
    /// If another process has it, or the file cannot be made.
    pub fn take(folder: &Path) -> io::Result<Self> {
        make_folder(folder)?;
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(MODE)
            .open(folder.join(NAME))?;
        file.set_permissions(Permissions::from_mode(MODE))?; // independent of the umask
        fcntl(&file, FcntlArg::F_OFD_SETLK(&whole_file(libc::F_WRLCK)))?;
        Ok(Self(file))
    }
}

/// Whether a daemon uses this folder.
pub(super) fn is_daemon_running(folder: &Path) -> bool {
    let Ok(file) = File::open(folder.join(NAME)) else {
        return false;
    };
    let mut lock = whole_file(libc::F_RDLCK);
    let asked = fcntl(&file, FcntlArg::F_OFD_GETLK(&mut lock));
    asked.is_ok() && lock.l_type != libc::F_UNLCK as libc::c_short
}

fn whole_file(kind: libc::c_int) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0, // demanded for locks of open files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_runs_as_long_as_it_has_the_lock() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().join("run");
        assert!(!is_daemon_running(&folder), "no folder");
        let lock = RunningLock::take(&folder).expect("the lock");
        assert!(is_daemon_running(&folder));
        assert!(is_daemon_running(&folder), "asking does not take it");
        assert!(RunningLock::take(&folder).is_err(), "one daemon a folder");
        drop(lock);
        assert!(
            !is_daemon_running(&folder),
            "the file stays, the lock does not"
        );
        RunningLock::take(&folder).expect("the next daemon");
    }
}
