//! Signing in to a source by browser: everything around an [`Attempt`] except the terminal.
//!
//! Opens the vault and not the mirror, so it works while the daemon runs; the daemon detects the new grant in the vault. In a
//! cluster it works on any host.

use std::sync::Arc;

use super::grant_builder::{Browser, GrantBuilder};
use super::grant_stores::grants_of_command;
use super::sources::route;
use super::vault_store::keys;
use rollbook_core::clock::Clock;
use rollbook_core::document::suggest::advice;
use rollbook_core::model::{GrantKind, KeptGrant, SourceName};
use rollbook_core::store::StoreError;
use rollbook_core::store::vault::Keys;
use rollbook_engine::setup::files::Secrets;
use rollbook_engine::setup::{Folders, Setup, SourceSetup};
use rollbook_http::auth::{
    Attempt, AuthorizationCode, GrantStore, Listener, LoginRules, Redirect, SignedIn,
};
use rollbook_http::http::Timeouts;

/// The loopback port in the redirect URL of a pasted sign-in, if none is registered; nothing listens there.
const PASTE_PORT: u16 = 8765;

/// A source that supports sign-in by browser, with the vault open.
pub struct Login {
    rules: LoginRules,
    registered: Option<Redirect>,
    grants: Arc<dyn GrantStore>,
    clock: Clock,
}

/// Why a sign-in failed; a message.
#[derive(Debug)]
pub enum LoginError {
    /// The source does not support it.
    Usage(String),
    /// A secret is missing, or a URL is wrong.
    Setup(String),
    /// The vault cannot be used.
    Vault(StoreError),
    /// The sign-in itself failed, or its token could not be stored.
    Failed(String),
}

impl Login {
    /// Prepares the sign-in; sends nothing.
    ///
    /// # Errors
    /// If the source has no such grant, or a secret or the vault cannot be used.
    pub fn of(
        (folders, setup): (&Folders, &Setup),
        name: &SourceName,
        secrets: &Secrets,
        clock: Clock,
    ) -> Result<Self, LoginError> {
        let source = find(setup, name)?;
        let auth = source.config.auth.as_ref();
        let auth = match auth {
            Some(auth) if auth.grant == GrantKind::AuthorizationCode => auth,
            Some(auth) => return Err(LoginError::Usage(other_grant(name, source, auth.grant))),
            None => {
                let message =
                    format!("{name} needs no sign-in: its connector uses no authentication");
                return Err(LoginError::Usage(message));
            }
        };
        let builder = GrantBuilder {
            source,
            auth,
            secrets,
        };
        let browser = builder.browser().map_err(LoginError::Setup)?;
        let keys = keys(&setup.config.store, secrets).map_err(LoginError::Vault)?;
        if let Keys::Missing(why) = &keys {
            let message = format!("the vault cannot store a token without its key: {why}");
            return Err(LoginError::Setup(message));
        }
        let grants = grants_of_command((folders, setup), keys, (secrets, &clock));
        let grants = grants.map_err(LoginError::Vault)?;
        let rules = rules(name, source, &browser, folders, secrets).map_err(LoginError::Setup)?;
        Ok(Self {
            rules,
            registered: browser.redirect,
            grants,
            clock,
        })
    }

    /// An attempt for which a person pastes the redirect URL.
    ///
    /// # Errors
    /// If a URL is wrong, or the issuer's metadata cannot be fetched or is invalid.
    pub async fn by_paste(&self, port: Option<u16>) -> Result<Attempt, LoginError> {
        let redirect = match (&self.registered, port) {
            (Some(_), Some(_)) => return Err(two_ports()),
            (Some(registered), None) => registered.clone(),
            (None, port) => {
                Redirect::on_loopback(port.unwrap_or(PASTE_PORT)).map_err(LoginError::Setup)?
            }
        };
        self.attempt(redirect).await
    }

