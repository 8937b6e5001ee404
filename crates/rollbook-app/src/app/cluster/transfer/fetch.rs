//! A source's files are written to a folder: as a copy, or to move out of the cluster with its sign-in.
//!
//! The sign-in is taken out of the database by the transaction that lets the source go, and stored in the vault after that. A crash in
//! between loses it; none leaves a refresh token on both sides.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::{
    TransactionEnd, TransferError, can_sign_in, commit, leave_nothing, leave_successor, refused,
    remove_rows, take, vacated,
};
use crate::app::ClusterDatabase;
use crate::app::cluster::error::ClusterError;
use crate::app::cluster::files::fill;
use crate::app::cluster::sealed_grant::TokenKeys;
use rollbook_core::clock::Clock;
use rollbook_core::model::{KeptGrant, SourceName};
use rollbook_core::store::vault::{Keys, vault_file};
use rollbook_core::store::{StoreError, Vault, make_private_folder};
use rollbook_engine::setup::beside;
use rollbook_postgres::cluster::lease::LeaseRow;
use rollbook_postgres::cluster::token::{GRACE, REQUEST};
use rollbook_postgres::postgres::DatabaseSession;
use rollbook_postgres::postgres::cluster::tokens::{SealedTokens, TokenTable};
use rollbook_postgres::postgres::cluster::{SHORT, transfer};

/// How often the files are written again because the database has a newer state meanwhile.
const ATTEMPTS: u32 = 5;

/// What became of the sign-in of a source that moved out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MovedSignIn {
    /// There was none.
    None,
    /// It is in the vault.
    Moved,
    /// The end of a token request is not known, so its token may be used up.
    Unclear,
}

/// Writes what the database holds of a source as the files of a single machine: the mirror, and the vault beside it, with nothing to sign
/// in with.
///
/// # Errors
/// When there is a file already, the database holds nothing, or `keys` do not open what it holds.
pub async fn fetch_files(
    database: &ClusterDatabase,
    source: &SourceName,
    mirror: &Path,
    keys: Keys,
) -> Result<Arc<Vault>, TransferError> {
    write_files(database, source, mirror).await?;
    let vault = Arc::new(Vault::open(beside(mirror), keys)?);
    let session = database.bulk_session().await?;
    let table = TokenTable::new(&session, &database.schema);
    let found = table.read(source.as_str()).await?;
    match (opened(&vault, source, found.tokens)?, found.intent) {
        (Some(grant), _) => leave_nothing(&vault, source, &grant)?,
        (None, Some(intent)) => {
            let keys = TokenKeys::Vault(Arc::clone(&vault));
            let hash = keys.open_fingerprint(source, &intent.token);
            let hash = hash.map_err(|error| TransferError::Refused(error.reason))?;
            leave_successor(&vault, source, &hash)?;
        }
        (None, None) => {}
    }
    database.keep(session);
    Ok(vault)
}

/// The grant of stored tokens.
fn opened(
    vault: &Arc<Vault>,
    source: &SourceName,
    tokens: Option<SealedTokens>,
) -> Result<Option<KeptGrant>, TransferError> {
    let keys = TokenKeys::Vault(Arc::clone(vault));
    let grant = tokens.map(|tokens| keys.open(source, &tokens, &Clock::system()));
    let grant = grant.transpose();
    grant.map_err(|error| TransferError::Refused(error.reason))
}

async fn write_files(
    database: &ClusterDatabase,
    source: &SourceName,
    mirror: &Path,
) -> Result<(), TransferError> {
    let files = [mirror.to_owned(), vault_file(beside(mirror))];
    if let Some(file) = files.iter().find(|file| file.exists()) {
        return refused(format!(
            "{} is there already: name another folder",
            file.display()
        ));
    }
    make_private_folder(beside(mirror))?;
    let mut attempt = 1;
    loop {
        let session = database.bulk_session().await?;
        let content = transfer::content(&session, &database.schema, source.as_str()).await?;
        database.keep(session);
        let Some(content) = content else {
            return refused(format!(
                "the cluster's database holds nothing of {source} yet"
            ));
        };
        match fill(database, source, mirror, &content).await {
            Ok(_) => return Ok(()),
            Err(error) => {
                for file in &files {
                    let _ = fs::remove_file(file); // made by this attempt
                }
                match error {
                    ClusterError::Content if attempt < ATTEMPTS => attempt += 1,
                    error => return Err(error.into()),
                }
            }
        }
    }
}

