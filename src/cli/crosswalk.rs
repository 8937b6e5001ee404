//! `rollbook crosswalk`: checks crosswalks, and drafts new ones.

mod draft;
mod gaps;

use super::exit::Exit;
use crate::setup::Folders;

/// Options of `crosswalk`.
#[derive(Debug, clap::Args)]
pub struct CrosswalkOptions {
    #[command(subcommand)]
    command: CrosswalkCommand,
}

#[derive(Debug, clap::Subcommand)]
enum CrosswalkCommand {
    /// Show unmapped values, with suggestions, and targets that are not in their lists
    Check {
        /// Only these crosswalks
        names: Vec<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write a draft from a column's values and a combo list, for crosswalks/NAME.toml
    Suggest {
        /// The column: SOURCE_STREAM.COLUMN
        column: String,
        /// The combo list: LIST, or SOURCE.LIST if several sources have a list of that name
        list: String,
    },
}

/// Runs the subcommand.
pub fn run(folders: &Folders, options: &CrosswalkOptions) -> Result<(), Exit> {
    match &options.command {
        CrosswalkCommand::Check { names, json } => gaps::run(folders, names, *json),
        CrosswalkCommand::Suggest { column, list } => draft::run(folders, column, list),
    }
}
