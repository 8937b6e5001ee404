//! `rollbook restore FILE`: replaces the mirror with a backup; the daemon must not run.

use std::path::PathBuf;

use super::exit::Exit;
use super::out;
use super::table::many;
use crate::app::put_readers_right;
use crate::clock::Clock;
use crate::permissions::invoker;
use crate::setup::{Folders, Overlay, Setup};
use crate::store::maintenance::{DAYS_ASIDE, Restored, restore};

/// Options of `restore`.
#[derive(Debug, clap::Args)]
pub struct RestoreOptions {
    /// The backup file; it is not changed
    file: PathBuf,
}

/// Verifies the backup, renames the current mirror, and copies the backup to its path.
pub fn run(folders: &Folders, options: &RestoreOptions) -> Result<(), Exit> {
    let setup = Setup::load(folders, &Overlay::default())?;
    let mirror = folders.mirror(&setup);
    let restored = restore(&options.file, &mirror, invoker(), Clock::system().now())?;
    let (_, problems) = put_readers_right(&setup, &mirror);
    out::text(text(&mirror.display().to_string(), &restored));
    for problem in problems {
        let text = problem.with_help();
        anstream::eprintln!("rollbook: who may read the mirror is not as configured: {text}");
    }
    Ok(())
}

fn text(mirror: &str, restored: &Restored) -> String {
    let aside = match &restored.aside {
        Some(aside) => format!(
            "The previous mirror is {}; it contains personal data and is deleted after {DAYS_ASIDE} days.\n",
            aside.display()
        ),
        None => String::new(),
    };
    format!(
        "Restored {mirror}; verified the fingerprints of {} in {}.\n{aside}\
         The next run of each job reads in full. Tokens are unchanged.\n",
        many(restored.verified.rows, "row", "rows"),
        many(restored.verified.tables, "table", "tables"),
    )
}
