//! `rollbook vault`: generates a key, and re-encrypts the vault with another one.

use std::path::{Path, PathBuf, absolute};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::ExposeSecret as _;
use secrecy::zeroize::Zeroizing;

#[cfg(feature = "postgres")]
use super::cluster;
use super::exit::Exit;
use super::owner::StateUse;
use super::table::many;
use super::{out, start};
use rollbook_app::app::keys;
use rollbook_core::store::Vault;
use rollbook_core::store::mirror_lock::lock_mirror;
use rollbook_core::store::vault::{Keys, fresh_key, vault_file};
use rollbook_engine::setup::files::{SecretRef, Secrets, StoreConfig};
use rollbook_engine::setup::{Folders, Overlay, Setup};

/// Options of `vault`.
#[derive(Debug, clap::Args)]
pub struct VaultOptions {
    #[command(subcommand)]
    action: VaultAction,
}

#[derive(Debug, clap::Subcommand)]
enum VaultAction {
    /// Print a new key: 32 random bytes as base64. Use `(umask 077; rollbook vault key > FILE)` to keep it private
    Key,
    /// Re-encrypt the vault with another key, in one transaction; the daemon must not run
    ///
    /// In a cluster: the tokens and the vaults of all sources; no worker must run.
    Rekey(Rekey),
}

/// Options of `vault rekey`.
#[derive(Debug, clap::Args)]
struct Rekey {
    /// File with the current key [default: the configured one]
    #[arg(long, value_name = "FILE")]
    old_key: Option<PathBuf>,
    /// File with the new key [default: the configured one]
    #[arg(long, value_name = "FILE", conflicts_with = "plain")]
    new_key: Option<PathBuf>,
    /// Store tokens unencrypted from now on
    #[arg(long)]
    plain: bool,
}

impl VaultOptions {
    /// A key is only printed.
    pub fn state_use(&self) -> StateUse {
        match self.action {
            VaultAction::Key => StateUse::None,
            VaultAction::Rekey(_) => StateUse::Owns,
        }
    }
}

/// Runs the subcommand.
pub async fn run(folders: &Folders, options: &VaultOptions) -> Result<(), Exit> {
    match &options.action {
        VaultAction::Key => key(),
        VaultAction::Rekey(rekey) => self::rekey(folders, rekey).await,
    }
}

fn key() -> Result<(), Exit> {
    let key = fresh_key()?;
    let text = Zeroizing::new(BASE64_STANDARD.encode(key.expose_secret()));
    out::exact(&text);
    out::exact("\n");
    Ok(())
}

async fn rekey(folders: &Folders, options: &Rekey) -> Result<(), Exit> {
    let overlay = Overlay::default();
    let setup = Setup::load(folders, &overlay)?;
    let secrets = start::secrets(folders, &overlay);
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
            "no key is configured; use --new-key FILE, or --plain to store tokens unencrypted",
        ));
    }
    if let Some(refusal) = to.refusal(to.id()) {
        return Err(refusal.into());
    }
    let from: Vec<&Keys> = old.iter().chain([&configured]).chain(&new).collect();
    #[cfg(feature = "postgres")]
    if setup.config.cluster.is_some() {
        return cluster::rekey(folders, &setup, &from, to).await;
    }
    let folder = folders.vault(&setup);
    if !vault_file(&folder).exists() {
        return Err(Exit::usage(format!(
            "there is no vault in {} yet",
            folder.display()
        )));
    }
    // A running daemon could not read its tokens any more.
    let _lock = lock_mirror(&folders.mirror(&setup))?;
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
        (0, Some(id)) => format!("Everything in the vault is already encrypted with key {id}."),
        (0, None) => "Nothing in the vault was encrypted.".to_owned(),
        (_, Some(id)) => format!(
            "{} encrypted with key {id}.",
            many(rows, "row is", "rows are")
        ),
        (_, None) => format!("{} unencrypted.", many(rows, "row is", "rows are")),
    };
    let next = match (now, configured) {
        (now, configured) if now == configured => return done,
        (Some(_), _) => {
            "Before the next start, set [store] vault_key to this key; until then no stored token can be used."
        }
        (None, _) => {
            "Before the next start, remove vault_key from [store]; otherwise everything is encrypted again."
        }
    };
    format!("{done}\n{next}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_and_the_next_step() {
        let put = "\nBefore the next start, set [store] vault_key to this key; until then no stored token can be used.";
        let remove = "\nBefore the next start, remove vault_key from [store]; otherwise everything is encrypted again.";
        for (rows, now, configured, done, next) in [
            (
                3,
                Some("b2"),
                Some("a1"),
                "3 rows are encrypted with key b2.",
                put,
            ),
            (1, Some("b2"), None, "1 row is encrypted with key b2.", put),
            (
                1,
                Some("b2"),
                Some("b2"),
                "1 row is encrypted with key b2.",
                "",
            ),
            (
                0,
                Some("b2"),
                Some("b2"),
                "Everything in the vault is already encrypted with key b2.",
                "",
            ),
            (2, None, Some("a1"), "2 rows are unencrypted.", remove),
            (0, None, None, "Nothing in the vault was encrypted.", ""),
        ] {
            assert_eq!(text(rows, now, configured), format!("{done}{next}"));
        }
    }
}
