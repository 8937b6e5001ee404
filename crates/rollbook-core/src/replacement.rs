//! A file that replaces another one when it is complete: who reads the folder finds the old one or the new one.
//!
//! Until then it has a hidden name with the number of this process. What a killed process left is removed by the next one.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

/// Only this user may open it.
pub const PRIVATE: u32 = 0o600;

const ENDING: &str = ".part";

/// A file without its name.
#[derive(Debug)]
pub struct Replacement {
    file: File,
    part: PathBuf,
    path: PathBuf,
}

impl Replacement {
    /// Creates it in the folder of the file that it will replace. It has that file's group and mode; if there is none, `mode`,
    /// or what the umask leaves.
    ///
    /// # Errors
    /// When the folder cannot be written, or there is something that is no file.
    pub fn begin(path: &Path, mode: Option<u32>) -> io::Result<Self> {
        let old = match fs::metadata(path) {
            Ok(old) if !old.is_file() => {
                return Err(io::Error::other("there is something that is no file"));
            }
            found => found.ok(),
        };
        remove_left_over(path);
        let part = hidden(path, &format!(".{}{ENDING}", std::process::id()));
        let _ = fs::remove_file(&part); // of a process that had this number
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        if old.is_some() || mode.is_some() {
            options.mode(PRIVATE);
        }
        let file = options.open(&part)?;
        let new = Self {
            file,
            part,
            path: path.to_owned(),
        };
        match (old, mode) {
            (Some(old), _) => new.take_rights(&old)?,
            (None, Some(mode)) => new.file.set_permissions(Permissions::from_mode(mode))?,
            (None, None) => {}
        }
        Ok(new)
    }

    /// The hidden name that it has.
    pub fn part(&self) -> &Path {
        &self.part
    }

    /// Where its content goes.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Writes it to the disk and gives it its name.
    ///
    /// # Errors
    /// When the disk is full or fails; the old file stays.
    pub fn commit(self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.part, &self.path)?;
        sync_folder(&self.path)
    }

    /// The rights of the old file; its group may read it only if it is this file's group too.
    fn take_rights(&self, old: &fs::Metadata) -> io::Result<()> {
        let has_group = self.file.metadata()?.gid() == old.gid()
            || fchown(&self.file, None, Some(old.gid())).is_ok();
        let mode = old.mode() & if has_group { 0o777 } else { 0o707 };
        self.file.set_permissions(Permissions::from_mode(mode))
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.part); // it has its name, or is not wanted
    }
}

/// Makes the names in a file's folder last through a power cut.
///
/// # Errors
/// When the folder cannot be opened, or the disk fails.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder_of(path)).and_then(|folder| folder.sync_all())
}

/// The folder of a file; `.` for a bare name.
pub fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn hidden(path: &Path, ending: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    folder_of(path).join(format!(".{name}{ending}"))
}

/// Removes files that processes which are gone did not complete.
fn remove_left_over(path: &Path) {
    let begin = hidden(path, ".");
    let begin = begin.file_name().unwrap_or_default().to_string_lossy();
    let entries = fs::read_dir(folder_of(path)).into_iter().flatten();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process = name
            .strip_prefix(&*begin)
            .and_then(|rest| rest.strip_suffix(ENDING));
        let is_gone = |process: u32| !Path::new("/proc").join(process.to_string()).exists();
        if process
            .and_then(|process| process.parse().ok())
            .is_some_and(is_gone)
        {
            let _ = fs::remove_file(entry.path()); // another user's stays
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder").flatten();
        let mut names: Vec<String> = entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("a file").mode() & 0o777
    }

    #[test]
    fn the_old_file_stays_until_the_new_one_is_complete() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("users.csv");
        for (content, is_committed, expected) in [
            ("first", true, "first"),
            ("half", false, "first"),
            ("second", true, "second"),
        ] {
            let new = Replacement::begin(&path, Some(PRIVATE)).expect("it begins");
            new.file().write_all(content.as_bytes()).expect("it writes");
            match is_committed {
                true => new.commit().expect("it commits"),
                false => drop(new),
            }
            assert_eq!(fs::read_to_string(&path).expect("a file"), expected);
            assert_eq!(names(folder.path()), ["users.csv"]);
        }
    }

    #[test]
    fn a_new_file_is_private_and_a_replaced_one_keeps_its_mode() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("users.csv");
        let replace = || Replacement::begin(&path, Some(PRIVATE)).and_then(Replacement::commit);
        replace().expect("it is new");
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("its mode");
        replace().expect("it is replaced");
        assert_eq!(mode(&path), 0o640);
    }

    #[test]
    fn what_is_no_file_is_not_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = Replacement::begin(folder.path(), None).expect_err("a folder");
        assert_eq!(error.to_string(), "there is something that is no file");
    }

    #[test]
    fn what_a_killed_process_left_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let gone = u32::MAX; // above the system's limit
        let this = std::process::id();
        for name in [
            format!(".users.csv.{gone}.part"),
            format!(".users.csv.{this}.part"),
            format!(".classes.csv.{gone}.part"),
            ".users.csv.old.part".to_owned(),
        ] {
            fs::write(folder.path().join(name), "").expect("a file");
        }
        let path = folder.path().join("users.csv");
        let new = Replacement::begin(&path, None).expect("it begins");
        new.commit().expect("it commits");
        let kept = [
            format!(".classes.csv.{gone}.part"),
            ".users.csv.old.part".to_owned(),
            "users.csv".to_owned(),
        ];
        assert_eq!(names(folder.path()), kept);
    }
}
