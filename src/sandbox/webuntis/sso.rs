//! Tokens and discovery: WebUntis's single sign-on (1.2, 1.3) and the plain standard's endpoint.

use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode};
use serde_json::{Value, json};

use super::WebUntis;
use super::switches::{ExpiresIn, TokenRefusal};
use crate::sandbox::query::{basic, pairs, percent_decoded, value};
use crate::sandbox::tamper::answer;
use crate::sandbox::tokens::Holder;

/// Client id that every vendor accepts.
pub(super) const CLIENT: &str = "rollbook";
/// What the plain standard takes as the client's secret.
pub(super) const STANDARD_SECRET: &str = "standard-secret-of-the-sandbox";
/// Life of a token of the plain standard, in seconds.
const STANDARD_SECONDS: u64 = 3600;

/// The platform-generated password of a tenant; the OIDC secret is another text and refused.
pub(super) fn password(tenant: &str) -> String {
    format!("q1V9-Zebra-77x-{tenant}")
}

impl WebUntis {
    /// `POST /WebUntis/api/sso/v3/{tenant}/token`.
    pub(super) fn untis_token(
        &self,
        tenant: &str,
        query: &str,
        headers: &HeaderMap,
        body: &str,
    ) -> Response<Body> {
        if !super::TENANTS.contains(&tenant) {
            let status =
                StatusCode::from_u16(self.switches.unknown_tenant).unwrap_or(StatusCode::NOT_FOUND);
            return refused(status, "invalid_client");
        }
        let (body, query) = (pairs(body), pairs(query));
        let in_body = value(&body, "grant_type");
        let in_query = value(&query, "grant_type").filter(|_| !self.switches.token_needs_body);
        match in_body.or(in_query) {
            Some("client_credentials") => {}
            Some(_) => return refused(StatusCode::BAD_REQUEST, "unsupported_grant_type"),
            None => return refused(StatusCode::BAD_REQUEST, "invalid_request"),
        }
        let expected = password(tenant);
        let right = basic(headers).is_some_and(|(client, secret)| {
            percent_decoded(&client) == CLIENT
                && (secret == expected || percent_decoded(&secret) == expected)
        });
        if !right {
            return match self.switches.token_refusal {
                TokenRefusal::InvalidClient => refused(StatusCode::UNAUTHORIZED, "invalid_client"),
                TokenRefusal::InvalidGrant => refused(StatusCode::BAD_REQUEST, "invalid_grant"),
            };
        }
        self.grant(&format!("untis/{tenant}"), self.switches.token_seconds)
    }

    /// `POST /standard/token`: client credentials by Basic or in the body.
    pub(super) fn standard_token(&self, headers: &HeaderMap, body: &str) -> Response<Body> {
        let body = pairs(body);
        if value(&body, "grant_type") != Some("client_credentials") {
            return refused(StatusCode::BAD_REQUEST, "unsupported_grant_type");
        }
        let in_body = || {
            Some((
                value(&body, "client_id")?.to_owned(),
                value(&body, "client_secret")?.to_owned(),
            ))
        };
        match basic(headers).or_else(in_body) {
            Some((client, secret))
                if client == CLIENT && percent_decoded(&secret) == STANDARD_SECRET =>
            {
                self.grant("standard", STANDARD_SECONDS)
            }
            _ => refused(StatusCode::UNAUTHORIZED, "invalid_client"),
        }
    }

    fn grant(&self, realm: &str, seconds: u64) -> Response<Body> {
        let token = self.control.tokens.issue(
            Holder {
                realm: realm.to_owned(),
                user: None,
            },
            seconds,
        );
        let mut body =
            json!({ "access_token": token, "token_type": "Bearer", "expires_in": seconds });
        match self.switches.expires_in {
            ExpiresIn::Number => {}
            ExpiresIn::Text => body["expires_in"] = json!(seconds.to_string()),
            ExpiresIn::Missing => body["expires_in"] = Value::Null,
        }
        if let Some(members) = body.as_object_mut() {
            members.retain(|_, value| !value.is_null());
        }
        answer(StatusCode::OK, "application/json", body.to_string())
    }

    /// `GET /WebUntis/api/sso/v3/{tenant}/.well-known/openid-configuration`, without authentication.
    pub(super) fn discovery(&self, origin: &str, tenant: &str) -> Response<Body> {
        let base = format!("{origin}/WebUntis/api/sso/v3/{tenant}");
        let body = json!({
            "issuer": base, "authorization_endpoint": format!("{base}/authorize"),
            "token_endpoint": format!("{base}/token"), "jwks_uri": format!("{base}/jwks"),
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        });
        answer(StatusCode::OK, "application/json", body.to_string())
    }
}

fn refused(status: StatusCode, error: &str) -> Response<Body> {
    let body = json!({ "error": error, "error_description": "client authentication failed" });
    answer(status, "application/json", body.to_string())
}
