//! A grant as the cluster's database keeps it: sealed by the vault's key, with the times of the database's clock.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use rollbook_core::clock::Clock;
use rollbook_core::model::{KeptAccess, KeptGrant, SourceName};
use rollbook_core::store::vault::Keys;
use rollbook_core::store::{StoreError, Vault};
use rollbook_http::auth::VaultError;
use rollbook_postgres::postgres::cluster::tokens::{SealedTokens, StoredTokens};

/// What is sealed is bound to these names: a text of one column does not open as another.
const GRANT: &str = "tokens.sealed";
const PREVIOUS: &str = "tokens.previous";
const INTENT: &str = "tokens.intent_token";

/// The key that seals.
pub enum TokenKeys {
    /// That of an application's vault, which a reload may replace.
    Vault(Arc<Vault>),
    /// That of a command.
    Own(Keys),
}

/// What is sealed of a grant.
#[derive(Serialize, Deserialize)]
struct SealedGrant {
    refresh_token: String,
    seed_hash: String,
    api_key: Option<String>,
    access_token: Option<String>,
}

impl Drop for SealedGrant {
    fn drop(&mut self) {
        use secrecy::zeroize::Zeroize as _;
        self.refresh_token.zeroize();
        self.api_key.zeroize();
        self.access_token.zeroize();
    }
}

pub(super) fn failed(error: &StoreError) -> VaultError {
    VaultError {
        reason: error.to_string(),
        shut: matches!(error, StoreError::Shut { .. }),
    }
}

impl TokenKeys {
    fn with<T>(&self, act: impl FnOnce(&Keys) -> Result<T, StoreError>) -> Result<T, VaultError> {
        let done = match self {
            Self::Vault(vault) => vault.with_keys(act),
            Self::Own(keys) => act(keys),
        };
        done.map_err(|error| failed(&error))
    }

    /// Seals a grant that was requested so long ago.
    pub fn seal(
        &self,
        source: &SourceName,
        grant: &KeptGrant,
        age: Duration,
    ) -> Result<SealedTokens, VaultError> {
        let text = |secret: &SecretString| secret.expose_secret().to_owned();
        let access = grant.access.as_ref();
        let sealed = SealedGrant {
            refresh_token: text(&grant.refresh_token),
            seed_hash: grant.seed_hash.clone(),
            api_key: grant.api_key.as_ref().map(text),
            access_token: access.map(|access| text(&access.token)),
        };
        let json = serde_json::to_vec(&sealed).map(Zeroizing::new);
        let json = json.map_err(|_| failed(&StoreError::Sealing))?;
        self.with(|keys| {
            let (key_id, sealed) = keys.seal_elsewhere(source.as_str(), GRANT, &json)?;
            let seal = |secret: &SecretString| {
                keys.seal_elsewhere(source.as_str(), PREVIOUS, secret.expose_secret().as_bytes())
            };
            let previous = grant.previous.as_ref().map(seal).transpose()?;
            Ok(SealedTokens {
                key_id,
                sealed,
                previous: previous.map(|(_, sealed)| sealed),
                age,
                life: access.and_then(|access| access.life),
                scope: grant.scope.as_ref().map(|scopes| scopes.join(" ")),
            })
        })
    }

    /// Opens a grant. Its times are of this machine's clock.
    pub fn open(
        &self,
        source: &SourceName,
        stored: &SealedTokens,
        clock: &Clock,
    ) -> Result<KeptGrant, VaultError> {
        let open = |column, sealed: &[u8]| {
            self.with(|keys| keys.open_elsewhere(source.as_str(), column, (&stored.key_id, sealed)))
        };
        let json = open(GRANT, &stored.sealed)?;
        let mut grant: SealedGrant = serde_json::from_slice(&json).map_err(|_| VaultError {
            reason: format!("the tokens of {source} are not of this version of rollbook"),
            shut: true,
        })?;
        let previous = stored.previous.as_deref().map(|sealed| {
            let text = open(PREVIOUS, sealed)?;
            Ok(String::from_utf8_lossy(&text).into_owned().into())
        });
        let age = SignedDuration::try_from(stored.age).unwrap_or(SignedDuration::MAX);
        let obtained = clock.now().saturating_sub(age);
        Ok(KeptGrant {
            refresh_token: std::mem::take(&mut grant.refresh_token).into(),
            previous: previous.transpose()?,
            seed_hash: std::mem::take(&mut grant.seed_hash),
            intent: None,
            api_key: grant.api_key.take().map(Into::into),
            access: grant.access_token.take().map(|token| KeptAccess {
                token: token.into(),
                life: stored.life,
            }),
            obtained: obtained.unwrap_or(Timestamp::MIN),
            scope: stored
                .scope
                .as_ref()
                .map(|scopes| scopes.split_whitespace().map(str::to_owned).collect()),
        })
    }

    /// Seals the fingerprint of the token that a request sends.
    pub fn seal_fingerprint(&self, source: &SourceName, hash: &str) -> Result<Vec<u8>, VaultError> {
        let sealed =
            self.with(|keys| keys.seal_elsewhere(source.as_str(), INTENT, hash.as_bytes()));
        sealed.map(|(_, sealed)| sealed)
    }

    /// Opens it.
    pub fn open_fingerprint(
        &self,
        source: &SourceName,
        sealed: &[u8],
    ) -> Result<String, VaultError> {
        let opened = self.with(|keys| {
            let id = keys.id().unwrap_or_default().to_owned();
            keys.open_elsewhere(source.as_str(), INTENT, (&id, sealed))
        });
        opened.map(|text| String::from_utf8_lossy(&text).into_owned())
    }

    /// Whether a sealed fingerprint is this one; one of another key is any.
    pub fn is_fingerprint(&self, source: &SourceName, sealed: &[u8], hash: &str) -> bool {
        self.open_fingerprint(source, sealed)
            .map_or(true, |text| text == hash)
    }
}

/// What is sealed in a row, sealed with another key.
///
/// # Errors
/// When none of the keys opens it.
pub(super) fn resealed(
    source: &SourceName,
    row: &StoredTokens,
    from: &[&Keys],
    to: &Keys,
) -> Result<StoredTokens, StoreError> {
    let unopened = || StoreError::Shut {
        problem: format!(
            "none of the keys opens the tokens of {source}; name the present one: `--old-key FILE`"
        ),
    };
    let mut row = row.clone();
    let reseal = |column, sealed: &mut Vec<u8>, opener: &Keys| -> Result<(), StoreError> {
        let id = opener.id().unwrap_or_default().to_owned();
        let text = opener.open_elsewhere(source.as_str(), column, (&id, sealed))?;
        *sealed = to.seal_elsewhere(source.as_str(), column, &text)?.1;
        Ok(())
    };
    if let Some(tokens) = &mut row.tokens {
        let opener = from.iter().find(|keys| keys.id() == Some(&tokens.key_id));
        let opener = opener.ok_or_else(unopened)?;
        reseal(GRANT, &mut tokens.sealed, opener)?;
        if let Some(previous) = &mut tokens.previous {
            reseal(PREVIOUS, previous, opener)?;
        }
        tokens.key_id = to.id().unwrap_or_default().to_owned();
    }
    if let Some(intent) = &mut row.intent {
        // The name of its key is not stored.
        let mut openers = from.iter();
        if !openers.any(|opener| reseal(INTENT, &mut intent.token, opener).is_ok()) {
            return Err(unopened());
        }
    }
    Ok(row)
}
