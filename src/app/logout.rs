//! Signing out: asks the vendor to revoke the grant, then deletes it, whatever the vendor responds.
//!
//! Works while the daemon runs, and without the vault's key: a row can be deleted unopened.

use std::sync::Arc;

use super::sources::token_rules;
use super::vault_store::{VaultStore, keys};
use crate::auth::{GrantStore as _, Revocation, revoke};
use crate::clock::Clock;
use crate::model::SourceName;
use crate::setup::files::Secrets;
use crate::setup::{Folders, Setup};
use crate::store::vault::Keys;
use crate::store::{StoreError, Vault};

/// Whether the vendor revoked the grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VendorRevocation {
    /// This host revoked it.
    Revoked(String),
    /// There is no revocation endpoint, or nothing to send to it.
    NotSupported,
    /// Revocation failed; why.
    Failed(String),
}

/// Signs out of a source that has a grant in the vault.
///
/// # Errors
/// If the vault cannot be written; then nothing is deleted.
pub async fn sign_out(
    (folders, setup): (&Folders, &Setup),
    name: &SourceName,
    secrets: &Secrets,
    clock: &Clock,
) -> Result<VendorRevocation, StoreError> {
    // A wrong key does not prevent deletion.
    let keys = keys(&setup.config.store, secrets).unwrap_or(Keys::None);
    let vault_store = Arc::new(VaultStore(Arc::new(Vault::open(
        &folders.vault(setup),
        keys,
    )?)));
    // Held to the end, so that a refresh in progress cannot restore the grant.
    let _lock = locked(&vault_store, name).await?;
    let revoked = try_revoke(folders, setup, &vault_store, name, secrets, clock).await;
    vault_store.0.forget(name)?;
    Ok(revoked.unwrap_or_else(VendorRevocation::Failed))
}

async fn locked(
    vault_store: &Arc<VaultStore>,
    name: &SourceName,
) -> Result<std::fs::File, StoreError> {
    let (vault, source) = (Arc::clone(&vault_store.0), name.clone());
    match tokio::task::spawn_blocking(move || vault.lock(&source)).await {
        Ok(lock) => lock,
        Err(stopped) => match stopped.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // A blocking task is cancelled only when the runtime ends.
            Err(_) => std::future::pending().await,
        },
    }
}

async fn try_revoke(
    folders: &Folders,
    setup: &Setup,
    vault_store: &VaultStore,
    name: &SourceName,
    secrets: &Secrets,
    clock: &Clock,
) -> Result<VendorRevocation, String> {
    let kept = vault_store.load(name).map_err(|error| error.reason)?;
    let (Some(kept), Some((name, source))) = (kept, setup.sources.get_key_value(name)) else {
        return Ok(VendorRevocation::NotSupported);
    };
    let Some(rules) = token_rules(name, source, secrets, &folders.config)? else {
        return Ok(VendorRevocation::NotSupported);
    };
    let answer = revoke(&rules, &kept, clock).await;
    Ok(match answer.map_err(|error| error.to_string())? {
        Revocation::Done(host) => VendorRevocation::Revoked(host),
        Revocation::NoEndpoint => VendorRevocation::NotSupported,
        Revocation::Elsewhere => VendorRevocation::Failed(
            "it was issued by another server or to another client than the configured one"
                .to_owned(),
        ),
    })
}
