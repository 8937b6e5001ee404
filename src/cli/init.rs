//! `rollbook init`: adds commented sources with their jobs to a configuration, or writes a new one.
//!
//! `starter.rs` has the content. On a terminal it asks for what a source needs; else the files have examples. It writes all
//! files or none, and changes no line that is there. The surprise: the Debian package installs a `rollbook.toml` without
//! accounts, which is replaced while it is unmodified.

mod append;
mod ask;
mod edit;
mod proposal;
mod questions;
mod report;
mod write_files;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::unistd;

use super::config_folder::{INSTALLED_CONFIG, INSTALLED_STATE, default_config};
use super::exit::Exit;
use super::prompt::Prompt;
use super::starter::{self, companions, handover::Host};
use super::{out, table::indented};
use proposal::{Existing, Proposal, canonical, free_name};
use report::NextSteps;
use rollbook_core::connector::Connectors;
use rollbook_core::document::suggest::{advice, quoted};
use rollbook_core::document::{Problems, RenderStyle};
use rollbook_core::folder::read_file;
use rollbook_core::model::{GrantKind, SourceName};
use rollbook_core::permissions::{User, denied, user_name};
use rollbook_engine::setup::files::people::PEOPLE_FILE;
use rollbook_engine::setup::{Folders, Overlay, Setup, resolve};

/// The package's `rollbook.toml`, which has no sources.
const PACKAGED_CONFIG: &str = include_str!("../../systemd/deb/rollbook.toml");

/// The service's user in the package.
const SERVICE_USER: &str = "rollbook";

/// The rights to write into a folder: w and x.
const WRITE: u32 = 0o3;

/// Options of `init`.
#[derive(Debug, clap::Args)]
pub struct InitOptions {
    /// Folder to write to; it is created if missing [default: the configuration folder]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Connectors to add a source for; without any, the known ones are listed
    #[arg(value_name = "CONNECTOR")]
    connectors: Vec<String>,
    /// Name of the new source, with which its tables begin [default: the connector's]
    #[arg(long, value_name = "NAME")]
    name: Option<SourceName>,
    /// A value of the new source, such as `tenant=4711`, `client_id=...` or `grant=...`; never a secret
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    set: Vec<(String, String)>,
    /// Also write a draft that maps a column of one source to a combo list of another
    #[arg(long)]
    crosswalk: bool,
    /// Also write a draft that matches the people of two sources
    #[arg(long)]
    people: bool,
    /// Ask for each secret that a configuration refers to and that is missing; add no source
    #[arg(long, conflicts_with_all = ["connectors", "crosswalk", "people", "no_input"])]
    secrets: bool,
    /// Ask nothing, also on a terminal
    #[arg(long)]
    no_input: bool,
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) => Ok((key.trim().to_owned(), value.trim().to_owned())),
        None => Err("write KEY=VALUE, such as `tenant=4711`".to_owned()),
    }
}

