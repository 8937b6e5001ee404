//! Files and folders that only this user can open, independent of the umask.
//!
//! A umask can take rights from us as well as leave them to others, so the mode is set once more after
//! making. What exists already keeps its mode, unless it must be private.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use super::error::StoreError;

/// The modes of a private file and folder.
const FILE: u32 = 0o600;
const FOLDER: u32 = 0o700;

/// Makes a folder, and those above it that are missing, with mode 0700.
///
/// # Errors
/// When it cannot be made, or is no folder.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        make_folder(above)?;
    }
    match DirBuilder::new().mode(FOLDER).create(folder) {
        Ok(()) => fs::set_permissions(folder, Permissions::from_mode(FOLDER)),
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes a folder, and those above it that are missing, with mode 0700.
///
/// # Errors
/// When it cannot be made, or is no folder; with its path.
pub fn make_folder_private(folder: &Path) -> Result<(), StoreError> {
    make_folder(folder).map_err(StoreError::disk(folder, "make the folder"))
}

/// Opens a file to read and write; makes it with mode 0600 when there is none.
///
/// # Errors
/// When it cannot be opened.
pub fn open_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE)
        .open(path)?;
    let mode = file.metadata()?.permissions().mode() & 0o777;
    // Less than that only a umask can have left.
    if mode & FILE != FILE {
        file.set_permissions(Permissions::from_mode(mode | FILE))?;
    }
    Ok(file)
}

/// Makes a file with mode 0600.
///
/// # Errors
/// When there is one of this name, also a link, or it cannot be made.
pub fn create_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE)
        .open(path)?;
    file.set_permissions(Permissions::from_mode(FILE))?;
    Ok(file)
}

/// Like [`open_file`], and takes the rights of others away from a file that was there.
///
/// # Errors
/// When it cannot be opened, or its rights cannot be changed.
pub fn open_private_file(path: &Path) -> io::Result<File> {
    let file = open_file(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(FILE))?;
    }
    Ok(file)
}

/// Whether every user may create files in a folder, and replace those of others.
pub fn is_open_to_all(folder: &Path) -> bool {
    let sticky = 0o1000;
    fs::metadata(folder).is_ok_and(|found| {
        let mode = found.permissions().mode();
        mode & 0o002 != 0 && mode & sticky == 0
    })
}
