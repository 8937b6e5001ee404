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
    let written = write_aside(&aside, bytes)?;
    let linked = written.and_then(|()| fs::hard_link(&aside, path));
    fs::remove_file(&aside)?;
    linked
}

/// Writes a file where there is none, so that a symbolic link is not followed. The inner error is one of a file that is
/// there now.
fn write_aside(aside: &Path, bytes: &[u8]) -> io::Result<io::Result<()>> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(MODE);
    let mut file = options.open(aside).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => io::Error::other(format!(
            "{} is in the way, a rest of a write that was interrupted, or of another one that runs: delete it if none runs",
            aside.display()
        )),
        _ => error,
    })?;
    let mut write = || {
        file.write_all(bytes)?;
        // Independent of the umask: the service must read the file.
        file.set_permissions(Permissions::from_mode(MODE))?;
        file.sync_all()
    };
    Ok(write())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        let name = |entry: io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
        let mut names: Vec<String> = entries
            .map(|entry| name(entry).to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_file_is_whole_and_readable_and_replaces_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("connectors/shelf.toml");
        write(&path, b"new").expect("written");
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o7777, MODE);
        assert!(write(&path, b"other").is_err());
        assert_eq!(fs::read(&path).expect("a file"), b"new");
        assert_eq!(names(&folder.path().join("connectors")), ["shelf.toml"]);
    }

    #[test]
    fn a_link_in_the_way_is_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, other) = (
            folder.path().join("shelf.toml"),
            folder.path().join("other"),
        );
        fs::write(&other, "kept").expect("written");
        let aside = folder.path().join(".shelf.toml.new");
        symlink(&other, &aside).expect("a link");
        let why = write_and_link(&path, b"new")
            .expect_err("refused")
            .to_string();
        assert!(why.contains(".shelf.toml.new is in the way"), "{why}");
        assert_eq!(fs::read(&other).expect("a file"), b"kept");
        assert!(!path.exists());
    }
}