/// Writes the files, or lists the connectors.
pub async fn run(given: &Folders, options: &InitOptions) -> Result<(), Exit> {
    let folders = folders(given, options)
        .map_err(|error| Exit::failed(format!("could not find the current folder: {error}")))?;
    let connectors = Connectors::load(&folders.config.join("connectors"))?;
    let changes_existing = options.crosswalk || options.people || options.secrets;
    if options.connectors.is_empty() && !changes_existing {
        out::text(known(&connectors));
        return Ok(());
    }
    check_options(options, &connectors)?;
    for folder in [&folders.config, &folders.jobs] {
        check_writable(folder, options)?;
    }
    let mut proposal = Proposal {
        host: host(&folders),
        existing: existing(&folders)?,
        folders,
        sources: Vec::new(),
        secrets: BTreeMap::new(),
        answered: BTreeSet::new(),
        crosswalk: None,
        people: None,
    };
    match &proposal.existing {
        Existing::Own(_) => {
            let (setup, problems) = resolve(&proposal.folders, &Overlay::default());
            if setup.is_none() {
                return Err(refused(
                    &problems,
                    "the configuration has to be right before a source is added",
                ));
            }
        }
        Existing::Missing | Existing::Packaged(_) if options.connectors.is_empty() => {
            return Err(Exit::no_configuration(
                "there is no source yet: `rollbook init CONNECTOR` writes one",
            ));
        }
        Existing::Missing | Existing::Packaged(_) => {}
    }
    let prompt = match options.no_input {
        true => None,
        false => Prompt::open(),
    };
    if options.secrets {
        let prompt = prompt.as_ref().ok_or_else(|| {
            Exit::usage("--secrets asks at a hidden prompt, so it needs a terminal")
        })?;
        ask::missing_secrets(prompt, &mut proposal).await?;
        if proposal.secrets.is_empty() {
            out::text("Nothing was written: no secret was missing and entered.");
            return Ok(());
        }
    } else {
        add_sources(&mut proposal, options, &connectors, prompt.as_ref()).await?;
        ask::mark_open(&mut proposal, &connectors);
        let setup = verified(&proposal)?;
        add_drafts(&mut proposal, options, &setup, prompt.as_ref()).await?;
        verified(&proposal)?;
    }
    if let Some(prompt) = &prompt {
        prompt.check_interrupted()?;
    }
    let steps = write(&proposal, &connectors)?;
    out::text(steps.text());
    Ok(())
}

/// The absolute folders to write to. Jobs beside an existing configuration stay there; new ones are inside.
fn folders(given: &Folders, options: &InitOptions) -> std::io::Result<Folders> {
    let config = canonical(options.dir.as_ref().unwrap_or(&given.config))?;
    let inside = config.join("jobs");
    let beside = config.parent().unwrap_or(&config).join("jobs");
    let named = match &options.dir {
        None => canonical(&given.jobs)?,
        Some(_) => inside.clone(),
    };
    let is_named = named != inside && named != beside;
    let is_beside = config.join("rollbook.toml").exists() && !inside.is_dir() && beside.is_dir();
    let jobs = match (is_named, is_beside) {
        (true, _) => named,
        (false, true) => beside,
        (false, false) => inside,
    };
    // The service's state directory is only that of the installed configuration.
    let is_other = given.state == Path::new(INSTALLED_STATE) && config != canonical(&given.config)?;
    let state = match is_other {
        true => PathBuf::new(),
        false => given.state.clone(),
    };
    Ok(Folders {
        config,
        jobs,
        state,
        source: None,
    })
}

/// Mistakes of the command line.
fn check_options(options: &InitOptions, connectors: &Connectors) -> Result<(), Exit> {
    for name in &options.connectors {
        if connectors.get(name).is_none() {
            return Err(unknown(name, connectors));
        }
    }
    let is_for_one = options.name.is_some() || !options.set.is_empty();
    if is_for_one && options.connectors.len() != 1 {
        return Err(Exit::usage(
            "--name and --set are for one connector: run the command once for each",
        ));
    }
    Ok(())
}

/// Before anyone answers questions: whether this user may write to a folder.
fn check_writable(folder: &Path, options: &InitOptions) -> Result<(), Exit> {
    let existing = folder.ancestors().find(|part| part.exists());
    let existing = existing.unwrap_or(Path::new("/"));
    let found = std::fs::metadata(existing);
    if found.is_ok_and(|found| User::this().rights(&found) & WRITE == WRITE) {
        return Ok(());
    }
    let names = options.connectors.join(" ");
    Err(Exit::denied(format!(
        "could not write to {}: {}\n\
         `sudo rollbook init {names}` writes there, and `rollbook init --dir DIR {names}` to a folder of your own",
        folder.display(),
        denied(existing)
    )))
}

fn existing(folders: &Folders) -> Result<Existing, Exit> {
    let path = folders.config.join("rollbook.toml");
    if path.symlink_metadata().is_err() {
        return Ok(Existing::Missing);
    }
    let text = read_file(&path).map_err(|problem| Exit::from(Problems::from(problem)))?;
    let text = text.text().to_owned();
    Ok(match text == PACKAGED_CONFIG {
        true => Existing::Packaged(text),
        false => Existing::Own(text),
    })
}

