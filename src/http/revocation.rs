//! Giving a sign-in back to the vendor (RFC 7009): one POST, when a person signs out.
//!
//! The only request with a token that is not for reading. It goes to the server that gave the token and to no other,
//! whatever the configuration says by then.

use reqwest::Url;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

use super::error::{HttpError, Kind};
use super::grant::{ClientAuth, KeptGrant};
use super::keeper::KeeperRules;
use super::rotation::Root;
use super::rules::must_be_safe;
use super::token_form::{basic, form_encoded};
use super::token_request::Endpoint;
use super::verdict::is_passing;
use super::way::Way;
use crate::clock::Clock;

/// What became of a kept sign-in at the vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// This host has taken it back.
    Done(String),
    /// Nobody says where that could be asked for.
    NoPlace,
    /// The kept tokens came from another server or client than the configured one, so they were not sent.
    Elsewhere,
}

/// Asks the vendor to take back what is kept. The refresh token, with which everything that came from it goes;
/// without one, the access token.
///
/// # Errors
/// When the vendor does not answer, or says no.
pub async fn revoke(
    rules: &KeeperRules,
    kept: &KeptGrant,
    clock: &Clock,
) -> Result<Revocation, HttpError> {
    let step = || format!("revoke the sign-in of {}", rules.source);
    let way = Way::of(rules).map_err(|kind| kind.at(step(), ""))?;
    let (endpoint, root) = match &way {
        Way::Refresh(endpoint, seed) => (endpoint, Root::Seed(seed.as_ref())),
        Way::SignedIn(endpoint, _) => (endpoint, Root::SignIn),
        Way::Key(_) | Way::Client(_) | Way::Password(..) => return Ok(Revocation::Elsewhere),
    };
    if !root.is_of(kept, endpoint) {
        return Ok(Revocation::Elsewhere);
    }
    let failed = |kind: Kind| kind.at(step(), &endpoint.host);
    let Some(place) = endpoint.revocation_place(clock).await.map_err(failed)? else {
        return Ok(Revocation::NoPlace);
    };
    endpoint.revoke(&place, kept).await.map_err(failed)?;
    Ok(Revocation::Done(endpoint.host.clone()))
}

impl Endpoint {
    async fn revocation_place(&self, clock: &Clock) -> Result<Option<Url>, Kind> {
        match (&self.spec.revocation_url, self.discovery()) {
            (Some(place), _) => {
                must_be_safe(place, "revocation_url")?;
                Ok(Some(place.clone()))
            }
            (None, Some(discovery)) => Ok(discovery.metadata(clock).await?.revocation_url.clone()),
            (None, None) => Ok(None),
        }
    }

    /// One POST; a token that the vendor does not know any more is revoked as well (RFC 7009 2.2).
    async fn revoke(&self, place: &Url, kept: &KeptGrant) -> Result<(), Kind> {
        let access = kept.access.as_ref().map(|access| &access.token);
        let (token, hint) = match (&kept.refresh_token, access) {
            (refresh, Some(access)) if refresh.expose_secret().is_empty() => {
                (access, "access_token")
            }
            (refresh, _) => (refresh, "refresh_token"),
        };
        let form = [("token", token.expose_secret()), ("token_type_hint", hint)];
        let (headers, content) = self.proven(&form)?;
        let (status, ..) = self.send(place, headers, content).await?;
        match status {
            200..=299 => Ok(()),
            status if is_passing(status) => Err(Kind::Busy(status, None)),
            status => Err(Kind::Rejected(status)),
        }
    }

    /// A form with what proves the client, in the way of its token requests.
    fn proven(&self, form: &[(&str, &str)]) -> Result<(HeaderMap, Vec<u8>), Kind> {
        let (id, secret) = (&self.spec.client_id, &self.spec.client_secret);
        let mut headers = HeaderMap::new();
        let mut form = form.to_vec();
        match (self.spec.client_auth, secret) {
            (ClientAuth::Basic, Some(secret)) => {
                headers.insert(AUTHORIZATION, basic(id, secret)?);
            }
            (ClientAuth::BasicEncoded, Some(secret)) => {
                let secret = SecretString::from(form_encoded(secret.expose_secret()));
                headers.insert(AUTHORIZATION, basic(&form_encoded(id), &secret)?);
            }
            (ClientAuth::Post, Some(secret)) => {
                form.push(("client_id", id));
                form.push(("client_secret", secret.expose_secret()));
            }
            (_, None) => form.push(("client_id", id)),
        }
        let media = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, media);
        let pairs: Vec<String> = form
            .iter()
            .map(|(name, value)| format!("{name}={}", form_encoded(value)))
            .collect();
        Ok((headers, pairs.join("&").into_bytes()))
    }
}
