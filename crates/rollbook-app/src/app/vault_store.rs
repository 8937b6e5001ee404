//! Implements the storage traits of `auth` and `http` with the vault of `store`: grants, and the daily count of requests.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rollbook_core::model::{KeptGrant, KeptRefusal, RequestEnd, SourceName};
use rollbook_core::store::vault::{Keys, VaultKey};
use rollbook_core::store::{StoreError, Vault};
use rollbook_engine::setup::files::{Secrets, StoreConfig};
use rollbook_http::auth::{GrantStore, Intended, RefreshIntent, VaultError};
use rollbook_http::http::DayCount;

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
pub struct VaultStore {
    vault: Arc<Vault>,
    /// Sources with a token request whose end is to be stored.
    requests: Mutex<BTreeSet<SourceName>>,
}

impl VaultStore {
    /// The store on this vault.
    pub fn new(vault: Arc<Vault>) -> Self {
        let requests = Mutex::default();
        Self { vault, requests }
    }

    fn requests(&self) -> MutexGuard<'_, BTreeSet<SourceName>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed(error: StoreError) -> VaultError {
    VaultError {
        reason: error.to_string(),
        shut: matches!(error, StoreError::Shut { .. }),
    }
}

impl GrantStore for VaultStore {
    fn load(&self, source: &SourceName) -> Result<Option<KeptGrant>, VaultError> {
        self.vault.load(source).map_err(failed)
    }

    fn intend(
        &self,
        source: &SourceName,
        refresh: RefreshIntent<'_>,
    ) -> Result<Intended, VaultError> {
        let stored = self.vault.intend(source, refresh.token, refresh.at);
        stored.map_err(failed)?;
        self.requests().insert(source.clone());
        Ok(Intended::Send(None))
    }

    fn ended(&self, source: &SourceName, _: RequestEnd) -> Result<bool, VaultError> {
        self.requests().remove(source);
        Ok(false)
    }

    fn is_settled(&self) -> bool {
        self.requests().is_empty()
    }

    fn forget(&self, source: &SourceName) -> Result<(), VaultError> {
        self.vault.forget(source).map(drop).map_err(failed)
    }

    fn keep(&self, source: &SourceName, grant: &KeptGrant) -> Result<(), VaultError> {
        let stored = self.vault.keep(source, grant);
        // Only now: the end of the program waits for it.
        self.requests().remove(source);
        stored.map_err(failed)
    }

    fn proven(&self, source: &SourceName) -> Result<(), VaultError> {
        self.vault.proven(source).map_err(failed)
    }

    fn refusal(
        &self,
        source: &SourceName,
        credential: &str,
    ) -> Result<Option<KeptRefusal>, VaultError> {
        self.vault.refusal(source, credential).map_err(failed)
    }

    fn note_refusal(
        &self,
        source: &SourceName,
        credential: &str,
        refusal: Option<KeptRefusal>,
    ) -> Result<(), VaultError> {
        match refusal {
            Some(refusal) => self.vault.note_refusal(source, credential, refusal),
            None => self.vault.lift_refusal(source).map(drop),
        }
        .map_err(failed)
    }

    fn lock(&self, source: &SourceName) -> Result<Box<dyn Send>, VaultError> {
        self.vault
            .lock(source)
            .map(|lock| Box::new(lock) as Box<dyn Send>)
            .map_err(failed)
    }
}

impl DayCount for VaultStore {
    fn add(&self, source: &SourceName, day: &str, _: u32) -> Result<u32, String> {
        self.vault
            .count(source, day, 1)
            .map_err(|error| error.to_string())
    }
}