/// Who uses the files: for root the one as whom its commands continue, else the service's user.
fn host(folders: &Folders) -> Host {
    let is_root = unistd::geteuid().is_root();
    let state = match folders.state.as_os_str().is_empty() {
        true => Path::new("."),
        false => &folders.state,
    };
    let ids = |user: unistd::User| (user.uid.as_raw(), user.gid.as_raw());
    let owner = std::fs::metadata(state)
        .ok()
        .filter(|found| found.uid() != 0);
    let owner = owner.map(|found| {
        let user = unistd::User::from_uid(found.uid().into()).ok().flatten();
        // The user of a container may have no name.
        user.map_or((found.uid(), found.gid()), ids)
    });
    let installed = || {
        unistd::User::from_name(SERVICE_USER)
            .ok()
            .flatten()
            .map(ids)
    };
    let reader = match is_root {
        true => owner.or_else(installed),
        false => None,
    };
    Host {
        folder: folders.config.clone(),
        is_root,
        service_user: reader.map(|(user, _)| user_name(user)),
        reader,
    }
}

/// Adds the new sources, with the values that `--set` and the terminal give.
async fn add_sources(
    proposal: &mut Proposal,
    options: &InitOptions,
    connectors: &Connectors,
    prompt: Option<&Prompt>,
) -> Result<(), Exit> {
    let mut names: Vec<&str> = options.connectors.iter().map(String::as_str).collect();
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(*name));
    if prompt.is_some() && !names.is_empty() {
        out::text(ask::INTRODUCTION);
    }
    for connector_name in names {
        let Some(connector) = connectors.get(connector_name) else {
            continue;
        };
        let used = [proposal.existing_names(), proposal.names()].concat();
        let wanted = options
            .name
            .as_ref()
            .map_or(connector_name, SourceName::as_str);
        let is_free = |name: &str| !used.iter().any(|other| other == name);
        let name = match (is_free(wanted), prompt) {
            (true, _) => wanted.to_owned(),
            (false, Some(prompt)) => {
                out::text(format!("\nThere is a source `{wanted}` already."));
                ask::name(prompt, &free_name(wanted, is_free), &used)
                    .await?
                    .to_string()
            }
            (false, None) => {
                return Err(Exit::failed(format!(
                    "nothing was written: there is a source `{wanted}` in {} already\n\
                     for another account: `rollbook init {connector_name} --name {}`",
                    proposal.rollbook().display(),
                    free_name(wanted, is_free)
                )));
            }
        };
        let is_grant = |(key, _): &&(String, String)| key == "grant";
        let grant = match (options.set.iter().find(is_grant), prompt) {
            (Some((_, text)), _) => Some(known_grant(text, connector)?),
            (None, None) => None,
            (None, Some(prompt)) => {
                out::text(format!("\n{}: source `{name}`", connector.title));
                let usual = starter::source(connector_name, &name, connectors, None);
                let usual = usual.as_ref().and_then(starter::grant_of);
                ask::grant(prompt, connector, usual).await?
            }
        };
        let Some(source) = starter::source(connector_name, &name, connectors, grant) else {
            continue;
        };
        proposal.sources.push(source);
        for pair in options.set.iter().filter(|pair| !is_grant(pair)) {
            ask::set_given(proposal, connector, pair)?;
        }
        if let Some(prompt) = prompt {
            let index = proposal.sources.len() - 1;
            ask::source(prompt, proposal, index, connectors).await?;
        }
    }
    Ok(())
}

fn known_grant(
    text: &str,
    connector: &rollbook_core::connector::file::Connector,
) -> Result<GrantKind, Exit> {
    let offered = starter::offered_grants(&connector.auth);
    let found = offered.iter().find(|grant| grant.as_str() == text);
    let unknown = || {
        Exit::usage(format!(
            "--set grant: {}",
            ask::unknown_grant(text, &offered)
        ))
    };
    found.copied().ok_or_else(unknown)
}

