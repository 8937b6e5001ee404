//! `rollbook crosswalk`: what crosswalks lack, and drafts of new ones.

mod draft;
mod gaps;

use super::exit::Exit;
use crate::app::Places;

/// Options of `crosswalk`.
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show values that no line maps, with suggestions, and targets that are not in their lists
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
        /// The combo list: LIST, or SOURCE.LIST where several sources have one of that name
        list: String,
    },
}

/// Does what the words after `crosswalk` say.
pub fn run(places: &Places, options: &Options) -> Result<(), Exit> {
    match &options.command {
        Command::Check { names, json } => gaps::run(places, names, *json),
        Command::Suggest { column, list } => draft::run(places, column, list),
    }
}
