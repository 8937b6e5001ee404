//! `rollbook verify`: checks the integrity of the mirror or a backup.

use std::path::PathBuf;

use serde_json::json;

use super::exit::Exit;
use super::out;
use super::table::{bullets, many};
use rollbook_core::store::StoreError;
use rollbook_core::store::maintenance::{Verified, VerifyScope, verify};
use rollbook_engine::setup::{Folders, Overlay, Setup};

/// Rows checked per table without `--all`.
const SAMPLE: u32 = 1000;

/// Options of `verify`.
#[derive(Debug, clap::Args)]
pub struct VerifyOptions {
    /// A backup to check [default: the mirror]
    file: Option<PathBuf>,
    /// Check the fingerprint of every row, not only of a sample
    #[arg(long)]
    all: bool,
    /// Seed of the sample, to check the same rows again
    #[arg(long, conflicts_with = "all")]
    seed: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Checks the file. Exit code 1: it is damaged.
pub fn run(folders: &Folders, options: &VerifyOptions) -> Result<(), Exit> {
    let path = match &options.file {
        Some(file) => file.clone(),
        None => folders.mirror(&Setup::load(folders, &Overlay::default())?),
    };
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    let scope = if options.all {
        VerifyScope::All
    } else {
        VerifyScope::Sample { rows: SAMPLE, seed }
    };
    let found = match verify(&path, scope) {
        Ok(found) => found,
        // A file too damaged to open is a finding too.
        Err(error @ StoreError::Sql { .. }) => Verified {
            problems: vec![error.to_string()],
            ..Verified::default()
        },
        Err(error) => return Err(error.into()),
    };
    let seed = (!options.all).then_some(seed);
    if options.json {
        out::json(&json!({
            "file": path,
            "intact": found.is_whole(),
            "tables": found.tables,
            "rows": found.rows,
            "seed": seed,
            "problems": found.problems,
            "notes": found.notes,
        }));
    } else {
        out::text(text(&path.display().to_string(), &found, seed));
    }
    if found.is_whole() {
        Ok(())
    } else {
        Err(Exit::unsuccessful())
    }
}

fn text(path: &str, found: &Verified, seed: Option<u64>) -> String {
    let rows = many(found.rows, "row", "rows");
    let checked = match seed {
        Some(seed) => format!("{rows} (--seed {seed})"),
        None => rows,
    };
    let tables = many(found.tables, "table", "tables");
    let mut text = if found.is_whole() {
        format!(
            "{path} is intact: checked structure, indexes and the fingerprints of {checked} in {tables}.\n"
        )
    } else {
        format!("{path} is damaged (checked {checked} in {tables}):\n")
    };
    text.push_str(&bullets(&found.problems));
    text.push_str(&bullets(
        found.notes.iter().map(|note| format!("note: {note}")),
    ));
    if !found.is_whole() {
        text.push_str(
            "To restore a backup: `systemctl stop rollbook`, then `rollbook restore BACKUP`; the damaged file is kept.\n",
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_shown() {
        let whole = Verified {
            tables: 2,
            rows: 1200,
            ..Verified::default()
        };
        let damaged = Verified {
            problems: vec![
                "north_users: 1 of 3 checked rows do not match their fingerprint".into(),
            ],
            notes: vec!["the table notes was not made by rollbook".into()],
            ..whole.clone()
        };
        for (found, seed, expected) in [
            (
                &whole,
                None,
                "m is intact: checked structure, indexes and the fingerprints of 1,200 rows in 2 tables.\n",
            ),
            (
                &whole,
                Some(7),
                "m is intact: checked structure, indexes and the fingerprints of 1,200 rows (--seed 7) in 2 tables.\n",
            ),
            (
                &damaged,
                None,
                "m is damaged (checked 1,200 rows in 2 tables):\n\
                 • north_users: 1 of 3 checked rows do not match their fingerprint\n\
                 • note: the table notes was not made by rollbook\n\
                 To restore a backup: `systemctl stop rollbook`, then `rollbook restore BACKUP`; the damaged file is kept.\n",
            ),
        ] {
            assert_eq!(text("m", found, seed), expected);
        }
    }
}
