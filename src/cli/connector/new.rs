//! `rollbook connector new`: a sample from an address or a file becomes the draft of a connector.
//!
//! Never replaces a file. A secret is named by its credential and is not on the command line.

use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};

use super::super::exit::Exit;
use super::super::table::many;
use super::super::{out, start, write_new};
use rollbook_core::connector::draft::{ADDRESS_KEY, DraftSample, draft, draft_name};
use rollbook_core::connector::link::{self, NextPage};
use rollbook_core::model::{ConnectorName, CredentialName, SecretRef};
use rollbook_engine::setup::{Folders, Overlay};
use rollbook_http::http::get_once;

/// The largest sample in bytes; larger ones are descriptions of a whole company's APIs.
const LARGEST: u64 = 32 << 20;

/// Headers by which vendors state how many rows a list has.
const TOTAL_HEADERS: &[&str] = &[
    "X-Total-Count",
    "Total-Count",
    "X-Total",
    "X-WP-Total",
    "X-Total-Items",
];

/// Options of `connector new`.
#[derive(Debug, clap::Args)]
pub struct NewOptions {
    /// An address, or a file with JSON
    #[arg(value_name = "URL|FILE")]
    from: String,
    /// A header with a credential: `X-Api-Key=shelf_key`, `Authorization=Bearer shelf_key`
    ///
    /// CREDENTIAL is the name of a secret, as in `rollbook.toml`, not the secret. Words before it are sent as they are.
    #[arg(long, value_name = "NAME=CREDENTIAL", value_parser = key_header)]
    header_credential: Option<KeyHeader>,
    /// Of a description only the paths that begin with this; may be repeated
    #[arg(long, value_name = "PATH")]
    only: Vec<String>,
    /// Write it to connectors/NAME.toml in the configuration folder; never replaces a file
    #[arg(long, value_name = "NAME")]
    write: Option<ConnectorName>,
}

/// A header whose value ends in a secret.
#[derive(Clone, Debug)]
struct KeyHeader {
    name: String,
    prefix: String,
    credential: CredentialName,
}

fn key_header(text: &str) -> Result<KeyHeader, String> {
    // The text is never repeated: it may hold the secret by mistake.
    let advice =
        "write NAME=CREDENTIAL, such as `X-Api-Key=shelf_key`, with the name of a credential";
    let (name, value) = text.split_once('=').ok_or(advice)?;
    let value = value.trim();
    let (prefix, credential) = value.rsplit_once(' ').unwrap_or(("", value));
    Ok(KeyHeader {
        name: name.trim().to_owned(),
        prefix: prefix.trim().to_owned(),
        credential: credential.parse().map_err(|_| advice)?,
    })
}

pub async fn run(folders: &Folders, options: &NewOptions) -> Result<(), Exit> {
    let path = options.write.as_ref().map(|name| {
        let file = format!("{name}.toml");
        folders.config.join("connectors").join(file)
    });
    if let Some(path) = &path {
        write_new::refuse_existing(path)?;
    }
    let sample = sample(folders, options).await?;
    let name = match &options.write {
        Some(name) => name.to_string(),
        None => draft_name(&sample),
    };
    let drafted = draft(&sample, &name, &options.only);
    let (text, streams) = drafted.map_err(|why| {
        Exit::failed(format!(
            "could not draft a connector of {}: {why}",
            sample.origin
        ))
    })?;
    let Some(path) = path else {
        out::exact(&text);
        return Ok(());
    };
    write_new::write(&path, text.as_bytes())?;
    let guesses = text
        .lines()
        .filter(|line| line.contains("# ASSUMPTION"))
        .count() as u64;
    out::text(format!(
        "Written: {} with {} and {}, which have to be checked. Then `rollbook init {name}` adds a source, and \
         `rollbook connector test {name}` reads a page.",
        path.display(),
        many(streams as u64, "stream", "streams"),
        many(guesses, "assumption", "assumptions"),
    ));
    if text.contains(&format!("\n{ADDRESS_KEY} = ")) {
        out::text(format!(
            "A part of the address may be a secret or a person's name and was left out: write it as the setting {ADDRESS_KEY} of \
             the source. Everyone who reads rollbook.toml sees a setting, so ask the vendor for a key in a header."
        ));
    }
    Ok(())
}

async fn sample(folders: &Folders, options: &NewOptions) -> Result<DraftSample, Exit> {
    let from = &options.from;
    let is_address = ["https://", "http://"]
        .iter()
        .any(|scheme| from.starts_with(scheme));
    if is_address {
        return requested(folders, from, options.header_credential.as_ref()).await;
    }
    if options.header_credential.is_some() {
        return Err(Exit::usage(
            "--header-credential is for an address, and this is a file",
        ));
    }
    let path = Path::new(from);
    let bytes =
        read_file(path).map_err(|why| Exit::failed(format!("could not read {from}: {why}")))?;
    let name =
        |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    Ok(DraftSample {
        bytes,
        origin: name(path.file_name()),
        stem: name(path.file_stem()),
        ..DraftSample::default()
    })
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let found = std::fs::metadata(path).map_err(|error| error.to_string())?;
    match (found.is_file(), found.len() > LARGEST) {
        (false, _) => Err("it is no file".to_owned()),
        (true, true) => Err(format!("it is larger than {} MiB", LARGEST >> 20)),
        (true, false) => std::fs::read(path).map_err(|error| error.to_string()),
    }
}

async fn requested(
    folders: &Folders,
    address: &str,
    header: Option<&KeyHeader>,
) -> Result<DraftSample, Exit> {
    let secret = header.map(|header| {
        let secrets = start::secrets(folders, &Overlay::default());
        let secret = secrets.fetch(&SecretRef::Credential(header.credential.clone()));
        secret.map(|secret| match header.prefix.as_str() {
            "" => secret,
            prefix => SecretString::from(format!("{prefix} {}", secret.expose_secret())),
        })
    });
    let secret = secret
        .transpose()
        .map_err(|error| Exit::failed(error.to_string()))?;
    let sent = header
        .zip(secret.as_ref())
        .map(|(header, secret)| (header.name.as_str(), secret));
    let reply = get_once(address, sent, LARGEST).await;
    let reply = reply.map_err(|error| Exit::failed(format!("could not {error}")))?;
    let is_total = |name: &&&str| {
        reply
            .headers
            .get(name)
            .is_some_and(|value| value.trim().parse::<u64>().is_ok())
    };
    let total_header = TOTAL_HEADERS
        .iter()
        .find(is_total)
        .map(|name| (*name).to_owned());
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    Ok(DraftSample {
        origin: rest
            .split(['/', '?', '#'])
            .next()
            .unwrap_or_default()
            .to_owned(),
        address: Some(address.to_owned()),
        stem: String::new(),
        has_next_link: matches!(link::next(&reply.headers.all("link")), NextPage::To(_)),
        total_header,
        key_header: header.map(|header| (header.name.clone(), header.prefix.clone())),
        bytes: reply.body,
    })
}