/// Writes the files of a source that no worker has, takes its sign-in along, and removes the source from the database.
///
/// # Errors
/// As for [`fetch_files`], and when a worker has the source, or the answer to a token request may still be stored.
pub async fn move_out(
    database: &ClusterDatabase,
    source: &SourceName,
    mirror: &Path,
    keys: Keys,
) -> Result<MovedSignIn, TransferError> {
    let schema = &database.schema;
    let session = database.bulk_session().await?;
    let taken = take(&session, schema, source).await?;
    refuse_token_request(&session, schema, source).await?;
    database.keep(session);
    let vault = fetch_files(database, source, mirror, keys).await?;
    let session = database.bulk_session().await?;
    session.begin_within(SHORT).await?;
    let let_go = let_go(&session, schema, (source, &taken), &vault).await?;
    match commit(database, &session, source, |row| row.claim == let_go.claim).await {
        TransactionEnd::Committed => {}
        TransactionEnd::RolledBack(error) => return Err(error.into()),
        TransactionEnd::Unknown(error) => {
            return refused(format!(
                "the files of {source} are complete, but not its sign-in: it is not known whether the cluster's database has it still ({error}). \
                 `rollbook cluster forget {source}`, and sign in again"
            ));
        }
    }
    drop(session);
    if let Err(error) = let_go.put_into(&vault, source) {
        return refused(format!(
            "the files of {source} are complete, but not its sign-in, which was taken out of the cluster's database: {error}. \
             `rollbook cluster forget {source}`, and sign in again"
        ));
    }
    let removed = async {
        let session = database.bulk_session().await?;
        remove_rows(&session, schema, source, &let_go.claim).await?;
        database.keep(session);
        Ok::<_, TransferError>(())
    };
    if let Err(error) = removed.await {
        return refused(format!(
            "the files of {source} and its sign-in are complete, but the cluster's database has rows of it still: {error}. \
             `rollbook cluster forget {source}` removes them"
        ));
    }
    Ok(match let_go.grant.as_ref().is_some_and(can_sign_in) {
        true => MovedSignIn::Moved,
        false if let_go.is_unclear => MovedSignIn::Unclear,
        false => MovedSignIn::None,
    })
}

/// Refuses while the answer to a token request may still be stored.
async fn refuse_token_request(
    session: &DatabaseSession,
    schema: &str,
    source: &SourceName,
) -> Result<(), TransferError> {
    let found = TokenTable::new(session, schema)
        .read(source.as_str())
        .await?;
    match found.intent {
        Some(intent) if intent.age < REQUEST + GRACE => refused(format!(
            "the answer to a token request of {source} may still be stored: repeat the command in two minutes"
        )),
        _ => Ok(()),
    }
}

/// What the database had of a source beside its files.
struct LetGo {
    /// The claim of its row from now on.
    claim: String,
    grant: Option<KeptGrant>,
    /// A token was sent, and what became of it is not known.
    is_unclear: bool,
    /// The requests of each day.
    days: Vec<(String, u32)>,
}

/// Lets a source go, in a transaction that was begun: the database has no state of it and no tokens. Given up with its connection when it fails.
async fn let_go(
    session: &DatabaseSession,
    schema: &str,
    (source, taken): (&SourceName, &LeaseRow),
    vault: &Arc<Vault>,
) -> Result<LetGo, TransferError> {
    let claim = vacated(session, schema, source, taken).await?;
    let table = TokenTable::new(session, schema);
    let found = table.take_out(source.as_str()).await?;
    let tokens = found.tokens.filter(|_| found.intent.is_none());
    let grant = opened(vault, source, tokens)?;
    Ok(LetGo {
        claim,
        is_unclear: found.intent.is_some(),
        grant,
        days: table.days(source.as_str()).await?,
    })
}

impl LetGo {
    fn put_into(&self, vault: &Vault, source: &SourceName) -> Result<(), StoreError> {
        for (day, requests) in &self.days {
            // It has those of before the source moved in.
            let counted = vault.count(source, day, 0)?;
            vault.count(source, day, requests.saturating_sub(counted))?;
        }
        match &self.grant {
            Some(grant) => vault.keep(source, grant),
            None => Ok(()),
        }
    }
}
