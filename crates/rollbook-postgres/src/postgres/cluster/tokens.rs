//! Statements on `tokens` and `days`.
//!
//! How old a thing is, is computed by the database's clock in the statement that reads it; what is given as an age is subtracted from
//! that clock. A row of `tokens` is never deleted, so that no generation comes again. The caller begins and commits.

use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::super::error::DatabaseError;
use super::super::quote;
use super::super::session::DatabaseSession;

/// A source's row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredTokens {
    /// Changed by every store.
    pub generation: i64,
    /// The number of intents so far: the newest, if it is open, has this number.
    pub intents: i64,
    /// The newest intent, if its end is not known.
    pub intent: Option<StoredIntent>,
    /// Whether a person wants the open intent tried again.
    pub is_resumed: bool,
    /// The tokens; nothing before the first ones, and after `rollbook logout`.
    pub tokens: Option<SealedTokens>,
}

/// An announced request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredIntent {
    /// The claim of who announced it.
    pub claim: String,
    /// How long ago.
    pub age: Duration,
    /// The sealed fingerprint of the token that it sends.
    pub token: Vec<u8>,
}

/// What is stored of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedTokens {
    /// The name of the key.
    pub key_id: String,
    /// The grant without the previous refresh token.
    pub sealed: Vec<u8>,
    /// The previous refresh token, until the new one has worked.
    pub previous: Option<Vec<u8>>,
    /// How long ago they were requested.
    pub age: Duration,
    /// Lifetime of the access token from then, if the vendor declares it.
    pub life: Option<Duration>,
    /// The granted scopes, separated by blanks.
    pub scope: Option<String>,
}

/// A source's row, without what is sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenEntry {
    /// The source.
    pub source: String,
    /// How long ago the newest intent was announced, if its end is not known.
    pub intent_age: Option<Duration>,
    /// The tokens, with nothing in place of what is sealed.
    pub tokens: Option<SealedTokens>,
}

/// The statements, for one schema.
pub struct TokenTable<'a> {
    session: &'a DatabaseSession,
    schema: String,
}

const AGES: &str = "(extract(epoch FROM clock_timestamp() - intent_at) * 1000)::bigint AS intent_age, \
                    (extract(epoch FROM clock_timestamp() - obtained) * 1000)::bigint AS age";

/// Nothing where a clock went back.
fn duration(milliseconds: i64) -> Duration {
    Duration::from_millis(milliseconds.try_into().unwrap_or_default())
}

fn milliseconds(duration: Duration) -> i64 {
    duration.as_millis().try_into().unwrap_or(i64::MAX)
}

impl<'a> TokenTable<'a> {
    /// The tables of this schema.
    pub fn new(session: &'a DatabaseSession, schema: &str) -> Self {
        let schema = quote(schema);
        Self { session, schema }
    }

    /// A source's row; one that is not there yet is as one that holds nothing.
    ///
    /// # Errors
    /// When the database refuses it or does not answer; the same holds for all below.
    pub async fn read(&self, source: &str) -> Result<StoredTokens, DatabaseError> {
        self.read_with(source, "").await
    }

    /// Deletes the tokens and the intent of a source, and returns its row as it was.
    pub async fn take_out(&self, source: &str) -> Result<StoredTokens, DatabaseError> {
        let found = self.read_with(source, " FOR UPDATE").await?;
        self.forget(source).await?;
        Ok(found)
    }

    async fn read_with(&self, source: &str, lock: &str) -> Result<StoredTokens, DatabaseError> {
        let sql = format!(
            "SELECT generation, intents, intent_claim, intent_token, resumed, key_id, sealed, previous, life_ms, scope, {AGES} \
             FROM {}.tokens WHERE source = $1{lock}",
            self.schema
        );
        let rows = self.session.query(&sql, &[(&source, Type::TEXT)]).await?;
        rows.first().map_or(Ok(StoredTokens::default()), stored)
    }

