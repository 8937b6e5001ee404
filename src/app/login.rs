//! Signing in to a source once: everything around an [`Attempt`] but the person.
//!
//! Opens the vault and not the mirror, so it works while the daemon runs; the daemon finds the new grant in
//! the vault by itself.

use std::sync::Arc;

use super::granting::{Browser, Granting};
use super::keeping::{Keeping, keys};
use super::setup::{Setup, SourceSetup};
use super::sources::route;
use super::{Places, beside};
use crate::clock::Clock;
use crate::config::{Grant, Secrets};
use crate::http::{
    Attempt, Code, GrantVault as _, KeptGrant, Listener, LoginRules, Redirect, SignedIn, Timeouts,
};
use crate::model::nearest::advice;
use crate::store::vault::Keys;
use crate::store::{StoreError, Vault};

/// The port on loopback that a pasted sign-in names where nothing is registered; nobody listens there.
const PASTE_PORT: u16 = 8765;

/// A source that a person can sign in to, with the vault open.
pub struct Login {
    rules: LoginRules,
    registered: Option<Redirect>,
    keeping: Arc<Keeping>,
    clock: Clock,
}

/// Why there can be no sign-in; a sentence.
#[derive(Debug)]
pub enum NoLogin {
    /// The command line names something that cannot be signed in to.
    Usage(String),
    /// A secret is missing, an address is wrong.
    Setup(String),
    /// The vault cannot be used; a token could not be kept.
    Vault(StoreError),
    /// The sign-in came to nothing.
    Failed(String),
}

impl Login {
    /// Makes everything ready, and sends nothing.
    ///
    /// # Errors
    /// When the source has no such grant, or a secret or the vault cannot be used.
    pub fn of(
        (places, setup): (&Places, &Setup),
        name: &str,
        secrets: &Secrets,
        clock: Clock,
    ) -> Result<Self, NoLogin> {
        let source = find(setup, name)?;
        let auth = source.config.auth.as_ref();
        let auth = match auth {
            Some(auth) if auth.grant == Grant::AuthorizationCode => auth,
            Some(auth) => return Err(NoLogin::Usage(no_person(name, source, auth.grant))),
            None => {
                let sentence = format!("{name} needs no sign-in: its vendor asks for none");
                return Err(NoLogin::Usage(sentence));
            }
        };
        let granting = Granting {
            source,
            auth,
            secrets,
        };
        let browser = granting.browser().map_err(NoLogin::Setup)?;
        let mirror = places.mirror(setup);
        let keys = keys(&setup.config.store, secrets).map_err(NoLogin::Vault)?;
        if let Keys::Missing(why) = &keys {
            let sentence = format!("the vault cannot keep a token without its key: {why}");
            return Err(NoLogin::Setup(sentence));
        }
        let vault = Vault::open(beside(&mirror), keys).map_err(NoLogin::Vault)?;
        let rules = rules(name, source, &browser, places).map_err(NoLogin::Setup)?;
        Ok(Self {
            rules,
            registered: browser.redirect,
            keeping: Arc::new(Keeping(Arc::new(vault))),
            clock,
        })
    }

    /// An attempt whose answer a person will paste.
    ///
    /// # Errors
    /// When an address is wrong, or the issuer's document cannot be had or believed.
    pub async fn by_paste(&self, port: Option<u16>) -> Result<Attempt, NoLogin> {
        let redirect = match (&self.registered, port) {
            (Some(_), Some(_)) => return Err(two_ports()),
            (Some(registered), None) => registered.clone(),
            (None, port) => {
                Redirect::on_loopback(port.unwrap_or(PASTE_PORT)).map_err(NoLogin::Setup)?
            }
        };
        self.attempt(redirect).await
    }

