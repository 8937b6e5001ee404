//! `rollbook restore FILE`: replaces the mirror with a backup; the daemon must not run.

use std::path::{Path, PathBuf};

use super::exit::Exit;
use super::out;
use super::start;
use super::table::many;
use rollbook_app::app::{keys, put_readers_right};
use rollbook_core::clock::Clock;
use rollbook_core::permissions::invoker;
use rollbook_core::store::maintenance::{DAYS_ASIDE, Restored, restore};
use rollbook_core::store::{Vault, erase};
use rollbook_engine::setup::{Folders, Overlay, Setup, beside};

/// Options of `restore`.
#[derive(Debug, clap::Args)]
pub struct RestoreOptions {
    /// The backup file; it is not changed
    file: PathBuf,
}

/// Verifies the backup, renames the current mirror, and copies the backup to its path.
pub async fn run(folders: &Folders, options: &RestoreOptions) -> Result<(), Exit> {
    let setup = Setup::load(folders, &Overlay::default())?;
    let mirror = folders.mirror(&setup);
    let overlay = Overlay::default();
    let keys = keys(&setup.config.store, &start::secrets(folders, &overlay))?;
    let erase_again = |copy: &Path| {
        let vault = Vault::open(beside(&mirror), keys)?;
        erase::replay(copy, &vault, &mirror)
    };
    let now = Clock::system().now();
    let restored = restore(&options.file, &mirror, invoker(), now, erase_again)?;
    let (_, problems) = put_readers_right(&setup, &mirror);
    out::text(text(&mirror.display().to_string(), &restored));
    for problem in problems {
        let text = problem.with_help();
        anstream::eprintln!("rollbook: who may read the mirror is not as configured: {text}");
    }
    if restored.erased_again.is_some() {
        // Opening it finishes the erasures, in its file and in all copies.
        drop(start::app(folders, &overlay).await?);
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
    let erased = match restored.erased_again {
        Some(rows) if rows > 0 => format!(
            "Erased {} of erased people from it again. The backup itself still holds them if it is not in a folder of backups.\n",
            many(rows, "row", "rows")
        ),
        _ => String::new(),
    };
    format!(
        "Restored {mirror}; verified the fingerprints of {} in {}.\n{erased}{aside}\
         The next run of each job reads in full. Tokens are unchanged.\n",
        many(restored.verified.rows, "row", "rows"),
        many(restored.verified.tables, "table", "tables"),
    )
}
