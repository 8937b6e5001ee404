//! Revokes a sign-in at the vendor (RFC 7009): one POST, when a person signs out.
//!
//! The only request with a token that does not read. It is sent only to the server that issued the token,
//! even after the configuration has changed.

use std::time::Duration;

use reqwest::Url;
use secrecy::ExposeSecret as _;

use super::rotation::ChainOrigin;
use super::token_form::authenticated;
use super::token_request::Endpoint;
use super::token_source::{TokenRules, TokenSource};
use crate::http::classify::is_transient;
use crate::http::error::{HttpError, HttpErrorKind};
use crate::http::rules::must_be_safe;
use rollbook_core::clock::Clock;
use rollbook_core::model::{KeptGrant, TokenBody};

/// The result of a revocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// This host has revoked it.
    Done(String),
    /// No revocation endpoint is known.
    NoEndpoint,
    /// The kept tokens were issued by another server, or to another client, than the configured one, so they were not sent.
    Elsewhere,
}

/// Revokes the kept refresh token, and with it every token that descends from it; without one, the access token.
///
/// # Errors
/// When the vendor does not respond, or refuses.
pub async fn revoke(
    rules: &TokenRules,
    kept: &KeptGrant,
    clock: &Clock,
) -> Result<Revocation, HttpError> {
    let step = || format!("revoke the sign-in of {}", rules.source);
    let token_source = TokenSource::of(rules).map_err(|kind| kind.at(step(), ""))?;
    let (endpoint, origin) = match &token_source {
        TokenSource::Refresh(endpoint, seed) => (endpoint, ChainOrigin::Seed(seed.as_ref())),
        TokenSource::SignedIn(endpoint, _) => (endpoint, ChainOrigin::SignIn),
        TokenSource::Key(_)
        | TokenSource::Client(_)
        | TokenSource::Assertion(..)
        | TokenSource::Password(..) => return Ok(Revocation::Elsewhere),
    };
    if !origin.is_of(kept, endpoint) {
        return Ok(Revocation::Elsewhere);
    }
    let failed = |kind: HttpErrorKind| kind.at(step(), &endpoint.host);
    let Some(url) = endpoint.revocation_endpoint(clock).await.map_err(failed)? else {
        return Ok(Revocation::NoEndpoint);
    };
    endpoint.revoke(&url, kept).await.map_err(failed)?;
    Ok(Revocation::Done(endpoint.host.clone()))
}

impl Endpoint {
    async fn revocation_endpoint(&self, clock: &Clock) -> Result<Option<Url>, HttpErrorKind> {
        match (&self.spec.revocation_url, self.discovery()) {
            (Some(url), _) => {
                must_be_safe(url, "revocation_url")?;
                Ok(Some(url.clone()))
            }
            (None, Some(discovery)) => Ok(discovery.metadata(clock).await?.revocation_url.clone()),
            (None, None) => Ok(None),
        }
    }

    /// One POST; a vendor also returns 200 for a token that it no longer knows (RFC 7009 2.2).
    async fn revoke(&self, url: &Url, kept: &KeptGrant) -> Result<(), HttpErrorKind> {
        let access = kept.access.as_ref().map(|access| &access.token);
        let (token, hint) = match (&kept.refresh_token, access) {
            (refresh, Some(access)) if refresh.expose_secret().is_empty() => {
                (access, "access_token")
            }
            (refresh, _) => (refresh, "refresh_token"),
        };
        let form = vec![("token", token.expose_secret()), ("token_type_hint", hint)];
        let (headers, content) = authenticated(&self.spec, form, TokenBody::Form)?;
        let (status, ..) = self
            .send(url, headers, content, None, Duration::ZERO)
            .await?;
        match status {
            200..=299 => Ok(()),
            status if is_transient(status) => Err(HttpErrorKind::Unavailable(status, None)),
            status => Err(HttpErrorKind::HttpStatus(status)),
        }
    }
}
