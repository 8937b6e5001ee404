//! `rollbook restore FILE`: a backup takes the mirror's place; the daemon must not run.

use std::path::PathBuf;

use super::exit::Exit;
use super::out;
use super::words::many;
use crate::app::{Overlay, Places, Setup};
use crate::clock::Clock;
use crate::store::care::{Restored, restore};

/// Options of `restore`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The backup; it is only read
    file: PathBuf,
}

/// Verifies the backup, keeps aside what is there, and puts a copy of the backup in its place.
pub fn run(places: &Places, options: &Options) -> Result<(), Exit> {
    let setup = Setup::load(places, &Overlay::default())?;
    let mirror = places.mirror(&setup);
    let restored = restore(&options.file, &mirror, Clock::system().now())?;
    out::text(text(&mirror.display().to_string(), &restored));
    Ok(())
}

fn text(mirror: &str, restored: &Restored) -> String {
    let aside = match &restored.aside {
        Some(aside) => format!(
            "What was there is kept as {}; remove it when you need it no longer, it holds pupils' data too.\n",
            aside.display()
        ),
        None => String::new(),
    };
    format!(
        "{mirror} is the backup now, {} of {} compared.\n{aside}\
         The next run of each job reads in full. Tokens are not touched.\n",
        many(restored.verified.rows, "row", "rows"),
        many(restored.verified.tables, "table", "tables"),
    )
}
