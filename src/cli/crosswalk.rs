//! `rollbook crosswalk`: checks crosswalks, and drafts new ones.

mod draft;
mod gaps;
mod written;

use super::exit::Exit;
use super::owner::StateUse;
use rollbook_core::model::CrosswalkName;
use rollbook_engine::setup::Folders;

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
    /// Draft a crosswalk from a column's values and a combo list, for crosswalks/NAME.toml
    Suggest {
        /// The column: SOURCE_STREAM.COLUMN
        column: String,
        /// The combo list: LIST, or SOURCE.LIST if several sources have a list of that name
        list: String,
        /// Write it to crosswalks/NAME.toml in the configuration folder; never replaces a file
        #[arg(long, value_name = "NAME")]
        write: Option<CrosswalkName>,
    },
}

impl CrosswalkOptions {
    /// What the command does with the mirror's folder. A draft that is written is made by another process, which reads the
    /// mirror as its owner: this one keeps the right to write to the configuration's folder.
    pub fn state_use(&self) -> StateUse {
        match &self.command {
            CrosswalkCommand::Suggest { write: Some(_), .. } => StateUse::None,
            CrosswalkCommand::Check { .. } | CrosswalkCommand::Suggest { .. } => StateUse::Reads,
        }
    }
}

/// Runs the subcommand.
pub fn run(folders: &Folders, options: &CrosswalkOptions) -> Result<(), Exit> {
    match &options.command {
        CrosswalkCommand::Check { names, json } => gaps::run(folders, names, *json),
        CrosswalkCommand::Suggest {
            column,
            list,
            write: None,
        } => draft::run(folders, column, list),
        CrosswalkCommand::Suggest {
            column,
            list,
            write: Some(name),
        } => written::run(folders, (column, list), name),
    }
}
