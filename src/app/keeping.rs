//! Lends the vault to whoever keeps tokens and counts requests; `http` and `store` do not know each other.

use std::sync::Arc;

use jiff::Timestamp;

use crate::config::{Secrets, StoreConfig};
use crate::http::{DayCount, GrantVault, KeptAccess, KeptGrant, VaultError};
use crate::store::vault::{Keys, VaultAccess, VaultGrant, VaultKey};
use crate::store::{StoreError, Vault};

/// What the configuration gives to open the vault with. A key that cannot be had is a state of the vault, so
/// that sources without a kept token are not in its way.
///
/// # Errors
/// When the cipher does not work on this machine.
pub fn keys(config: &StoreConfig, secrets: &Secrets) -> Result<Keys, StoreError> {
    let Some(reference) = &config.vault_key else {
        return Ok(Keys::None);
    };
    match secrets.fetch_key(reference) {
        Ok(key) => VaultKey::new(&key).map(Keys::Given),
        Err(why) => Ok(Keys::Missing(why.to_string())),
    }
}

/// The vault, as tokens see it.
pub struct Keeping(pub Arc<Vault>);

fn failed(error: StoreError) -> VaultError {
    VaultError {
        reason: error.to_string(),
        shut: matches!(error, StoreError::Shut { .. }),
    }
}

impl GrantVault for Keeping {
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

impl DayCount for Keeping {
    fn add(&self, source: &str, day: &str, requests: u32) -> Result<u32, String> {
        self.0
            .count(source, day, requests)
            .map_err(|error| error.to_string())
    }
}
