//! Grants and intents: the tokens of a sign-in, and refreshes that were begun.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use secrecy::{ExposeSecret as _, SecretString};

use super::Vault;
use super::keys::{self, Keys, VaultCell};
use super::seal::CellId;
use crate::model::scalar;
use crate::model::{KeptAccess, KeptGrant, SourceName};
use crate::store::StoreError;

/// The secret columns of a grant; their names are part of what is sealed.
pub(super) const REFRESH_TOKEN: &str = "grants.refresh_token";
pub(super) const PREVIOUS: &str = "grants.previous";
pub(super) const SEED_HASH: &str = "grants.seed_hash";
pub(super) const API_KEY: &str = "grants.api_key";
pub(super) const ACCESS_TOKEN: &str = "grants.access_token";

/// The secret column of an intent.
pub(super) const TOKEN_HASH: &str = "intents.token_hash";

/// A row of `grants` in the file.
struct GrantRow {
    key_id: Option<String>,
    refresh_token: Vec<u8>,
    previous: Option<Vec<u8>>,
    seed_hash: Vec<u8>,
    api_key: Option<Vec<u8>>,
    access_token: Option<Vec<u8>>,
    access_life_ms: Option<u64>,
    obtained: String,
    scope: Option<String>,
}

impl Vault {
    /// The grant of a source.
    ///
    /// # Errors
    /// When the vault cannot be read, or its key is missing or another one.
    pub fn load(&self, source: &SourceName) -> Result<Option<KeptGrant>, StoreError> {
        let row = self
            .connection()
            .query_row(
                "SELECT key_id, refresh_token, previous, seed_hash, api_key, access_token, access_life_ms, obtained, scope \
                 FROM grants WHERE source = ?1",
                [source],
                GrantRow::of,
            )
            .optional()
            .map_err(StoreError::sql("read the vault"))?;
        let intent = self.intent(source)?;
        // An intent without a grant is the very first refresh, of the token that the admin configured.
        row.map(|row| row.opened(source, intent, &self.keys()))
            .transpose()
    }

