//! The status file: replaced atomically, and stale when its process no longer runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::running_lock::is_daemon_running;
use super::runtime_folder::{read_limited, replace};
use super::status::{Process, SCHEMA, Status};

/// Name of the file in the runtime folder.
const NAME: &str = "status.json";

/// The path of the status file.
#[derive(Clone, Debug)]
pub struct StatusFile(PathBuf);

impl StatusFile {
    /// The file in this folder.
    pub fn in_folder(folder: &Path) -> Self {
        Self(folder.join(NAME))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Replaces the file atomically. Creates the folder if it is missing.
    ///
    /// # Errors
    /// If it cannot be written; the old file stays.
    pub fn write(&self, status: &Status) -> io::Result<()> {
        replace(&self.0, &serde_json::to_vec_pretty(status)?)
    }

    /// Removes the file. Failure is harmless: readers check the process.
    pub fn remove(&self) {
        let _ = fs::remove_file(&self.0);
    }

    /// The status of the daemon that writes this mirror.
    ///
    /// `None` if there is no file, it belongs to another mirror, its process no longer runs, or its schema is unknown.
    pub fn read(&self, mirror: &Path) -> Option<Status> {
        let status = self.parse()?;
        let is_ours = Path::new(&status.mirror) == mirror;
        (is_ours && is_running(&status.process)).then_some(status)
    }

    /// The status of the daemon that uses this folder, whatever mirror it writes and whichever user it is.
    ///
    /// `None` if there is no file, no daemon has the folder's lock (`running_lock.rs`), or its schema is unknown.
    pub fn read_any(&self) -> Option<Status> {
        is_daemon_running(self.0.parent()?).then(|| self.parse())?
    }

    fn parse(&self) -> Option<Status> {
        let status: Status = serde_json::from_slice(&read_limited(&self.0)?).ok()?;
        (status.schema == SCHEMA).then_some(status)
    }
}

/// This process.
pub(super) fn this_process() -> Process {
    let pid = std::process::id();
    let began = began(pid);
    Process { pid, began }
}

fn is_running(process: &Process) -> bool {
    match (began(process.pid), process.began) {
        (Some(found), Some(noted)) => found == noted,
        (found, None) => found.is_some(),
        (None, Some(_)) => false,
    }
}

/// When a process started, in ticks since boot: field 22 of its `stat`. Field 2, its name, may contain spaces.
fn began(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::running_lock::RunningLock;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn status(process: Process) -> Status {
        Status {
            schema: SCHEMA,
            mirror: "/srv/mirror.db".to_owned(),
            process,
            ..Status::default()
        }
    }

    #[test]
    fn the_file_is_valid_while_its_process_runs() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = StatusFile::in_folder(&folder.path().join("run"));
        let mirror = Path::new("/srv/mirror.db");
        assert_eq!(file.read(mirror), None);
        let ours = status(this_process());
        file.write(&ours).expect("written");
        assert_eq!(file.read(mirror).as_ref(), Some(&ours));
        assert_eq!(file.read(Path::new("/srv/other.db")), None);
        let mode = fs::metadata(&file.0).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode, 0o640);
        let names = fs::read_dir(folder.path().join("run"))
            .expect("a folder")
            .count();
        assert_eq!(names, 1, "no temporary file is left");

        let began = this_process().began.map(|began| began + 1);
        let reused = Process {
            began,
            ..this_process()
        };
        file.write(&status(reused)).expect("written");
        assert_eq!(file.read(mirror), None, "another process has the pid now");
        let newer = Status {
            schema: SCHEMA + 1,
            ..ours
        };
        file.write(&newer).expect("written");
        assert_eq!(file.read(mirror), None, "an unknown schema");
        fs::write(&file.0, "{\"schema\": 1").expect("written");
        assert_eq!(file.read(mirror), None, "a truncated file");
        file.remove();
        assert!(!file.0.exists());
    }

    #[test]
    fn another_user_sees_by_the_lock_that_the_daemon_runs() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = StatusFile::in_folder(folder.path());
        // Of a process that this one cannot see.
        let hidden = status(Process {
            pid: 0,
            began: Some(1),
        });
        file.write(&hidden).expect("written");
        assert_eq!(file.read_any(), None, "no daemon");
        let lock = RunningLock::take(folder.path()).expect("the lock");
        assert_eq!(file.read_any().as_ref(), Some(&hidden));
        fs::write(&file.0, "{").expect("written");
        assert_eq!(file.read_any(), None, "a truncated file");
        file.write(&hidden).expect("written");
        drop(lock);
        assert_eq!(file.read_any(), None, "killed");
    }
}
