//! Writes a new file of the configuration: it appears whole or not at all, and never replaces one.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use super::exit::Exit;

/// Readable by the service, as the other files of the configuration.
const MODE: u32 = 0o644;

/// Refuses a path where there is something.
///
/// # Errors
/// With advice, if there is.
pub fn refuse_existing(path: &Path) -> Result<(), Exit> {
    match path.symlink_metadata() {
        Ok(_) => Err(exists(path)),
        Err(_) => Ok(()),
    }
}

/// Writes a file.
///
/// # Errors
/// When there is one of this name, or it cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Exit> {
    write_and_link(path, bytes).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => exists(path),
        _ => Exit::failed(format!("could not write {}: {error}", path.display())),
    })
}

fn exists(path: &Path) -> Exit {
    Exit::failed(format!(
        "{} exists already and is not replaced; delete it first, or choose another name",
        path.display()
    ))
}

/// Writes beside the path and links it there: unlike a rename, a link never replaces a file.
fn write_and_link(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = folder.join(format!(".{name}.new"));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(MODE);
    let mut file = options.open(&aside)?;
    file.write_all(bytes)?;
    // Independent of the umask: the service must read the file.
    file.set_permissions(Permissions::from_mode(MODE))?;
    file.sync_all()?;
    let linked = fs::hard_link(&aside, path);
    fs::remove_file(&aside)?;
    linked
}
