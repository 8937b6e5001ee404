//! Implements the storage traits of `auth` and `http` with the vault of `store`: grants, and the daily count of requests.

use std::sync::Arc;

use crate::auth::{GrantStore, Intended, RefreshIntent, VaultError};
use crate::http::DayCount;
use crate::model::{KeptGrant, KeptRefusal, SourceName};
use crate::setup::files::{Secrets, StoreConfig};
use crate::store::vault::{Keys, VaultKey};
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

/// The vault, as `auth` and `http` use it.
pub struct VaultStore(pub Arc<Vault>);

fn failed(error: StoreError) -> VaultError {
    VaultError {
        reason: error.to_string(),
        shut: matches!(error, StoreError::Shut { .. }),
    }
}

impl GrantStore for VaultStore {
    fn load(&self, source: &SourceName) -> Result<Option<KeptGrant>, VaultError> {
        self.0.load(source).map_err(failed)
    }

    fn intend(
        &self,
        source: &SourceName,
        refresh: RefreshIntent<'_>,
    ) -> Result<Intended, VaultError> {
        let stored = self.0.intend(source, refresh.token, refresh.at);
        stored.map(|()| Intended::Send(None)).map_err(failed)
    }

    fn forget(&self, source: &SourceName) -> Result<(), VaultError> {
        self.0.forget(source).map(drop).map_err(failed)
    }

    fn keep(&self, source: &SourceName, grant: &KeptGrant) -> Result<(), VaultError> {
        self.0.keep(source, grant).map_err(failed)
    }

    fn proven(&self, source: &SourceName) -> Result<(), VaultError> {
        self.0.proven(source).map_err(failed)
    }

    fn refusal(
        &self,
        source: &SourceName,
        credential: &str,
    ) -> Result<Option<KeptRefusal>, VaultError> {
        self.0.refusal(source, credential).map_err(failed)
    }

    fn note_refusal(
        &self,
        source: &SourceName,
        credential: &str,
        refusal: Option<KeptRefusal>,
    ) -> Result<(), VaultError> {
        match refusal {
            Some(refusal) => self.0.note_refusal(source, credential, refusal),
            None => self.0.lift_refusal(source).map(drop),
        }
        .map_err(failed)
    }

    fn lock(&self, source: &SourceName) -> Result<Box<dyn Send>, VaultError> {
        self.0
            .lock(source)
            .map(|lock| Box::new(lock) as Box<dyn Send>)
            .map_err(failed)
    }
}

impl DayCount for VaultStore {
    fn add(&self, source: &SourceName, day: &str, _: u32) -> Result<u32, String> {
        self.0
            .count(source, day, 1)
            .map_err(|error| error.to_string())
    }
}