    /// Every row, without what is sealed.
    pub async fn entries(&self) -> Result<Vec<TokenEntry>, DatabaseError> {
        let sql = format!(
            "SELECT source, key_id, life_ms, scope, {AGES} FROM {}.tokens ORDER BY source",
            self.schema
        );
        let rows = self.session.query(&sql, &[]).await?;
        let entry = |row: &Row| {
            Ok(TokenEntry {
                source: row.try_get("source")?,
                intent_age: row.try_get::<_, Option<i64>>("intent_age")?.map(duration),
                tokens: tokens(row, Vec::new(), None)?,
            })
        };
        rows.iter().map(entry).collect()
    }

    /// Announces a request, if the row still has generation and intents, and the claim the lease; returns whether it is stored
    /// (cluster-protocol.md 3 rule 14).
    ///
    /// The lease is not locked: who claims the source meanwhile compares the same row.
    pub async fn intend(
        &self,
        source: &str,
        found: &StoredTokens,
        claim: &str,
        token: &[u8],
    ) -> Result<bool, DatabaseError> {
        let schema = &self.schema;
        let make = format!(
            "INSERT INTO {schema}.tokens (source, generation, intents, resumed) VALUES ($1, 0, 0, false) ON CONFLICT DO NOTHING"
        );
        self.session
            .execute(&make, &[(&source, Type::TEXT)])
            .await?;
        let sql = format!(
            "UPDATE {schema}.tokens SET intents = intents + 1, intent_claim = $4, intent_token = $5, \
             intent_at = clock_timestamp(), resumed = false \
             WHERE source = $1 AND generation = $2 AND intents = $3 AND (intent_claim IS NULL) = $6 \
             AND EXISTS (SELECT 1 FROM {schema}.leases AS l JOIN {schema}.workers AS w ON w.start = l.start \
             WHERE l.source = $1 AND l.claim = $4 AND w.until > clock_timestamp())"
        );
        let is_closed = found.intent.is_none();
        let parameters = [
            (&source as _, Type::TEXT),
            (&found.generation as _, Type::INT8),
            (&found.intents as _, Type::INT8),
            (&claim as _, Type::TEXT),
            (&token as _, Type::BYTEA),
            (&is_closed as _, Type::BOOL),
        ];
        Ok(self.session.execute(&sql, &parameters).await? == 1)
    }

    /// Closes an intent, if the row still has the generation and the newest intent is this one; whoever has the lease.
    pub async fn close(
        &self,
        source: &str,
        (generation, number): (i64, i64),
        claim: &str,
    ) -> Result<(), DatabaseError> {
        let sql = format!(
            "UPDATE {}.tokens SET intent_claim = NULL, intent_token = NULL, intent_at = NULL, resumed = false \
             WHERE source = $1 AND generation = $2 AND intents = $3 AND intent_claim = $4",
            self.schema
        );
        let parameters = [
            (&source as _, Type::TEXT),
            (&generation as _, Type::INT8),
            (&number as _, Type::INT8),
            (&claim as _, Type::TEXT),
        ];
        self.session.execute(&sql, &parameters).await.map(drop)
    }

    /// The same, but it stays open and is that old at least, so that no answer is waited for.
    pub async fn expire(
        &self,
        source: &str,
        (generation, number): (i64, i64),
        claim: &str,
        age: Duration,
    ) -> Result<(), DatabaseError> {
        let sql = format!(
            "UPDATE {}.tokens SET intent_at = least(intent_at, clock_timestamp() - $5 * interval '1 ms') \
             WHERE source = $1 AND generation = $2 AND intents = $3 AND intent_claim = $4",
            self.schema
        );
        let parameters = [
            (&source as _, Type::TEXT),
            (&generation as _, Type::INT8),
            (&number as _, Type::INT8),
            (&claim as _, Type::TEXT),
            (&milliseconds(age) as _, Type::INT8),
        ];
        self.session.execute(&sql, &parameters).await.map(drop)
    }

    /// Stores tokens and closes the intent, if the row still has the generation; whoever has the lease
    /// (cluster-protocol.md 3 rule 14). Returns whether they are stored, by this statement or an earlier one whose answer was lost.
    pub async fn store(
        &self,
        source: &str,
        generation: i64,
        tokens: &SealedTokens,
    ) -> Result<bool, DatabaseError> {
        let sql = format!(
            "UPDATE {}.tokens SET generation = generation + 1, {NO_INTENT}, {TOKENS} WHERE source = $1 AND generation = $8",
            self.schema
        );
        if self.write(&sql, source, generation, tokens).await? == 1 {
            return Ok(true);
        }
        // No two sealed texts are the same.
        let found = self.read(source).await?.tokens;
        Ok(found.is_some_and(|found| found.sealed == tokens.sealed))
    }

