//! Files of the runtime folder: replaced atomically, readable by the group, for a status page.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Readable by the group, for a status page.
pub(super) const MODE: u32 = 0o640;

/// A runtime folder that systemd did not create is private.
const FOLDER_MODE: u32 = 0o700;

/// Limit for reading, in bytes; thousands of jobs fit, and 400 days of 300 streams.
const MAX_SIZE: u64 = 16 << 20;

/// Replaces a file of the runtime folder atomically, readable by the group. Creates the folder if it is missing.
pub(super) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    let new = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(MODE)
        .open(&new)?;
    file.set_permissions(Permissions::from_mode(MODE))?; // independent of the umask
    file.write_all(content)?;
    drop(file);
    fs::rename(&new, path)
}

/// A file of the runtime folder; `None` if it is missing or longer than any that is written.
pub(super) fn read_limited(path: &Path) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    let file = fs::File::open(path).ok()?;
    content.reserve_exact(usize::try_from(file.metadata().ok()?.len().min(MAX_SIZE)).ok()?);
    file.take(MAX_SIZE + 1).read_to_end(&mut content).ok()?;
    (content.len() as u64 <= MAX_SIZE).then_some(content)
}

/// Creates the runtime folder if systemd did not.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut private = DirBuilder::new();
    private.recursive(true).mode(FOLDER_MODE).create(folder)
}