    /// An attempt whose answer a listener on loopback takes; it is bound already.
    ///
    /// # Errors
    /// When the browser comes back to another machine, the port is taken, or an address is wrong.
    pub async fn by_listener(&self, port: Option<u16>) -> Result<(Attempt, Listener), NoLogin> {
        if let (Some(_), Some(_)) = (&self.registered, port) {
            return Err(two_ports());
        }
        let listener = Listener::bind(self.registered.as_ref(), port);
        let listener = listener.await.map_err(NoLogin::Setup)?;
        let attempt = self.attempt(listener.redirect().clone()).await?;
        Ok((attempt, listener))
    }

    /// Waits for the browser.
    ///
    /// # Errors
    /// When the vendor said no, or nobody came in time.
    pub async fn wait(&self, attempt: &Attempt, listener: Listener) -> Result<Code, NoLogin> {
        let waited = listener.wait(attempt, &self.clock).await;
        waited.map_err(|error| NoLogin::Failed(error.to_string()))
    }

    async fn attempt(&self, redirect: Redirect) -> Result<Attempt, NoLogin> {
        let attempt = Attempt::begin(&self.rules, redirect, &self.clock).await;
        attempt.map_err(|error| NoLogin::Setup(error.to_string()))
    }

    /// Exchanges the code and keeps what comes, in one transaction of the vault.
    ///
    /// # Errors
    /// When the vendor refuses, or the grant cannot be kept.
    pub async fn finish(&self, attempt: Attempt, code: &Code) -> Result<SignedIn, NoLogin> {
        let failed = |error: crate::http::HttpError| NoLogin::Failed(error.to_string());
        let signed_in = attempt.redeem(code, &self.clock).await.map_err(failed)?;
        self.keep(signed_in.grant.clone()).await?;
        Ok(signed_in)
    }

    /// Waits for a refresh that another process has begun, so that neither overwrites the other.
    async fn keep(&self, grant: KeptGrant) -> Result<(), NoLogin> {
        let (keeping, source) = (Arc::clone(&self.keeping), self.rules.source.clone());
        let kept = tokio::task::spawn_blocking(move || {
            let _lock = keeping.lock(&source)?;
            keeping.keep(&source, &grant)
        });
        let lost = |reason: String| {
            NoLogin::Failed(format!(
                "the vendor gave a token, and it could not be kept: {reason}; put that right and sign in again"
            ))
        };
        match kept.await {
            Ok(kept) => kept.map_err(|error| lost(error.reason)),
            Err(_) => Err(lost("a part of rollbook broke".into())),
        }
    }

    /// The client's public name.
    pub fn client_id(&self) -> &str {
        &self.rules.spec.client_id
    }
}

fn find<'a>(setup: &'a Setup, name: &str) -> Result<&'a SourceSetup, NoLogin> {
    setup.source(name).ok_or_else(|| {
        let known = setup.sources.keys().map(|name| name.as_str());
        NoLogin::Usage(format!(
            "there is no source `{name}`: {}",
            advice(name, known)
        ))
    })
}

/// What to do about a grant that no person signs in for.
fn no_person(name: &str, source: &SourceSetup, grant: Grant) -> String {
    let sentence = format!("{name} signs in by itself, by the grant `{grant}`");
    match &source.description.auth.authorization_code {
        Some(_) => format!(
            "{sentence}; to sign in as a person, write `grant = \"authorization_code\"` in [sources.{name}.auth]"
        ),
        None => format!(
            "{sentence}; {} offers no sign-in by browser",
            source.description.title
        ),
    }
}

fn two_ports() -> NoLogin {
    NoLogin::Usage("redirect_url says the port; leave out --port, or change redirect_url".into())
}

fn rules(
    name: &str,
    source: &SourceSetup,
    browser: &Browser,
    places: &Places,
) -> Result<LoginRules, String> {
    Ok(LoginRules {
        source: name.to_owned(),
        spec: browser.spec.clone(),
        authorize_url: browser.authorize_url.clone(),
        authorize_query: browser.authorize_query.clone(),
        pkce: browser.pkce,
        timeouts: Timeouts::default(),
        route: route(&source.config, &places.config)?,
    })
}
