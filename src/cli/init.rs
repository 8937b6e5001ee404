//! `rollbook init`: writes a commented starter configuration; `starter.rs` has its content.
//!
//! It writes all files or none, and never replaces an edited one. The surprise: the Debian package installs a
//! `rollbook.toml` without accounts, which is replaced while it is unmodified.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::exit::Exit;
use super::starter::{self, Draft, Starter};
use super::{out, table::indented};
use crate::connector::Connectors;
use crate::document::suggest::{advice, quoted};
use crate::setup::Folders;

/// The package's `rollbook.toml`, which has no sources.
const PACKAGED_CONFIG: &str = include_str!("../../systemd/deb/rollbook.toml");

/// Mode of the written files: they have no secrets, and the service runs as another user.
const MODE: u32 = 0o644;

/// Options of `init`.
#[derive(Debug, clap::Args)]
pub struct InitOptions {
    /// Folder to write to; it is created if missing [default: the configuration folder]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Connectors to configure; without any, the known ones are listed
    #[arg(value_name = "CONNECTOR")]
    connectors: Vec<String>,
}

/// Writes the files, or lists the connectors.
pub fn run(folders: &Folders, options: &InitOptions) -> Result<(), Exit> {
    let folder = options.dir.as_ref().unwrap_or(&folders.config);
    let connectors = Connectors::load(&folder.join("connectors"))?;
    if options.connectors.is_empty() {
        out::text(known(&connectors));
        return Ok(());
    }
    let mut names: Vec<&str> = Vec::new();
    for name in &options.connectors {
        if connectors.get(name).is_none() {
            return Err(unknown(name, &connectors));
        }
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let starter = starter::of(&names, &connectors, folder);
    let existing: Vec<String> = starter
        .drafts
        .iter()
        .map(|draft| folder.join(&draft.name))
        .filter(|path| path.symlink_metadata().is_ok() && !is_untouched(path))
        .map(|path| path.display().to_string())
        .collect();
    if !existing.is_empty() {
        return Err(Exit::failed(refusal(&existing, &options.connectors)));
    }
    for draft in &starter.drafts {
        let path = folder.join(&draft.name);
        write(&path, draft).map_err(|error| {
            Exit::failed(format!("could not write {}: {error}", path.display()))
        })?;
    }
    out::text(written(folder, &starter));
    Ok(())
}

/// Whether this is the package's file, unmodified.
fn is_untouched(path: &Path) -> bool {
    fs::read(path).is_ok_and(|held| held == PACKAGED_CONFIG.as_bytes())
}

/// Writes to a temporary file first, so that a full disk leaves no partial file.
fn write(path: &Path, draft: &Draft) -> io::Result<()> {
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
    file.write_all(draft.text.as_bytes())?;
    // Independent of the umask: root's is often 077, and the service must read the file.
    file.set_permissions(Permissions::from_mode(MODE))?;
    file.sync_all()?;
    if path.exists() {
        return fs::rename(&aside, path);
    }
    // Unlike a rename, a link never replaces a file that was created meanwhile.
    let linked = fs::hard_link(&aside, path);
    fs::remove_file(&aside)?;
    linked
}

fn known(connectors: &Connectors) -> String {
    let lines = connectors.names().map(|name| {
        let title = connectors.get(name).map(|one| one.title.clone());
        [name.to_owned(), title.unwrap_or_default()]
    });
    format!(
        "Available connectors; `rollbook init CONNECTOR...` writes a configuration for the ones you name:\n{}",
        indented(2, lines)
    )
}

fn unknown(name: &str, connectors: &Connectors) -> Exit {
    Exit::usage(format!(
        "there is no connector {}: {} (put a connector of your own into connectors/ first)",
        quoted(name),
        advice(name, connectors.names())
    ))
}

fn refusal(existing: &[String], names: &[String]) -> String {
    format!(
        "nothing was written, because these files exist already:\n{}\
         to get the missing parts, write the files to another folder and copy from it: rollbook init --dir DIR {}",
        indented(2, existing.iter().map(|path| [path.clone()])),
        names.join(" ")
    )
}

/// The written files and the next steps.
fn written(folder: &Path, starter: &Starter) -> String {
    let shown = folder.display();
    let files = starter
        .drafts
        .iter()
        .map(|draft| [folder.join(&draft.name).display().to_string()]);
    format!(
        "Written:\n{}\n\
         1. Put your own values into {shown}/rollbook.toml; the values there are examples.\n\
         2. Create each secret, as the comments in rollbook.toml explain: {}.\n\
         3. `rollbook check` finds problems, `rollbook check --online` also signs in, `rollbook sync --dry-run` shows \
         what would be mirrored.\n\
         4. `systemctl restart rollbook` starts the daemon with it.",
        indented(2, files),
        starter.secrets.join(", "),
    )
}

#[cfg(test)]
mod tests;
