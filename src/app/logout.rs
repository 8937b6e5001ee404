//! Signing out: the vendor is asked to take the sign-in back, and then it is forgotten, whatever the vendor says.
//!
//! Works beside a running daemon, and without the vault's key: what is forgotten need not be opened.

use std::sync::Arc;

use super::keeping::{Keeping, keys};
use super::sources::keeper_rules;
use super::{Places, Setup};
use crate::clock::Clock;
use crate::config::Secrets;
use crate::http::{GrantVault as _, Revocation, revoke};
use crate::store::vault::Keys;
use crate::store::{StoreError, Vault};

/// What became of a forgotten sign-in at the vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AtVendor {
    /// This host has revoked it.
    Revoked(String),
    /// Nobody says where that could be asked for.
    NoPlace,
    /// It could not be asked for; why, in words.
    Failed(String),
}

/// Signs out of a source of which something is kept.
///
/// # Errors
/// When the vault cannot be written; then nothing is forgotten.
pub async fn sign_out(
    (places, setup): (&Places, &Setup),
    name: &str,
    secrets: &Secrets,
    clock: &Clock,
) -> Result<AtVendor, StoreError> {
    // A key that does not work keeps nobody from forgetting.
    let keys = keys(&setup.config.store, secrets).unwrap_or(Keys::None);
    let keeping = Arc::new(Keeping(Arc::new(Vault::open(&places.vault(setup), keys)?)));
    // Held to the end, so that no refresh under way brings back what is forgotten.
    let _lock = locked(&keeping, name).await?;
    let asked = ask(places, setup, &keeping, name, secrets, clock).await;
    keeping.0.forget(name)?;
    Ok(asked.unwrap_or_else(AtVendor::Failed))
}

async fn locked(keeping: &Arc<Keeping>, name: &str) -> Result<std::fs::File, StoreError> {
    let (vault, source) = (Arc::clone(&keeping.0), name.to_owned());
    match tokio::task::spawn_blocking(move || vault.lock(&source)).await {
        Ok(lock) => lock,
        Err(stopped) => match stopped.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // A blocking task is only cancelled when the runtime ends, and then nobody waits here.
            Err(_) => std::future::pending().await,
        },
    }
}

async fn ask(
    places: &Places,
    setup: &Setup,
    keeping: &Keeping,
    name: &str,
    secrets: &Secrets,
    clock: &Clock,
) -> Result<AtVendor, String> {
    let kept = keeping.load(name).map_err(|error| error.reason)?;
    let (Some(kept), Some(source)) = (kept, setup.source(name)) else {
        return Ok(AtVendor::NoPlace);
    };
    let Some(rules) = keeper_rules(name, source, secrets, &places.config)? else {
        return Ok(AtVendor::NoPlace);
    };
    let answer = revoke(&rules, &kept, clock).await;
    Ok(match answer.map_err(|error| error.to_string())? {
        Revocation::Done(host) => AtVendor::Revoked(host),
        Revocation::NoPlace => AtVendor::NoPlace,
        Revocation::Elsewhere => AtVendor::Failed(
            "it came from another server or client than the configured one".to_owned(),
        ),
    })
}