/// Adds drafts of crosswalks where they make sense, if they are wanted.
async fn add_drafts(
    proposal: &mut Proposal,
    options: &InitOptions,
    setup: &Setup,
    prompt: Option<&Prompt>,
) -> Result<(), Exit> {
    let mut names = proposal.names();
    if names.is_empty() {
        names = proposal.existing_names();
    }
    let path = proposal.folders.config.join(PEOPLE_FILE);
    let existing = std::fs::read_to_string(path).unwrap_or_default();
    let people = companions::people(setup, &names, &existing);
    let question = "\nWrite a draft that matches the people of two sources?";
    if is_wanted(options.people, people.is_some(), prompt, question).await? {
        let none = "no two sources have people that jobs read and that are not matched yet; nothing was written";
        proposal.people = Some(people.ok_or_else(|| Exit::failed(none))?);
    }
    let crosswalk = companions::crosswalk(setup, &names);
    let question = "\nWrite a draft that maps one source's values to another's combo list?";
    if is_wanted(options.crosswalk, crosswalk.is_some(), prompt, question).await? {
        let none =
            "no job reads combo lists of one source and values of another; nothing was written";
        proposal.crosswalk = Some(crosswalk.ok_or_else(|| Exit::failed(none))?);
    }
    Ok(())
}

async fn is_wanted(
    is_asked_for: bool,
    makes_sense: bool,
    prompt: Option<&Prompt>,
    question: &str,
) -> Result<bool, Exit> {
    match prompt {
        Some(prompt) if !is_asked_for && makes_sense => prompt.agrees(question).await,
        _ => Ok(is_asked_for),
    }
}

fn verified(proposal: &Proposal) -> Result<Setup, Exit> {
    let refused = |problems| refused(&problems, "the new source would not be right");
    proposal.verify().map_err(refused)
}

/// Prints the problems.
fn refused(problems: &Problems, why: &str) -> Exit {
    anstream::eprintln!("{}", problems.render(RenderStyle::Coloured));
    anstream::eprintln!("nothing was written: {why}");
    Exit::wrong_configuration()
}

/// Writes all files, and returns what is left to do.
fn write(proposal: &Proposal, connectors: &Connectors) -> Result<NextSteps, Exit> {
    let files = proposal.files();
    let written: Vec<PathBuf> = files.iter().map(|file| file.path.clone()).collect();
    write_files::write_all(files).map_err(|(path, error)| {
        Exit::failed(format!(
            "nothing was written: could not write {}: {error}",
            path.display()
        ))
    })?;
    let folders = &proposal.folders;
    let is_default = canonical(&default_config()).is_ok_and(|usual| usual == folders.config);
    let inside = folders.config.join("jobs");
    let is_beside =
        || folders.config.parent().map(|above| above.join("jobs")) == Some(folders.jobs.clone());
    let is_usual = folders.jobs == inside || !inside.is_dir() && is_beside();
    let mut steps = NextSteps::of(proposal, connectors);
    let drafts = written
        .iter()
        .filter(|path| path.starts_with(folders.config.join("crosswalks")));
    steps.drafts = drafts.cloned().collect();
    steps.written = written;
    steps.is_service = proposal.host.is_root && folders.config == Path::new(INSTALLED_CONFIG);
    let is_given = !folders.state.as_os_str().is_empty() && !steps.is_service;
    let state = is_given.then(|| canonical(&folders.state).ok()).flatten();
    steps.has_state = steps.is_service || is_given;
    steps.command = report::command([
        ("--config", (!is_default).then_some(&folders.config)),
        ("--jobs", (!is_usual).then_some(&folders.jobs)),
        ("--state", state.as_ref()),
    ]);
    Ok(steps)
}

fn known(connectors: &Connectors) -> String {
    let lines = connectors.names().map(|name| {
        let title = connectors.get(name).map(|one| one.title.clone());
        [name.to_owned(), title.unwrap_or_default()]
    });
    format!(
        "Available connectors; `rollbook init CONNECTOR...` adds a source for each that you name:\n{}",
        indented(2, lines)
    )
}

fn unknown(name: &str, connectors: &Connectors) -> Exit {
    Exit::usage(format!(
        "there is no connector {}: {} (put a connector of your own into connectors/ first)",
        quoted(name),
        advice(name, connectors.names())
    ))
}

#[cfg(test)]
mod tests;
