//! The status as a file: written at once or not at all, and known to be stale when its process is gone.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::status::{Process, SCHEMA, Status};

/// Its name in the runtime folder.
const NAME: &str = "status.json";

/// Ours to write, and for the group's status page to read.
const MODE: u32 = 0o640;

/// A folder that systemd did not make is ours alone.
const FOLDER_MODE: u32 = 0o700;

/// No status is larger; thousands of jobs fit.
const LARGEST: u64 = 16 << 20;

/// Where the status is written.
#[derive(Clone, Debug)]
pub struct StatusFile(PathBuf);

impl StatusFile {
    /// The file in this folder.
    pub fn in_folder(folder: &Path) -> Self {
        Self(folder.join(NAME))
    }

    /// Replaces the file in one step; a reader sees the old one or the new one. Makes the folder if it is missing.
    ///
    /// # Errors
    /// When it cannot be written; the old one stays.
    pub fn write(&self, status: &Status) -> io::Result<()> {
        if let Some(folder) = self.0.parent() {
            make_folder(folder)?;
        }
        let new = self.0.with_extension("new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(MODE)
            .open(&new)?;
        file.set_permissions(Permissions::from_mode(MODE))?; // whatever the umask says
        file.write_all(&serde_json::to_vec_pretty(status)?)?;
        drop(file);
        fs::rename(&new, &self.0)
    }

    /// Takes the file away. Nothing to say when that does not work: a reader sees that its process is gone.
    pub fn remove(&self) {
        let _ = fs::remove_file(&self.0);
    }

    /// The status of the process that writes this mirror, while it lives.
    ///
    /// Nothing when there is none, when it is another mirror's, when its process is gone, or when it has a shape
    /// that is not known here.
    pub fn read(&self, mirror: &Path) -> Option<Status> {
        if fs::metadata(&self.0).ok()?.len() > LARGEST {
            return None;
        }
        let status: Status = serde_json::from_slice(&fs::read(&self.0).ok()?).ok()?;
        let is_ours = status.schema == SCHEMA && Path::new(&status.mirror) == mirror;
        (is_ours && lives(&status.process)).then_some(status)
    }
}

/// Makes the runtime folder where systemd did not.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut private = DirBuilder::new();
    private.recursive(true).mode(FOLDER_MODE).create(folder)
}

/// This process.
pub(super) fn this_process() -> Process {
    let pid = std::process::id();
    let began = began(pid);
    Process { pid, began }
}

fn lives(process: &Process) -> bool {
    match (began(process.pid), process.began) {
        (Some(found), Some(noted)) => found == noted,
        (found, None) => found.is_some(),
        (None, Some(_)) => false,
    }
}

/// When a process began, in ticks since boot: the 22nd field of its `stat`. The second, its name, may hold spaces.
fn began(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
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
    fn what_was_written_is_read_while_its_process_lives() {
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
        assert_eq!(names, 1, "nothing is left beside it");

        let began = this_process().began.map(|began| began + 1);
        let reused = Process {
            began,
            ..this_process()
        };
        file.write(&status(reused)).expect("written");
        assert_eq!(
            file.read(mirror),
            None,
            "another process has the number now"
        );
        let newer = Status {
            schema: SCHEMA + 1,
            ..ours
        };
        file.write(&newer).expect("written");
        assert_eq!(file.read(mirror), None, "a shape that is not known");
        fs::write(&file.0, "{\"schema\": 1").expect("written");
        assert_eq!(file.read(mirror), None, "half a file");
        file.remove();
        assert!(!file.0.exists());
    }
}
