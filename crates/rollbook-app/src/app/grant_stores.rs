//! Where the tokens of sources are: in the vault of this machine, or in the database of a cluster.

use std::sync::Arc;
use std::time::Duration;

use super::App;
use super::vault_store::VaultStore;
#[cfg(feature = "postgres")]
use super::vault_store::keys;
#[cfg(feature = "postgres")]
use super::{ClusterDatabase, ClusterDays, ClusterTokens};
use rollbook_core::clock::Clock;
use rollbook_core::store::vault::{Keys, VaultEntry, entries};
use rollbook_core::store::{StoreError, Vault};
use rollbook_engine::setup::files::Secrets;
use rollbook_engine::setup::{Folders, Setup};
use rollbook_http::auth::GrantStore;
use rollbook_http::http::DayCount;

/// Between two looks whether token requests have ended.
const SETTLE_POLL: Duration = Duration::from_millis(200);

/// Where tokens are, and where requests are counted.
pub(super) struct GrantStores {
    pub grants: Arc<dyn GrantStore>,
    pub day_count: Arc<dyn DayCount>,
}

impl GrantStores {
    /// Those of an application that has no source of a cluster: there it may use an access token, and sends no refresh token.
    pub fn of(
        vault: &Arc<Vault>,
        setup: &Setup,
        secrets: &Secrets,
        clock: &Clock,
    ) -> Result<Self, StoreError> {
        #[cfg(not(feature = "postgres"))]
        let _ = (setup, secrets, clock);
        #[cfg(feature = "postgres")]
        if let Some(tokens) = cluster_tokens(setup, secrets, clock)? {
            return Ok(Self {
                day_count: Arc::new(ClusterDays::new(tokens.database())),
                grants: tokens,
            });
        }
        let vault_store = Arc::new(VaultStore::new(Arc::clone(vault)));
        Ok(Self {
            grants: vault_store.clone(),
            day_count: vault_store,
        })
    }
}

/// The tokens for a command that opens no mirror: a sign-in, on any host of a cluster. Called in a runtime.
///
/// # Errors
/// If the vault cannot be used, or the address of the cluster's database cannot be had.
pub(super) fn grants_of_command(
    (folders, setup): (&Folders, &Setup),
    vault_keys: Keys,
    (secrets, clock): (&Secrets, &Clock),
) -> Result<Arc<dyn GrantStore>, StoreError> {
    #[cfg(not(feature = "postgres"))]
    let _ = (secrets, clock);
    #[cfg(feature = "postgres")]
    if let Some(tokens) = cluster_tokens(setup, secrets, clock)? {
        return Ok(tokens);
    }
    let vault = Vault::open(&folders.vault(setup), vault_keys)?;
    Ok(Arc::new(VaultStore::new(Arc::new(vault))))
}

/// What is kept of the sign-in of each source, without a secret: in a cluster that of its database. Needs no key.
///
/// # Errors
/// If the vault or the database cannot be read.
pub async fn token_entries(
    (folders, setup): (&Folders, &Setup),
    (secrets, clock): (&Secrets, &Clock),
) -> Result<Vec<VaultEntry>, StoreError> {
    #[cfg(not(feature = "postgres"))]
    let _ = (secrets, clock);
    #[cfg(feature = "postgres")]
    if let Some(tokens) = cluster_tokens(setup, secrets, clock)? {
        let found = tokens.entries().await;
        return found.map_err(|error| StoreError::Shut {
            problem: format!("could not read the tokens from the cluster's database: {error}"),
        });
    }
    entries(&folders.vault(setup))
}

#[cfg(feature = "postgres")]
fn cluster_tokens(
    setup: &Setup,
    secrets: &Secrets,
    clock: &Clock,
) -> Result<Option<Arc<ClusterTokens>>, StoreError> {
    let Some(config) = &setup.config.cluster else {
        return Ok(None);
    };
    let database = ClusterDatabase::new(config, secrets);
    let database = database.map_err(|error| StoreError::Shut {
        problem: format!("tokens are in the cluster's database: {error}"),
    })?;
    let keys = keys(&setup.config.store, secrets).unwrap_or(Keys::None);
    Ok(Some(ClusterTokens::of_command(
        Arc::new(database),
        keys,
        clock.clone(),
    )))
}

impl App {
    /// Whether a token request is under way, or what one has brought is not stored yet.
    pub fn has_token_request(&self) -> bool {
        !self.grants.is_settled()
    }

    /// Waits until no token request is under way and all that one has brought is stored, or until this time has passed. A process
    /// that ends sooner may lose a refresh token (cluster-protocol.md 3 rule 17).
    pub async fn settle_tokens(&self, limit: Duration) -> bool {
        let end = self.clock.running().saturating_add(limit);
        let mut is_reported = false;
        while self.has_token_request() {
            if self.clock.running() >= end {
                tracing::warn!(
                    "a token request has not ended; if its answer is lost, the source may need a sign-in"
                );
                return false;
            }
            if !std::mem::replace(&mut is_reported, true) {
                let limit = limit.as_secs();
                tracing::info!("waiting for the answer to a token request, for {limit} s at most");
            }
            self.clock.sleep(SETTLE_POLL).await;
        }
        true
    }
}
