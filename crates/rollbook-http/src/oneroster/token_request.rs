//! `POST /token`: client credentials for a token (RFC 6749 4.4, 5).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hyper::StatusCode;
use hyper::header;
use secrecy::zeroize::Zeroizing;

use super::access::{AccessKey, RosterAccess, TOKEN_LIFE};
use super::client_secret::ClientSecretHash;
use super::config::OneRosterConfig;
use super::parameters::decoded;
use super::scope::RosterScopes;
use crate::http_server::reply::HttpReply;

const JSON: &str = "application/json";

/// Why there is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    /// A parameter is missing, there twice, or not encoded.
    InvalidRequest,
    /// The client is unknown, or its secret wrong.
    InvalidClient,
    /// Another grant.
    UnsupportedGrantType,
    /// A scope that the client does not have.
    InvalidScope,
}

impl TokenFault {
    /// RFC 6749 5.2.
    pub fn reply(self) -> HttpReply {
        let (status, error) = match self {
            Self::InvalidRequest => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::InvalidClient => (StatusCode::UNAUTHORIZED, "invalid_client"),
            Self::UnsupportedGrantType => (StatusCode::BAD_REQUEST, "unsupported_grant_type"),
            Self::InvalidScope => (StatusCode::BAD_REQUEST, "invalid_scope"),
        };
        let body = serde_json::json!({"error": error}).to_string();
        let reply = HttpReply::new(status, JSON, body).with(header::PRAGMA, "no-cache");
        match self {
            Self::InvalidClient => reply.with(header::WWW_AUTHENTICATE, "Basic realm=\"Rollbook\""),
            _ => reply,
        }
    }
}

/// The parameters of a form, each once.
struct TokenForm(Vec<(String, Zeroizing<String>)>);

impl TokenForm {
    fn of(body: &[u8]) -> Result<Self, TokenFault> {
        let text = std::str::from_utf8(body).map_err(|_| TokenFault::InvalidRequest)?;
        let mut parameters: Vec<(String, Zeroizing<String>)> = Vec::new();
        for part in text.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let name = decoded(name, true).ok_or(TokenFault::InvalidRequest)?;
            let value = decoded(value, true).ok_or(TokenFault::InvalidRequest)?;
            if parameters.iter().any(|(known, _)| *known == name) {
                return Err(TokenFault::InvalidRequest);
            }
            parameters.push((name, value.into()));
        }
        Ok(Self(parameters))
    }

    /// A parameter without a value is as if it were not there (RFC 6749 3.2).
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }
}

/// The clients that may ask.
pub struct TokenIssuer {
    clients: Vec<(String, ClientSecretHash, RosterScopes)>,
    key: AccessKey,
}

impl TokenIssuer {
    /// For these clients.
    pub fn new(config: &OneRosterConfig, key: AccessKey) -> Self {
        let clients = config.clients.iter().map(|(name, client)| {
            let scopes = RosterScopes::of(client.scopes.iter().copied());
            (name.to_string(), client.secret_sha256.clone(), scopes)
        });
        Self {
            clients: clients.collect(),
            key,
        }
    }

    /// The key of the tokens.
    pub fn key(&self) -> &AccessKey {
        &self.key
    }

    /// Answers a request.
    pub fn issue(
        &self,
        authorization: Option<&[u8]>,
        body: &[u8],
        now: std::time::Duration,
    ) -> Result<HttpReply, TokenFault> {
        let form = TokenForm::of(body)?;
        let basic = match authorization {
            Some(header) => Some(basic(header).ok_or(TokenFault::InvalidClient)?),
            None => None,
        };
        let (id, secret) = match (&basic, form.get("client_id"), form.get("client_secret")) {
            (Some(_), _, Some(_)) => return Err(TokenFault::InvalidRequest), // one way only (RFC 6749 2.3)
            (Some((id, _)), Some(other), None) if id != other => {
                return Err(TokenFault::InvalidRequest);
            }
            (Some((id, secret)), _, None) => (id.as_str(), secret.as_str()),
            (None, Some(id), Some(secret)) => (id, secret),
            (None, ..) => return Err(TokenFault::InvalidClient),
        };
        let client = self.clients.iter().find(|(name, ..)| name == id);
        // An unknown client takes as long as a wrong secret.
        let no_client = ClientSecretHash::of("");
        let hash = client.map_or(&no_client, |(_, hash, _)| hash);
        let is_right = hash.is_of(secret) && !secret.is_empty();
        let Some((name, _, held)) = client.filter(|_| is_right) else {
            return Err(TokenFault::InvalidClient);
        };
        match form.get("grant_type") {
            Some("client_credentials") => {}
            Some(_) => return Err(TokenFault::UnsupportedGrantType),
            None => return Err(TokenFault::InvalidRequest),
        }
        let scopes = match form.get("scope") {
            None => *held,
            Some(names) => {
                // Programs ask for scopes of other services too (oneroster-service.md 9).
                let known = names
                    .split_ascii_whitespace()
                    .filter_map(|name| name.parse().ok());
                let granted = held.both(RosterScopes::of(known));
                let is_some = granted != RosterScopes::default();
                is_some.then_some(granted).ok_or(TokenFault::InvalidScope)?
            }
        };
        let access = RosterAccess {
            client: name.clone(),
            scopes,
        };
        let body = serde_json::json!({
            "access_token": self.key.token(&access, now),
            "token_type": "Bearer",
            "expires_in": TOKEN_LIFE.as_secs(),
            "scope": scopes.names(),
        });
        let reply = HttpReply::new(StatusCode::OK, JSON, body.to_string());
        Ok(reply.with(header::PRAGMA, "no-cache"))
    }
}

/// Client id and secret of a header, each encoded as in a form (RFC 6749 2.3.1).
fn basic(header: &[u8]) -> Option<(String, Zeroizing<String>)> {
    let at = header.iter().position(|byte| *byte == b' ')?;
    let (scheme, value) = header.split_at(at);
    scheme.eq_ignore_ascii_case(b"basic").then_some(())?;
    let pair = Zeroizing::new(BASE64_STANDARD.decode(value.trim_ascii()).ok()?);
    let (id, secret) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
    Some((decoded(id, true)?, decoded(secret, true)?.into()))
}

#[cfg(test)]
mod tests;
