//! `rollbook privacy`: a register of the personal data that is mirrored, for a data-protection officer.
//!
//! It describes what the configuration has mirrored and what the mirror has of it: numbers, never a person.

mod databases;
mod files;
mod markdown;
mod register;
mod text;

use self::databases::databases;
use super::exit::Exit;
use super::mirror_access::MirrorAccess;
use super::{out, start};
use rollbook_engine::setup::{Folders, Overlay};
use rollbook_http::oneroster::config::OneRosterConfig;

/// Options of `privacy`.
#[derive(Debug, clap::Args)]
pub struct PrivacyOptions {
    /// Print Markdown, for a page or a document
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Prints the register.
pub fn run(folders: &Folders, options: &PrivacyOptions) -> Result<(), Exit> {
    let access = MirrorAccess::open_quietly(folders)?;
    let setup = access.setup()?;
    let clients = OneRosterConfig::read(&folders.config)?;
    let clients = clients.as_ref().map(|document| &document.value);
    let secrets = start::secrets(folders, &Overlay::default());
    let mut register = register::of(setup, access.mirror_if_made(), &access.path, clients)?;
    register.databases = databases(setup, &secrets);
    if options.json {
        out::json(&register);
    } else if options.markdown {
        out::exact(&markdown::page(&register));
    } else {
        out::text(text::page(&register, out::width()));
    }
    Ok(())
}
