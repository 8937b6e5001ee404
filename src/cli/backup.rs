//! `rollbook backup`: a verified copy of the mirror, also while the daemon runs; the oldest ones go.

use std::num::NonZeroU32;
use std::path::PathBuf;

use serde_json::json;

use super::exit::Exit;
use super::out;
use super::words::many;
use crate::app::{BackupWish, Overlay, Places, Setup, backup_of};
use crate::clock::Clock;
use crate::store::StoreError;
use crate::store::care::{self, Made};
use crate::store::database::is_made;

/// Options of `backup`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The folder to put it into [default: [store.backup] path, else backups/ beside the mirror]
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// How many to keep there, this one among them [default: [store.backup] keep, else 7]
    #[arg(long, value_name = "N")]
    keep: Option<NonZeroU32>,
    /// Copy the vault too: whoever has it and its key can use its tokens
    #[arg(long)]
    with_vault: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Makes a backup.
pub fn run(places: &Places, options: Options) -> Result<(), Exit> {
    let setup = Setup::load(places, &Overlay::default())?;
    let mirror = places.mirror(&setup);
    if !is_made(&mirror)? {
        return Err(StoreError::File {
            path: mirror,
            problem: "there is no mirror yet; `rollbook sync` makes it".into(),
        }
        .into());
    }
    let wish = BackupWish {
        to: options.to,
        keep: options.keep,
        vault: options.with_vault,
    };
    let made = care::make(&backup_of(&setup, &mirror, wish, Clock::system().now()))?;
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

fn text(made: &Made) -> String {
    let mut text = format!(
        "Backup {}, {} of {} compared with their fingerprints.\n",
        made.mirror.display(),
        many(made.verified.rows, "row", "rows"),
        many(made.verified.tables, "table", "tables")
    );
    if let Some(vault) = &made.vault {
        text.push_str(&format!("The vault with it: {}.\n", vault.display()));
    }
    for old in &made.removed {
        text.push_str(&format!("Removed {}.\n", old.display()));
    }
    text
}