    /// The fingerprint of a token with a refresh that was begun and never finished.
    pub(super) fn intent(&self, source: &SourceName) -> Result<Option<String>, StoreError> {
        let cell: Option<VaultCell> = self
            .connection()
            .query_row(
                "SELECT key_id, token_hash FROM intents WHERE source = ?1",
                [source],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()
            .map_err(StoreError::sql("read the vault"))?;
        let cell_id = CellId {
            source: source.as_str(),
            column: TOKEN_HASH,
        };
        cell.map(|cell| self.keys().text(cell_id, &cell))
            .transpose()
    }

    /// Notes durably that a token is about to be used up.
    ///
    /// # Errors
    /// When it is not on disk for certain, or may not be written without the vault's key.
    pub fn intend(
        &self,
        source: &SourceName,
        token_hash: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let what = StoreError::sql("record in the vault that a token will be refreshed");
        let cell_id = CellId {
            source: source.as_str(),
            column: TOKEN_HASH,
        };
        let keys = self.keys();
        let hash = keys.seal(cell_id, token_hash.as_bytes())?;
        let connection = self.connection();
        may_write(&keys, &connection)?;
        connection
            .execute(
                "INSERT OR REPLACE INTO intents (source, key_id, token_hash, at) VALUES (?1, ?2, ?3, ?4)",
                params![source, keys.id(), hash, scalar::to_canonical(at)],
            )
            .map(drop)
            .map_err(what)
    }

    /// Stores a grant and ends its intent, in one transaction.
    ///
    /// # Errors
    /// When it is not on disk for certain, or may not be written without the vault's key.
    pub fn keep(&self, source: &SourceName, grant: &KeptGrant) -> Result<(), StoreError> {
        let what = StoreError::sql("save a token in the vault");
        let keys = self.keys();
        let seal = |column, text: &str| {
            keys.seal(
                CellId {
                    source: source.as_str(),
                    column,
                },
                text.as_bytes(),
            )
        };
        let secret = |column, secret: Option<&SecretString>| {
            secret
                .map(|secret| seal(column, secret.expose_secret()))
                .transpose()
        };
        let access = grant.access.as_ref();
        let row = GrantRow {
            key_id: keys.id().map(str::to_owned),
            refresh_token: seal(REFRESH_TOKEN, grant.refresh_token.expose_secret())?,
            previous: secret(PREVIOUS, grant.previous.as_ref())?,
            seed_hash: seal(SEED_HASH, &grant.seed_hash)?,
            api_key: secret(API_KEY, grant.api_key.as_ref())?,
            access_token: secret(ACCESS_TOKEN, access.map(|access| &access.token))?,
            access_life_ms: access
                .and_then(|access| access.life)
                .map(|life| u64::try_from(life.as_millis()).unwrap_or(u64::MAX >> 1)),
            obtained: scalar::to_canonical(grant.obtained),
            scope: grant.scope.as_ref().map(|scopes| scopes.join(" ")),
        };
        let mut connection = self.connection();
        may_write(&keys, &connection)?;
        let transaction = connection.transaction().map_err(&what)?;
        row.insert(source, &transaction).map_err(&what)?;
        transaction
            .execute("DELETE FROM intents WHERE source = ?1", [source])
            .map_err(&what)?;
        transaction.commit().map_err(&what)
    }

    /// The new token has worked: the previous one is overwritten.
    ///
    /// # Errors
    /// When the vault cannot be written.
    pub fn proven(&self, source: &SourceName) -> Result<(), StoreError> {
        self.connection()
            .execute(
                "UPDATE grants SET previous = NULL WHERE source = ?1 AND previous IS NOT NULL",
                [source],
            )
            .map(drop)
            .map_err(StoreError::sql("drop a used token from the vault"))
    }
}

/// Without a key nothing is written in plain text beside sealed entries: they are sealed on purpose.
pub(super) fn may_write(keys: &Keys, connection: &Connection) -> Result<(), StoreError> {
    let Keys::None = keys else {
        return Ok(());
    };
    let sealed: Option<String> = connection
        .query_row(
            "SELECT key_id FROM grants WHERE key_id IS NOT NULL \
             UNION ALL SELECT key_id FROM intents WHERE key_id IS NOT NULL LIMIT 1",
            [],
            |row| row.get(0),
        )
        .optional()
        .map_err(StoreError::sql("read the vault"))?;
    sealed.map_or(Ok(()), |id| Err(keys::wrong(&id, None)))
}

impl GrantRow {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            key_id: row.get(0)?,
            refresh_token: row.get(1)?,
            previous: row.get(2)?,
            seed_hash: row.get(3)?,
            api_key: row.get(4)?,
            access_token: row.get(5)?,
            access_life_ms: row.get(6)?,
            obtained: row.get(7)?,
            scope: row.get(8)?,
        })
    }

    fn insert(&self, source: &SourceName, connection: &Connection) -> rusqlite::Result<()> {
        connection
            .execute(
                "INSERT OR REPLACE INTO grants (source, key_id, refresh_token, previous, seed_hash, api_key, \
                 access_token, access_life_ms, obtained, scope) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                params![
                    source,
                    self.key_id,
                    self.refresh_token,
                    self.previous,
                    self.seed_hash,
                    self.api_key,
                    self.access_token,
                    self.access_life_ms,
                    self.obtained,
                    self.scope
                ],
            )
            .map(drop)
    }

    fn opened(
        self,
        source: &SourceName,
        intent: Option<String>,
        keys: &Keys,
    ) -> Result<KeptGrant, StoreError> {
        let cell = |bytes| (self.key_id.clone(), bytes);
        let secret = |column, bytes| {
            keys.secret(
                CellId {
                    source: source.as_str(),
                    column,
                },
                &cell(bytes),
            )
        };
        let maybe =
            |column, bytes: Option<Vec<u8>>| bytes.map(|bytes| secret(column, bytes)).transpose();
        let seed = CellId {
            source: source.as_str(),
            column: SEED_HASH,
        };
        Ok(KeptGrant {
            refresh_token: secret(REFRESH_TOKEN, self.refresh_token)?,
            previous: maybe(PREVIOUS, self.previous)?,
            seed_hash: keys.text(seed, &cell(self.seed_hash))?,
            api_key: maybe(API_KEY, self.api_key)?,
            access: maybe(ACCESS_TOKEN, self.access_token)?.map(|token| KeptAccess {
                token,
                life: self.access_life_ms.map(Duration::from_millis),
            }),
            obtained: scalar::parse(&self.obtained).unwrap_or(Timestamp::UNIX_EPOCH),
            scope: self
                .scope
                .map(|scopes| scopes.split_whitespace().map(str::to_owned).collect()),
            intent,
        })
    }
}
