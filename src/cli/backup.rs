//! `rollbook backup`: creates a verified copy of the mirror, also while the daemon runs, and deletes the oldest ones.

use std::num::NonZeroU32;
use std::path::PathBuf;

use serde_json::json;

use super::exit::Exit;
use super::out;
use super::table::many;
use rollbook_app::app::{BackupRequest, backup_of};
use rollbook_core::clock::Clock;
use rollbook_core::store::StoreError;
use rollbook_core::store::database::is_made;
use rollbook_core::store::maintenance::{self, Backup};
use rollbook_engine::setup::{Folders, Overlay, Setup};

/// Options of `backup`.
#[derive(Debug, clap::Args)]
pub struct BackupOptions {
    /// Folder for backups [default: [store.backup] path, else backups/ beside the mirror]
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Number of backups to keep, including this one [default: [store.backup] keep, else 7]
    #[arg(long, value_name = "N")]
    keep: Option<NonZeroU32>,
    /// Copy the vault too; with its key it gives access to all tokens
    #[arg(long)]
    with_vault: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Creates a backup.
pub fn run(folders: &Folders, options: BackupOptions) -> Result<(), Exit> {
    let setup = Setup::load(folders, &Overlay::default())?;
    let mirror = folders.mirror(&setup);
    if !is_made(&mirror)? {
        return Err(StoreError::File {
            path: mirror,
            problem: "there is no mirror yet; `rollbook sync` creates it".into(),
        }
        .into());
    }
    let request = BackupRequest {
        to: options.to,
        keep: options.keep,
        vault: options.with_vault,
    };
    let made = maintenance::make(&backup_of(&setup, &mirror, request, Clock::system().now()))?;
    if options.json {
        out::json(&json!({
            "mirror": made.mirror,
            "bytes": made.bytes,
            "vault": made.vault,
            "tables": made.verified.tables,
            "rows": made.verified.rows,
            "removed": made.removed,
        }));
    } else {
        out::text(text(&made));
    }
    Ok(())
}

fn text(made: &Backup) -> String {
    let mut text = format!(
        "Created the backup {}; verified the fingerprints of {} in {}.\n",
        made.mirror.display(),
        many(made.verified.rows, "row", "rows"),
        many(made.verified.tables, "table", "tables")
    );
    if let Some(vault) = &made.vault {
        text.push_str(&format!("Copied the vault to {}.\n", vault.display()));
    }
    for old in &made.removed {
        text.push_str(&format!("Removed {}.\n", old.display()));
    }
    text
}
