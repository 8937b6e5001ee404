//! `rollbook vault`: make a key, and seal the vault with another one.

use std::path::{Path, PathBuf, absolute};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::ExposeSecret as _;
use secrecy::zeroize::Zeroizing;

use super::exit::Exit;
use super::words::many;
use super::{out, start};
use crate::app::{Overlay, Places, Setup, keys};
use crate::config::{SecretRef, Secrets, StoreConfig};
use crate::store::vault::{Keys, fresh_key};
use crate::store::{Vault, database};

/// Options of `vault`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// What to do.
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    /// Print a new key: 32 random bytes as base64. `(umask 077; rollbook vault key > FILE)` keeps it private
    Key,
    /// Seal everything in the vault with another key, in one step; the daemon must not run
    Rekey(Rekey),
}

/// Options of `vault rekey`.
#[derive(Debug, clap::Args)]
struct Rekey {
    /// The key that the vault is sealed with now [default: the configured one]
    #[arg(long, value_name = "FILE")]
    old_key: Option<PathBuf>,
    /// The key to seal it with [default: the configured one]
    #[arg(long, value_name = "FILE", conflicts_with = "plain")]
    new_key: Option<PathBuf>,
    /// Keep tokens in clear from now on
    #[arg(long)]
    plain: bool,
}

/// Makes a key, or uses one.
pub fn run(places: &Places, options: &Options) -> Result<(), Exit> {
    match &options.act {
        Act::Key => key(),
        Act::Rekey(rekey) => self::rekey(places, rekey),
    }
}

fn key() -> Result<(), Exit> {
    let key = fresh_key()?;
    let text = BASE64_STANDARD.encode(key.expose_secret());
    out::text(Zeroizing::new(text).as_str());
    Ok(())
}

fn rekey(places: &Places, options: &Rekey) -> Result<(), Exit> {
    let overlay = Overlay::default();
    let setup = Setup::load(places, &overlay)?;
    let secrets = start::secrets(places, &overlay);
    let configured = keys(&setup.config.store, &secrets)?;
    let old = given(options.old_key.as_deref(), &secrets)?;
    let new = given(options.new_key.as_deref(), &secrets)?;
    let to = match &new {
        _ if options.plain => &Keys::None,
        Some(new) => new,
        None => &configured,
    };
    if let (false, Keys::None) = (options.plain, to) {
        return Err(Exit::usage(
            "no key is configured; name one by --new-key FILE, or say --plain to keep tokens in clear",
        ));
    }
    if let Some(refusal) = to.refusal(to.id()) {
        return Err(refusal.into());
    }
    let folder = places.vault(&setup);
    if !folder.join("vault.db").exists() {
        return Err(Exit::usage(format!(
            "there is no vault in {} yet",
            folder.display()
        )));
    }
    // A daemon that runs would be locked out of its own tokens.
    let _lock = database::hold(&places.mirror(&setup))?;
    let from: Vec<&Keys> = old.iter().chain([&configured]).chain(&new).collect();
    let rows = Vault::open(&folder, Keys::None)?.rekey(&from, to)?;
    out::text(text(rows as u64, to.id(), configured.id()));
    Ok(())
}

fn given(file: Option<&Path>, secrets: &Secrets) -> Result<Option<Keys>, Exit> {
    let Some(file) = file else { return Ok(None) };
    let whole =
        absolute(file).map_err(|error| Exit::usage(format!("{}: {error}", file.display())))?;
    let config = StoreConfig {
        vault_key: Some(SecretRef::File(whole)),
        ..StoreConfig::default()
    };
    let keys = keys(&config, secrets)?;
    match keys.refusal(None) {
        Some(refusal) => Err(refusal.into()),
        None => Ok(Some(keys)),
    }
}

fn text(rows: u64, now: Option<&str>, configured: Option<&str>) -> String {
    let done = match (rows, now) {
        (0, Some(id)) => format!("Everything in the vault was sealed with key {id} already."),
        (0, None) => "Nothing in the vault was sealed.".to_owned(),
        (_, Some(id)) => format!("{} sealed with key {id}.", many(rows, "row is", "rows are")),
        (_, None) => format!("{} in clear.", many(rows, "row is", "rows are")),
    };
    let next = match (now, configured) {
        (now, configured) if now == configured => return done,
        (Some(_), _) => {
            "Before the next start, put this key where [store] vault_key finds it; until then no kept token is used."
        }
        (None, _) => {
            "Before the next start, remove vault_key from [store], else everything is sealed again."
        }
    };
    format!("{done}\n{next}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_and_what_comes_next() {
        let put = "\nBefore the next start, put this key where [store] vault_key finds it; until then no kept token is used.";
        let remove = "\nBefore the next start, remove vault_key from [store], else everything is sealed again.";
        for (rows, now, configured, done, next) in [
            (
                3,
                Some("b2"),
                Some("a1"),
                "3 rows are sealed with key b2.",
                put,
            ),
            (1, Some("b2"), None, "1 row is sealed with key b2.", put),
            (
                1,
                Some("b2"),
                Some("b2"),
                "1 row is sealed with key b2.",
                "",
            ),
            (
                0,
                Some("b2"),
                Some("b2"),
                "Everything in the vault was sealed with key b2 already.",
                "",
            ),
            (2, None, Some("a1"), "2 rows are in clear.", remove),
            (0, None, None, "Nothing in the vault was sealed.", ""),
        ] {
            assert_eq!(text(rows, now, configured), format!("{done}{next}"));
        }
    }
}
