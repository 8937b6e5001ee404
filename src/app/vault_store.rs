//! Implements the storage traits of `http` with the vault of `store`: grants, and the daily count of requests.

use std::sync::Arc;

use jiff::Timestamp;

use crate::auth::{GrantStore, KeptAccess, KeptGrant, VaultError};
use crate::http::DayCount;
use crate::setup::files::{Secrets, StoreConfig};
use crate::store::vault::{Keys, VaultAccess, VaultGrant, VaultKey};
use crate::store::{StoreError, Vault};

/// The vault's key as configured. A missing key is a state of the vault, so that sources without a stored token work.
///
/// # Errors
/// If the cipher does not work on this machine.
pub fn keys(config: &StoreConfig, secrets: &Secrets) -> Result<Keys, StoreError> {
    let Some(reference) = &config.vault_key else {
        return Ok(Keys::None);
    };
    match secrets.fetch_key(reference) {
        Ok(key) => VaultKey::new(&key).map(Keys::Given),
        Err(why) => Ok(Keys::Missing(why.to_string())),
    }
}

/// The vault, as `http` sees it.
pub struct VaultStore(pub Arc<Vault>);

fn failed(error: StoreError) -> VaultError {
    VaultError {
        reason: error.to_string(),
        shut: matches!(error, StoreError::Shut { .. }),
    }
}

impl GrantStore for VaultStore {
    fn load(&self, source: &str) -> Result<Option<KeptGrant>, VaultError> {
        let (grant, intent) = self.0.load(source).map_err(failed)?;
        // An intent without a grant is the very first refresh, of the token that the admin configured.
        Ok(grant.map(|grant| KeptGrant {
            refresh_token: grant.refresh_token,
            previous: grant.previous,
            seed_hash: grant.seed_hash,
            intent,
            api_key: grant.api_key,
            access: grant.access.map(|access| KeptAccess {
                token: access.token,
                life: access.life,
            }),
            obtained: grant.obtained,
            scope: grant
                .scope
                .map(|scopes| scopes.split_whitespace().map(str::to_owned).collect()),
        }))
    }

    fn intend(&self, source: &str, old_token_hash: &str, at: Timestamp) -> Result<(), VaultError> {
        self.0.intend(source, old_token_hash, at).map_err(failed)
    }

    fn keep(&self, source: &str, grant: &KeptGrant) -> Result<(), VaultError> {
        let grant = grant.clone();
        let grant = VaultGrant {
            refresh_token: grant.refresh_token,
            previous: grant.previous,
            seed_hash: grant.seed_hash,
            api_key: grant.api_key,
            access: grant.access.map(|access| VaultAccess {
                token: access.token,
                life: access.life,
            }),
            obtained: grant.obtained,
            scope: grant.scope.map(|scopes| scopes.join(" ")),
        };
        self.0.keep(source, &grant).map_err(failed)
    }

    fn proven(&self, source: &str) -> Result<(), VaultError> {
        self.0.proven(source).map_err(failed)
    }

    fn refused(&self, source: &str, credential: &str) -> Result<Option<Timestamp>, VaultError> {
        self.0.refused(source, credential).map_err(failed)
    }

    fn note_refusal(
        &self,
        source: &str,
        credential: &str,
        at: Timestamp,
    ) -> Result<(), VaultError> {
        self.0.note_refusal(source, credential, at).map_err(failed)
    }

    fn lock(&self, source: &str) -> Result<Box<dyn Send>, VaultError> {
        self.0
            .lock(source)
            .map(|lock| Box::new(lock) as Box<dyn Send>)
            .map_err(failed)
    }
}

impl DayCount for VaultStore {
    fn add(&self, source: &str, day: &str, requests: u32) -> Result<u32, String> {
        self.0
            .count(source, day, requests)
            .map_err(|error| error.to_string())
    }
}
