//! `rollbook init`: a commented configuration to start with. What stands in it, `starter.rs` says.
//!
//! It writes all of its files or none, and never over one that somebody has touched. The surprise: a fresh Debian
//! package brings a `rollbook.toml` without accounts, and that one is replaced while it is to the letter ours.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::exit::Exit;
use super::starter::{self, Draft, Starter};
use super::{out, table::indented};
use crate::app::Places;
use crate::model::nearest::{advice, quoted};
use crate::vendor::Descriptions;

/// What the package puts where the configuration goes, so that a fresh one asks nobody for anything.
const OF_THE_PACKAGE: &str = include_str!("../../systemd/deb/rollbook.toml");

/// Rights of what is written: no secret is in it, and the service is another user than who writes it.
const READABLE: u32 = 0o644;

/// Options of `init`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The folder to write into, which is made [default: the configuration folder]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Whose services to read; none lists those that are known
    #[arg(value_name = "VENDOR")]
    vendors: Vec<String>,
}

/// Writes the files, or says which vendors there are.
pub fn run(places: &Places, options: &Options) -> Result<(), Exit> {
    let folder = options.dir.as_ref().unwrap_or(&places.config);
    let descriptions = Descriptions::load(&folder.join("vendors"))?;
    if options.vendors.is_empty() {
        out::text(known(&descriptions));
        return Ok(());
    }
    let mut vendors: Vec<&str> = Vec::new();
    for vendor in &options.vendors {
        if descriptions.get(vendor).is_none() {
            return Err(unknown(vendor, &descriptions));
        }
        if !vendors.contains(&vendor.as_str()) {
            vendors.push(vendor);
        }
    }
    let starter = starter::of(&vendors, &descriptions, folder);
    let in_the_way: Vec<String> = starter
        .drafts
        .iter()
        .map(|draft| folder.join(&draft.name))
        .filter(|path| path.symlink_metadata().is_ok() && !is_untouched(path))
        .map(|path| path.display().to_string())
        .collect();
    if !in_the_way.is_empty() {
        return Err(Exit::failed(refusal(&in_the_way, &options.vendors)));
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

/// Whether this is the package's own file, as nobody has changed it.
fn is_untouched(path: &Path) -> bool {
    fs::read(path).is_ok_and(|held| held == OF_THE_PACKAGE.as_bytes())
}

/// Beside its place first, so that a full disk leaves no half of a file.
fn write(path: &Path, draft: &Draft) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = folder.join(format!(".{name}.new"));
    let mut options = OpenOptions::new();
    options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(READABLE);
    let mut file = options.open(&aside)?;
    file.write_all(draft.text.as_bytes())?;
    // Whatever the mask of who writes: root's is often 077, and then the service could not read it.
    file.set_permissions(Permissions::from_mode(READABLE))?;
    file.sync_all()?;
    if path.exists() {
        return fs::rename(&aside, path);
    }
    // Unlike a rename, a link never replaces what has come there meanwhile.
    let linked = fs::hard_link(&aside, path);
    fs::remove_file(&aside)?;
    linked
}

fn known(descriptions: &Descriptions) -> String {
    let lines = descriptions.names().map(|name| {
        let title = descriptions.get(name).map(|one| one.title.clone());
        [name.to_owned(), title.unwrap_or_default()]
    });
    format!(
        "Rollbook knows these vendors. `rollbook init VENDOR...` writes a configuration for some of them.\n{}",
        indented(2, lines)
    )
}

fn unknown(vendor: &str, descriptions: &Descriptions) -> Exit {
    Exit::usage(format!(
        "no vendor is called {}: {} (a description of your own goes into vendors/ first)",
        quoted(vendor),
        advice(vendor, descriptions.names())
    ))
}

fn refusal(in_the_way: &[String], vendors: &[String]) -> String {
    format!(
        "nothing was written, because what is there already is never replaced:\n{}\
         to take over what you lack, write a set elsewhere and copy from it: rollbook init --dir DIR {}",
        indented(2, in_the_way.iter().map(|path| [path.clone()])),
        vendors.join(" ")
    )
}

/// What was written, and the way from there to the first rows.
fn written(folder: &Path, starter: &Starter) -> String {
    let shown = folder.display();
    let files = starter
        .drafts
        .iter()
        .map(|draft| [folder.join(&draft.name).display().to_string()]);
    format!(
        "Written:\n{}\n\
         1. Put your own values into {shown}/rollbook.toml; what stands there is invented.\n\
         2. Make each secret once, as rollbook.toml says beside it: {}.\n\
         3. `rollbook check` says what is wrong, `rollbook check --online` also signs in, `rollbook sync --dry-run` shows \
         what would be mirrored.\n\
         4. `systemctl restart rollbook` begins.",
        indented(2, files),
        starter.secrets.join(", "),
    )
}

#[cfg(test)]
mod tests;
