//! A new folder that takes the place of another one with all its files, in one step.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

use super::{BundleWriteError, write_error};
use rollbook_core::permissions::readers::{GroupError, ReaderGroup, set_up_folder};
use rollbook_core::replacement::sync_folder;

/// A folder without its name; it is removed unless it gets it.
pub(super) struct NewFolder {
    part: PathBuf,
    path: PathBuf,
}

impl NewFolder {
    /// Creates it beside the one that it will replace, and removes what an interrupted one left.
    pub fn begin(path: &Path) -> io::Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let part = path.with_file_name(format!(".{name}.part"));
        remove(&part)?;
        DirBuilder::new().mode(0o700).create(&part)?;
        Ok(Self {
            part,
            path: path.to_owned(),
        })
    }

    pub fn part(&self) -> &Path {
        &self.part
    }

    /// Gives it its name; the old folder is removed then.
    pub fn commit(self) -> io::Result<()> {
        File::open(&self.part)?.sync_all()?;
        match self.path.is_dir() {
            false => fs::rename(&self.part, &self.path)?,
            true => renameat2(
                AT_FDCWD,
                &self.part,
                AT_FDCWD,
                &self.path,
                RenameFlags::RENAME_EXCHANGE,
            )
            .map_err(|error| match error {
                nix::Error::EINVAL | nix::Error::ENOSYS => io::Error::other(
                    "its file system cannot exchange two folders; set archive = \"zip\"",
                ),
                nix::Error::EBUSY | nix::Error::EXDEV => {
                    io::Error::other("it is a mount point; give the bundle a folder below it")
                }
                error => error.into(),
            })?,
        }
        sync_folder(&self.path)
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        let _ = remove(&self.part); // the old one by now, or not wanted
    }
}

/// Creates a folder, and those above it, unless it is there: then it is the admin's.
pub(super) fn make(
    folder: &Path,
    group: Option<&ReaderGroup>,
    is_emptied: bool,
) -> Result<(), BundleWriteError> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        make(above, group, false)?;
    }
    let made = DirBuilder::new().mode(0o700).create(folder);
    made.map_err(write_error(folder))?;
    Ok(open_to(folder, group, is_emptied)?)
}

/// Lets a group read a new folder, and remove files if it is one of changes, which who fetches them removes.
pub(super) fn open_to(
    folder: &Path,
    group: Option<&ReaderGroup>,
    is_emptied: bool,
) -> Result<(), GroupError> {
    set_up_folder(folder, group)?;
    if group.is_some() && is_emptied {
        let mode = Permissions::from_mode(0o2770);
        let _ = fs::set_permissions(folder, mode); // else the next changes wait
    }
    Ok(())
}

/// Creates a file that only this user can read.
pub(super) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// The first entry of a folder that is none of these names.
pub(super) fn foreign(folder: &Path, names: &[&str]) -> Option<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !names.contains(&name.as_str()))
        .collect();
    found.sort();
    found.into_iter().next()
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