    /// Stores the tokens of a sign-in in place of what is there: what an open request brings is of another grant.
    pub async fn replace(&self, source: &str, tokens: &SealedTokens) -> Result<(), DatabaseError> {
        let sql = format!(
            "INSERT INTO {}.tokens AS tokens (source, generation, intents, resumed, key_id, sealed, previous, obtained, life_ms, scope) \
             VALUES ($1, $8, 0, false, $2, $3, $4, clock_timestamp() - $5 * interval '1 ms', $6, $7) \
             ON CONFLICT (source) DO UPDATE SET generation = tokens.generation + 1, {NO_INTENT}, {TOKENS}",
            self.schema
        );
        self.write(&sql, source, 1, tokens).await.map(drop)
    }

    async fn write(
        &self,
        sql: &str,
        source: &str,
        generation: i64,
        tokens: &SealedTokens,
    ) -> Result<u64, DatabaseError> {
        let (age, life) = (milliseconds(tokens.age), tokens.life.map(milliseconds));
        let parameters = [
            (&source as _, Type::TEXT),
            (&tokens.key_id as _, Type::TEXT),
            (&tokens.sealed as _, Type::BYTEA),
            (&tokens.previous as _, Type::BYTEA),
            (&age as _, Type::INT8),
            (&life as _, Type::INT8),
            (&tokens.scope as _, Type::TEXT),
            (&generation as _, Type::INT8),
        ];
        self.session.execute(sql, &parameters).await
    }

    /// Drops an intent of a grant that the configuration no longer has, so that what it brings is not stored.
    pub async fn supersede(&self, source: &str, generation: i64) -> Result<(), DatabaseError> {
        let sql = format!(
            "UPDATE {}.tokens SET generation = generation + 1, {NO_INTENT} WHERE source = $1 AND generation = $2",
            self.schema
        );
        let parameters = [(&source as _, Type::TEXT), (&generation as _, Type::INT8)];
        self.session.execute(&sql, &parameters).await.map(drop)
    }

    /// Drops the previous refresh token, if the row still has the generation.
    pub async fn proven(&self, source: &str, generation: i64) -> Result<(), DatabaseError> {
        let sql = format!(
            "UPDATE {}.tokens SET previous = NULL WHERE source = $1 AND generation = $2 AND previous IS NOT NULL",
            self.schema
        );
        let parameters = [(&source as _, Type::TEXT), (&generation as _, Type::INT8)];
        self.session.execute(&sql, &parameters).await.map(drop)
    }

    /// A person wants an open intent tried again; nothing where none is open.
    pub async fn resume(&self, source: &str) -> Result<(), DatabaseError> {
        let sql = format!(
            "UPDATE {}.tokens SET resumed = true WHERE source = $1 AND intent_claim IS NOT NULL",
            self.schema
        );
        let parameters = [(&source as _, Type::TEXT)];
        self.session.execute(&sql, &parameters).await.map(drop)
    }

    /// Deletes the tokens and the intent of a source.
    pub async fn forget(&self, source: &str) -> Result<(), DatabaseError> {
        let sql = format!(
            "UPDATE {}.tokens SET generation = generation + 1, {NO_INTENT}, key_id = NULL, sealed = NULL, previous = NULL, \
             obtained = NULL, life_ms = NULL, scope = NULL WHERE source = $1",
            self.schema
        );
        let parameters = [(&source as _, Type::TEXT)];
        self.session.execute(&sql, &parameters).await.map(drop)
    }

