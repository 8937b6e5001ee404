//! Grants and intents: what is kept of a sign-in, and refreshes that were begun.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, params};
use secrecy::{ExposeSecret as _, SecretString};

use super::Vault;
use crate::model::scalar;
use crate::store::StoreError;

/// A grant as the vault holds it.
#[derive(Clone, Debug)]
pub struct VaultGrant {
    /// The token for the next refresh.
    pub refresh_token: SecretString,
    /// The one before, until the new one has been proven.
    pub previous: Option<SecretString>,
    /// Fingerprint of the token that the admin configured.
    pub seed_hash: String,
    /// The key that came with the token.
    pub api_key: Option<SecretString>,
    /// The access token that came with it.
    pub access: Option<VaultAccess>,
    /// When the tokens were asked for.
    pub obtained: Timestamp,
}

/// An access token as the vault holds it.
#[derive(Clone, Debug)]
pub struct VaultAccess {
    /// The token.
    pub token: SecretString,
    /// How long it lives from when it was asked for.
    pub life: Option<Duration>,
}

impl Vault {
    /// The grant of a source, and the fingerprint of a token whose refresh was begun and never finished.
    ///
    /// # Errors
    /// When the vault cannot be read.
    pub fn load(&self, source: &str) -> Result<(Option<VaultGrant>, Option<String>), StoreError> {
        let what = StoreError::sql("read the vault");
        let connection = self.connection();
        let grant = connection
            .query_row(
                "SELECT refresh_token, previous, seed_hash, api_key, access_token, access_life_ms, obtained \
                 FROM grants WHERE source = ?1",
                [source],
                grant,
            )
            .optional()
            .map_err(&what)?;
        let intent = connection
            .query_row(
                "SELECT token_hash FROM intents WHERE source = ?1",
                [source],
                |row| text(row.get(0)?),
            )
            .optional()
            .map_err(&what)?;
        Ok((grant, intent))
    }

    /// Notes durably that a token is about to be used up.
    ///
    /// # Errors
    /// When it is not on disk for certain.
    pub fn intend(&self, source: &str, token_hash: &str, at: Timestamp) -> Result<(), StoreError> {
        self.connection()
            .execute(
                "INSERT OR REPLACE INTO intents (source, token_hash, at) VALUES (?1, ?2, ?3)",
                params![source, token_hash.as_bytes(), scalar::written(at)],
            )
            .map(drop)
            .map_err(StoreError::sql(
                "note in the vault that a token will be renewed",
            ))
    }

    /// Stores a grant and ends its intent, in one transaction.
    ///
    /// # Errors
    /// When it is not on disk for certain.
    pub fn keep(&self, source: &str, grant: &VaultGrant) -> Result<(), StoreError> {
        let what = StoreError::sql("save a token in the vault");
        let bytes = |secret: &SecretString| secret.expose_secret().as_bytes().to_vec();
        let access = grant.access.as_ref();
        let mut connection = self.connection();
        let transaction = connection.transaction().map_err(&what)?;
        transaction
            .execute(
                "INSERT OR REPLACE INTO grants \
                 (source, refresh_token, previous, seed_hash, api_key, access_token, access_life_ms, obtained) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    source,
                    bytes(&grant.refresh_token),
                    grant.previous.as_ref().map(bytes),
                    grant.seed_hash.as_bytes(),
                    grant.api_key.as_ref().map(bytes),
                    access.map(|access| bytes(&access.token)),
                    access.and_then(|access| access.life).map(millis),
                    scalar::written(grant.obtained)
                ],
            )
            .map_err(&what)?;
        transaction
            .execute("DELETE FROM intents WHERE source = ?1", [source])
            .map_err(&what)?;
        transaction.commit().map_err(&what)
    }

    /// The new token has worked: the previous one is overwritten.
    ///
    /// # Errors
    /// When the vault cannot be written.
    pub fn proven(&self, source: &str) -> Result<(), StoreError> {
        self.connection()
            .execute(
                "UPDATE grants SET previous = NULL WHERE source = ?1 AND previous IS NOT NULL",
                [source],
            )
            .map(drop)
            .map_err(StoreError::sql("drop a used token from the vault"))
    }
}

fn grant(row: &Row<'_>) -> rusqlite::Result<VaultGrant> {
    let secret = |bytes: Vec<u8>| text(bytes).map(SecretString::from);
    let (life, obtained): (Option<u64>, String) = (row.get(5)?, row.get(6)?);
    let access: Option<Vec<u8>> = row.get(4)?;
    Ok(VaultGrant {
        refresh_token: secret(row.get(0)?)?,
        previous: row.get::<_, Option<_>>(1)?.map(secret).transpose()?,
        seed_hash: text(row.get(2)?)?,
        api_key: row.get::<_, Option<_>>(3)?.map(secret).transpose()?,
        access: access
            .map(|token| {
                secret(token).map(|token| VaultAccess {
                    token,
                    life: life.map(Duration::from_millis),
                })
            })
            .transpose()?,
        obtained: scalar::parse(&obtained).unwrap_or(Timestamp::UNIX_EPOCH),
    })
}

fn text(bytes: Vec<u8>) -> rusqlite::Result<String> {
    String::from_utf8(bytes).map_err(|error| rusqlite::Error::Utf8Error(0, error.utf8_error()))
}

fn millis(life: Duration) -> u64 {
    u64::try_from(life.as_millis()).unwrap_or(u64::MAX)
}
