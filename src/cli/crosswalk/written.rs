//! `rollbook crosswalk suggest COLUMN LIST --write NAME`: the draft as a file of the configuration.
//!
//! The file appears whole or not at all, and never replaces one. The surprise: another process makes the draft, because root must
//! not read the mirror, and only root may write to the configuration.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Stdio};

use super::super::exit::Exit;
use super::super::out;
use crate::model::CrosswalkName;
use crate::setup::Folders;
use crate::setup::files::crosswalk::{CROSSWALKS, PEOPLE};

/// Readable by the service, as the other files of the configuration.
const MODE: u32 = 0o644;

pub fn run(
    folders: &Folders,
    (column, list): (&str, &str),
    name: &CrosswalkName,
) -> Result<(), Exit> {
    if name.as_str() == PEOPLE {
        return Err(Exit::usage(format!(
            "`{name}` is the name of the file with the rules that match people; choose another one"
        )));
    }
    let path = folders.config.join(CROSSWALKS).join(format!("{name}.toml"));
    let shown = path.display();
    let failed = |error: io::Error| Exit::failed(format!("could not write {shown}: {error}"));
    if path.symlink_metadata().is_ok() {
        return Err(exists(&path));
    }
    let mut draft = Command::new(std::env::current_exe().map_err(failed)?);
    for (option, folder) in [
        ("--config", &folders.config),
        ("--jobs", &folders.jobs),
        ("--state", &folders.state),
    ] {
        if !folder.as_os_str().is_empty() {
            draft.arg(option).arg(folder);
        }
    }
    draft.args(["crosswalk", "suggest", column, list]);
    draft.stdin(Stdio::null()).stderr(Stdio::inherit());
    let draft = draft.output().map_err(failed)?;
    if !draft.status.success() {
        // It has said why.
        return Err(Exit::unsuccessful());
    }
    match write_new(&path, &draft.stdout) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(exists(&path)),
        written => written.map_err(failed)?,
    }
    let text = String::from_utf8_lossy(&draft.stdout);
    let open = text.lines().filter(|line| line.starts_with("# \"")).count();
    out::text(format!(
        "Written: {shown}. {} no certain entry: they are comments to be finished. `rollbook check` reports mistakes, \
         `rollbook crosswalk check {name}` what is unmapped.",
        match open {
            1 => "1 value has".to_owned(),
            many => format!("{many} values have"),
        }
    ));
    Ok(())
}

fn exists(path: &Path) -> Exit {
    Exit::failed(format!(
        "{} exists already and is not replaced; delete it first, or choose another name",
        path.display()
    ))
}

/// Writes beside the path and links it there: unlike a rename, a link never replaces a file.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
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
