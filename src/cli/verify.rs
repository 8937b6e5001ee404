//! `rollbook verify`: is the mirror, or a backup of it, what was written to it?

use std::path::PathBuf;

use serde_json::json;

use super::exit::Exit;
use super::out;
use super::words::many;
use crate::app::{Overlay, Places, Setup};
use crate::store::StoreError;
use crate::store::care::{Extent, Verified, verify};

/// Rows of each table that are compared unless all are.
const SAMPLE: u32 = 1000;

/// Options of `verify`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// A backup to look at [default: the mirror]
    file: Option<PathBuf>,
    /// Compare every row with its fingerprint, not only a sample
    #[arg(long)]
    all: bool,
    /// Choose the same sample as before
    #[arg(long, conflicts_with = "all")]
    seed: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Looks, and ends with 1 when something is wrong.
pub fn run(places: &Places, options: &Options) -> Result<(), Exit> {
    let path = match &options.file {
        Some(file) => file.clone(),
        None => places.mirror(&Setup::load(places, &Overlay::default())?),
    };
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    let extent = if options.all {
        Extent::All
    } else {
        Extent::Sample { rows: SAMPLE, seed }
    };
    let found = match verify(&path, extent) {
        Ok(found) => found,
        // Too damaged to begin is a finding too.
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
            "whole": found.is_whole(),
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
        Err(Exit::unwell())
    }
}

fn text(path: &str, found: &Verified, seed: Option<u64>) -> String {
    let rows = many(found.rows, "row", "rows");
    let looked = match seed {
        Some(seed) => format!("{rows} chosen with --seed {seed}"),
        None => rows,
    };
    let tables = many(found.tables, "table", "tables");
    let mut text = if found.is_whole() {
        format!(
            "{path} is whole: structure, indexes and {looked} of {tables} are what was written.\n"
        )
    } else {
        format!("{path} is damaged ({looked} of {tables} were compared):\n")
    };
    for problem in &found.problems {
        text.push_str(&format!("• {problem}\n"));
    }
    for note in &found.notes {
        text.push_str(&format!("• note: {note}\n"));
    }
    if !found.is_whole() {
        text.push_str(
            "`systemctl stop rollbook` and `rollbook restore BACKUP` bring a backup back; what is here now is kept aside.\n",
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_told() {
        let whole = Verified {
            tables: 2,
            rows: 1200,
            ..Verified::default()
        };
        let damaged = Verified {
            problems: vec!["north_users: 1 of 3 rows looked at are not what was written".into()],
            notes: vec!["the table notes was not made by rollbook".into()],
            ..whole.clone()
        };
        for (found, seed, expected) in [
            (
                &whole,
                None,
                "m is whole: structure, indexes and 1,200 rows of 2 tables are what was written.\n",
            ),
            (
                &whole,
                Some(7),
                "m is whole: structure, indexes and 1,200 rows chosen with --seed 7 of 2 tables are what was written.\n",
            ),
            (
                &damaged,
                None,
                "m is damaged (1,200 rows of 2 tables were compared):\n\
                 • north_users: 1 of 3 rows looked at are not what was written\n\
                 • note: the table notes was not made by rollbook\n\
                 `systemctl stop rollbook` and `rollbook restore BACKUP` bring a backup back; what is here now is kept aside.\n",
            ),
        ] {
            assert_eq!(text("m", found, seed), expected);
        }
    }
}