    /// Stores the same tokens and the same intent, sealed with another key, if the row still has the generation.
    pub async fn reseal(&self, source: &str, sealed: &StoredTokens) -> Result<bool, DatabaseError> {
        let sql = format!(
            "UPDATE {}.tokens SET key_id = $3, sealed = $4, previous = $5, intent_token = $6 WHERE source = $1 AND generation = $2",
            self.schema
        );
        let tokens = sealed.tokens.as_ref();
        let (key_id, text) = tokens
            .map(|tokens| (&tokens.key_id, &tokens.sealed))
            .unzip();
        let previous = tokens.and_then(|tokens| tokens.previous.as_ref());
        let intent = sealed.intent.as_ref().map(|intent| &intent.token);
        let parameters = [
            (&source as _, Type::TEXT),
            (&sealed.generation as _, Type::INT8),
            (&key_id as _, Type::TEXT),
            (&text as _, Type::BYTEA),
            (&previous as _, Type::BYTEA),
            (&intent as _, Type::BYTEA),
        ];
        Ok(self.session.execute(&sql, &parameters).await? == 1)
    }

    /// Adds requests to a day (`2026-01-31`, UTC), or takes back what was not sent, and returns the day's total.
    pub async fn count(
        &self,
        source: &str,
        day: &str,
        requests: i64,
    ) -> Result<i64, DatabaseError> {
        let sql = format!(
            "INSERT INTO {}.days AS days (source, day, requests) VALUES ($1, $2::text::date, $3) \
             ON CONFLICT (source, day) DO UPDATE SET requests = days.requests + excluded.requests RETURNING requests",
            self.schema
        );
        let parameters = [
            (&source as _, Type::TEXT),
            (&day as _, Type::TEXT),
            (&requests as _, Type::INT8),
        ];
        let rows = self.session.query(&sql, &parameters).await?;
        let total = rows.first().map(|row| row.try_get(0)).transpose()?;
        let sql = format!(
            "DELETE FROM {}.days WHERE source = $1 AND day < $2::text::date - {DAYS}",
            self.schema
        );
        self.session.execute(&sql, &parameters[..2]).await?;
        total.ok_or_else(|| DatabaseError::Answer("no count of a day".to_owned()))
    }

    /// The requests of each day that is kept.
    pub async fn days(&self, source: &str) -> Result<Vec<(String, u32)>, DatabaseError> {
        let sql = format!(
            "SELECT day::text, requests FROM {}.days WHERE source = $1",
            self.schema
        );
        let rows = self.session.query(&sql, &[(&source, Type::TEXT)]).await?;
        let day = |row: &Row| {
            let requests: i64 = row.try_get(1)?;
            Ok((row.try_get(0)?, requests.try_into().unwrap_or_default()))
        };
        rows.iter().map(day).collect()
    }
}

/// Days of counts that are kept.
const DAYS: u32 = 8;

const NO_INTENT: &str =
    "intent_claim = NULL, intent_token = NULL, intent_at = NULL, resumed = false";

const TOKENS: &str = "key_id = $2, sealed = $3, previous = $4, \
                      obtained = clock_timestamp() - $5 * interval '1 ms', life_ms = $6, scope = $7";

fn stored(row: &Row) -> Result<StoredTokens, DatabaseError> {
    let claim: Option<String> = row.try_get("intent_claim")?;
    let intent = match (
        claim,
        row.try_get("intent_age")?,
        row.try_get("intent_token")?,
    ) {
        (Some(claim), Some(age), Some(token)) => Some(StoredIntent {
            claim,
            age: duration(age),
            token,
        }),
        _ => None,
    };
    let sealed: Option<Vec<u8>> = row.try_get("sealed")?;
    let tokens = match sealed {
        Some(sealed) => tokens(row, sealed, row.try_get("previous")?)?,
        None => None,
    };
    Ok(StoredTokens {
        generation: row.try_get("generation")?,
        intents: row.try_get("intents")?,
        intent,
        is_resumed: row.try_get("resumed")?,
        tokens,
    })
}

fn tokens(
    row: &Row,
    sealed: Vec<u8>,
    previous: Option<Vec<u8>>,
) -> Result<Option<SealedTokens>, DatabaseError> {
    let (key_id, age): (Option<String>, Option<i64>) =
        (row.try_get("key_id")?, row.try_get("age")?);
    let (Some(key_id), Some(age)) = (key_id, age) else {
        return Ok(None);
    };
    Ok(Some(SealedTokens {
        key_id,
        sealed,
        previous,
        age: duration(age),
        life: row.try_get::<_, Option<i64>>("life_ms")?.map(duration),
        scope: row.try_get("scope")?,
    }))
}
