//! The authorization server: password, client credentials and a refresh token that rotates
//! (`wapi.md` 2).
//!
//! The current refresh token is noted on disk, so it survives a restart as it does at the vendor.
//! Client credentials count only in the body; HTTP Basic is refused.

use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode};
use serde_json::json;

use super::Wapi;
use super::switches::{PasswordGrant, Rotation};
use crate::sandbox::query::{basic, pairs, value};
use crate::sandbox::tamper::{LoseAnswer, answer};
use crate::sandbox::tokens::Holder;

pub(super) const CLIENT: &str = "rollbook";
pub(super) const CLIENT_SECRET: &str = "wapi-client-secret-of-the-sandbox";
pub(super) const USER: &str = "mirror";
pub(super) const PASSWORD: &str = "wapi-password-of-the-sandbox";
/// The one scope there is (A3).
const SCOPE: &str = "https://api.wit-datacenter.com";
/// Where the current and the spent refresh token are noted.
const CURRENT: &str = "wapi.refresh";
const SPENT: &str = "wapi.spent";

impl Wapi {
    /// `POST /OAuth/token`.
    pub(super) fn token(&self, origin: &str, headers: &HeaderMap, body: &str) -> Response<Body> {
        let form = pairs(body);
        let field = |name| value(&form, name);
        let known =
            field("client_id") == Some(CLIENT) && field("client_secret") == Some(CLIENT_SECRET);
        if basic(headers).is_some() || !known {
            return refused(
                "invalid_client",
                "send client_id and client_secret in the body",
            );
        }
        if field("scope")
            .is_some_and(|scope| !scope.is_empty() && scope != SCOPE && scope != origin)
        {
            return refused("invalid_scope", "unknown scope");
        }
        match field("grant_type") {
            Some("password") if self.switches.password_grant == PasswordGrant::Unauthorized => {
                refused(
                    "unauthorized_client",
                    "this App may not use the password grant",
                )
            }
            Some("password")
                if field("username") == Some(USER) && field("password") == Some(PASSWORD) =>
            {
                let refresh = self.new_refresh();
                self.grant(Some(USER), Some(refresh))
            }
            Some("password") => refused("invalid_grant", "wrong user name or password"),
            Some("client_credentials") => {
                let refresh = self.switches.client_refresh.then(|| self.new_refresh());
                self.grant(None, refresh)
            }
            Some("refresh_token") => self.refresh(field("refresh_token").unwrap_or_default()),
            _ => refused("unsupported_grant_type", "unknown grant type"),
        }
    }

    fn refresh(&self, presented: &str) -> Response<Body> {
        let shared = &self.shared;
        if presented.is_empty()
            || shared.note(CURRENT).as_deref() != Some(presented)
            || self.refresh_too_old()
        {
            if self.switches.rotation == Rotation::Family
                && shared.note(SPENT).as_deref() == Some(presented)
            {
                shared.set_note(CURRENT, "");
                self.control.tokens.revoke_all();
            }
            return refused("invalid_grant", "the refresh token is not valid");
        }
        let refresh = match self.switches.rotation {
            Rotation::Keep => presented.to_owned(),
            Rotation::Rotate | Rotation::Family => {
                shared.set_note(SPENT, presented);
                self.new_refresh()
            }
        };
        let mut response = self.grant(Some(USER), Some(refresh));
        let lost = self
            .refreshes_lost
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if lost < self.switches.refresh_lost {
            response.extensions_mut().insert(LoseAnswer);
        }
        response
    }

    fn refresh_too_old(&self) -> bool {
        let issued = self.refresh_issued.lock().ok().and_then(|issued| *issued);
        let age = self
            .control
            .clock
            .now()
            .saturating_sub(issued.unwrap_or_default());
        self.switches
            .refresh_seconds
            .is_some_and(|seconds| age.as_secs() >= seconds)
    }

    fn new_refresh(&self) -> String {
        // Tokens are opaque and may hold such letters; a client that parses or trims them fails here.
        let text = format!("{}!IAAAA-_", self.control.tokens.fresh_text());
        self.shared.set_note(CURRENT, &text);
        if let Ok(mut issued) = self.refresh_issued.lock() {
            *issued = Some(self.control.clock.now());
        }
        text
    }

    fn grant(&self, user: Option<&str>, refresh: Option<String>) -> Response<Body> {
        let holder = Holder {
            realm: "wapi".to_owned(),
            user: user.map(str::to_owned),
        };
        let seconds = self.switches.token_seconds;
        let mut body = json!({
            "access_token": self.control.tokens.issue(holder, seconds), "token_type": "bearer",
            "expires_in": seconds, "scope": SCOPE,
        });
        if let Some(refresh) = refresh {
            body["refresh_token"] = json!(refresh);
        }
        answer(StatusCode::OK, "application/json", body.to_string())
    }
}

fn refused(error: &str, text: &str) -> Response<Body> {
    let body = json!({ "error": error, "error_description": text });
    answer(
        StatusCode::BAD_REQUEST,
        "application/json",
        body.to_string(),
    )
}