    /// An attempt with a listener on loopback for the redirect; it is bound already.
    ///
    /// # Errors
    /// If the registered redirect URL is on another machine, the port is taken, or a URL is wrong.
    pub async fn by_listener(&self, port: Option<u16>) -> Result<(Attempt, Listener), LoginError> {
        if let (Some(_), Some(_)) = (&self.registered, port) {
            return Err(two_ports());
        }
        let listener = Listener::bind(self.registered.as_ref(), port);
        let listener = listener.await.map_err(LoginError::Setup)?;
        let attempt = self.attempt(listener.redirect().clone()).await?;
        Ok((attempt, listener))
    }

    /// Waits for the redirect of the browser.
    ///
    /// # Errors
    /// If the vendor denied the sign-in, or on timeout.
    pub async fn wait(
        &self,
        attempt: &Attempt,
        listener: Listener,
    ) -> Result<AuthorizationCode, LoginError> {
        let waited = listener.wait(attempt, &self.clock).await;
        waited.map_err(|error| LoginError::Failed(error.to_string()))
    }

    async fn attempt(&self, redirect: Redirect) -> Result<Attempt, LoginError> {
        let attempt = Attempt::begin(&self.rules, redirect, &self.clock).await;
        attempt.map_err(|error| LoginError::Setup(error.to_string()))
    }

    /// Exchanges the code and stores the grant, in one transaction of the vault.
    ///
    /// # Errors
    /// If the vendor refuses the code, or the grant cannot be stored.
    pub async fn finish(
        &self,
        attempt: Attempt,
        code: &AuthorizationCode,
    ) -> Result<SignedIn, LoginError> {
        let failed = |error: rollbook_http::http::HttpError| LoginError::Failed(error.to_string());
        let signed_in = attempt.redeem(code, &self.clock).await.map_err(failed)?;
        self.keep(signed_in.grant.clone()).await?;
        Ok(signed_in)
    }

    /// Waits for a refresh in another process, so that neither overwrites the other.
    async fn keep(&self, grant: KeptGrant) -> Result<(), LoginError> {
        let (grants, source) = (Arc::clone(&self.grants), self.rules.source.clone());
        let stored = tokio::task::spawn_blocking(move || {
            let _lock = grants.lock(&source)?;
            grants.sign_in(&source, &grant)
        });
        let not_stored = |reason: String| {
            LoginError::Failed(format!(
                "the vendor issued a token, but it could not be stored: {reason}; fix that and sign in again"
            ))
        };
        match stored.await {
            Ok(kept) => kept.map_err(|error| not_stored(error.reason)),
            Err(_) => Err(not_stored("internal error (panic)".into())),
        }
    }

    /// The client id, which is public.
    pub fn client_id(&self) -> &str {
        &self.rules.spec.client_id
    }
}

fn find<'a>(setup: &'a Setup, name: &SourceName) -> Result<&'a SourceSetup, LoginError> {
    setup.sources.get(name).ok_or_else(|| {
        let known = setup.sources.keys().map(|name| name.as_str());
        LoginError::Usage(format!(
            "there is no source `{name}`: {}",
            advice(name.as_str(), known)
        ))
    })
}

/// Why a source with another grant has no sign-in by browser, and what to do.
fn other_grant(name: &SourceName, source: &SourceSetup, grant: GrantKind) -> String {
    let message = format!("{name} uses the grant `{grant}`, which needs no person");
    match &source.connector.auth.authorization_code {
        Some(_) => format!(
            "{message}; to sign in as a person, write `grant = \"authorization_code\"` in [sources.{name}.auth]"
        ),
        None => format!(
            "{message}; {} offers no sign-in by browser",
            source.connector.title
        ),
    }
}

fn two_ports() -> LoginError {
    LoginError::Usage("redirect_url contains the port; omit --port, or change redirect_url".into())
}

fn rules(
    name: &SourceName,
    source: &SourceSetup,
    browser: &Browser,
    folders: &Folders,
    secrets: &Secrets,
) -> Result<LoginRules, String> {
    Ok(LoginRules {
        source: name.clone(),
        spec: browser.spec.clone(),
        authorize_url: browser.authorize_url.clone(),
        timeouts: Timeouts::default(),
        route: route(&source.config, secrets, &folders.config)?,
    })
}
