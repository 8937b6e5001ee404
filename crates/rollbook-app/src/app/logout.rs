//! Signing out: asks the vendor to revoke the grant, then deletes it, whatever the vendor responds.
//!
//! Works while the daemon runs, and without the vault's key: a row can be deleted unopened.

use std::sync::Arc;

use super::LoginError;
use super::grant_stores::grants_of_command;
use super::sources::token_rules;
use super::vault_store::keys;
use rollbook_core::blocking::blocking;
use rollbook_core::clock::Clock;
use rollbook_core::model::SourceName;
use rollbook_core::store::vault::Keys;
use rollbook_engine::setup::files::Secrets;
use rollbook_engine::setup::{Folders, Setup};
use rollbook_http::auth::{GrantStore, Revocation, VaultError, revoke};

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

/// Signs out of a source that has a grant.
///
/// # Errors
/// If the vault, or the cluster's database, cannot be written; then nothing is deleted.
pub async fn sign_out(
    (folders, setup): (&Folders, &Setup),
    name: &SourceName,
    secrets: &Secrets,
    clock: &Clock,
) -> Result<VendorRevocation, LoginError> {
    // A wrong key does not prevent deletion.
    let keys = keys(&setup.config.store, secrets).unwrap_or(Keys::None);
    let grants = grants_of_command((folders, setup), keys, (secrets, clock));
    let grants = grants.map_err(LoginError::Vault)?;
    let failed = |error: VaultError| LoginError::Failed(error.reason);
    // Held to the end, so that a refresh in progress cannot restore the grant.
    let lock = with(&grants, name, |grants, source| grants.lock(source));
    let _lock = lock.await.map_err(failed)?;
    let revoked = try_revoke(folders, setup, &grants, name, secrets, clock).await;
    let forgotten = with(&grants, name, |grants, source| grants.forget(source));
    forgotten.await.map_err(failed)?;
    Ok(revoked.unwrap_or_else(VendorRevocation::Failed))
}

async fn with<T: Send + 'static>(
    grants: &Arc<dyn GrantStore>,
    name: &SourceName,
    act: impl FnOnce(&dyn GrantStore, &SourceName) -> T + Send + 'static,
) -> T {
    let (grants, name) = (Arc::clone(grants), name.clone());
    blocking(move || act(&*grants, &name)).await
}

async fn try_revoke(
    folders: &Folders,
    setup: &Setup,
    grants: &Arc<dyn GrantStore>,
    name: &SourceName,
    secrets: &Secrets,
    clock: &Clock,
) -> Result<VendorRevocation, String> {
    let kept = with(grants, name, |grants, source| grants.load(source)).await;
    let kept = kept.map_err(|error| error.reason)?;
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
