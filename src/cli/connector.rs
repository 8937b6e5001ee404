//! `rollbook connector`: drafts connectors, and shows what one reads.

mod new;
mod test;

use super::exit::Exit;
use super::owner::StateUse;
use rollbook_engine::setup::Folders;

/// Options of `connector`.
#[derive(Debug, clap::Args)]
pub struct ConnectorOptions {
    #[command(subcommand)]
    command: ConnectorCommand,
}

#[derive(Debug, clap::Subcommand)]
enum ConnectorCommand {
    /// Draft a connector from a sample answer or an OpenAPI 3 description
    ///
    /// Prints it; each guess is a comment marked ASSUMPTION.
    New(new::NewOptions),
    /// Read one page of each stream, and show rows, types and unlisted members
    ///
    /// Of the source that uses the connector, as a run would; writes nothing.
    Test(test::TestOptions),
}

impl ConnectorOptions {
    /// What the command does with the mirror's folder.
    pub fn state_use(&self) -> StateUse {
        match &self.command {
            // Writes into the configuration's folder, as `init` does.
            ConnectorCommand::New(_) => StateUse::None,
            ConnectorCommand::Test(_) => StateUse::Owns,
        }
    }
}

/// Runs the subcommand.
pub async fn run(folders: &Folders, options: &ConnectorOptions) -> Result<(), Exit> {
    match &options.command {
        ConnectorCommand::New(options) => new::run(folders, options).await,
        ConnectorCommand::Test(options) => test::run(folders, options).await,
    }
}
