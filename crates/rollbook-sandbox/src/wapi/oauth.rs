//! The authorization server: rules, and the grants that only WAPI has (wapi.md 2).
//!
//! Client credentials are accepted in the body only; HTTP Basic is refused.

use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode};

use super::Wapi;
use super::switches::PasswordGrant;
use crate::authorization::switches::{ClientAuth, Pkce};
use crate::authorization::{
    Authorization, Client, IssuedTokens, Login, OTHER_CLIENT, PostRequest, RedirectRule, Rules,
    TokenError, TokenRequest, origin,
};
use crate::tokens::Holder;

pub(super) const CLIENT: &str = "rollbook";
pub(super) const CLIENT_SECRET: &str = "wapi-client-secret-of-the-sandbox";
pub(super) const USER: &str = "mirror";
pub(super) const PASSWORD: &str = "wapi-password-of-the-sandbox";
/// The registered callback; any other URL of its domain is accepted (wapi.md 2.1).
const REDIRECT_URL: &str = "http://127.0.0.1:8911/callback";
/// The only scope (wapi.md 12 A3).
const SCOPE: &str = "https://api.wit-datacenter.com";

/// What a browser login needs; there is no metadata document.
pub(super) fn login(origin: &str) -> Login {
    Login {
        issuer: origin.to_owned(),
        metadata_url: None,
        authorize_url: format!("{origin}/OAuth/authorize"),
        token_url: format!("{origin}/OAuth/token"),
        client_id: CLIENT.to_owned(),
        client_secret: "wapi_client_secret".to_owned(),
        redirect_url: REDIRECT_URL.to_owned(),
        scope: SCOPE.to_owned(),
    }
}

impl Wapi {
    /// Handles a path of the authorization server; none for other paths.
    pub(super) fn authorization(
        &self,
        method: &str,
        path: &str,
        query: &str,
        headers: &HeaderMap,
        body: &str,
    ) -> Option<Response<Body>> {
        let server = &self.control.authorization;
        let rules = self.rules(&origin(headers));
        let posted = PostRequest {
            path,
            headers,
            body,
        };
        Some(match (method, path.to_ascii_lowercase().as_str()) {
            ("GET", "/oauth/authorize") => server.authorize(&rules, path, query, Some(implicit)),
            ("POST", "/oauth/token") => {
                server.token(&rules, posted, |request| self.token(&rules, request))
            }
            ("POST", "/oauth/revoke") if server.switches().revocation => {
                server.revocation(&rules, posted)
            }
            _ => return None,
        })
    }

    fn rules(&self, origin: &str) -> Rules {
        let client = |id, secret: &str| Client {
            id,
            secret: secret.to_owned(),
        };
        Rules {
            issuer: origin.to_owned(),
            clients: vec![
                client(CLIENT, CLIENT_SECRET),
                client(OTHER_CLIENT, "wapi-secret-of-another-app"),
            ],
            client_auth: ClientAuth::Post,
            // wapi.md 12 A8: every refusal is a 400.
            client_refused: StatusCode::BAD_REQUEST,
            redirect: RedirectRule::Domain,
            redirect_url: REDIRECT_URL,
            redirect_refused: "invalid_request",
            repeats_redirect: true,
            pkce: Pkce::Optional,
            scopes: vec![SCOPE.to_owned()],
            default_scope: Some(SCOPE),
            holder: holder(Some(USER)),
            seconds: self.switches.token_seconds,
            token_type: "bearer",
            refresh: true,
            // One access token per person and App (wapi.md 2.1): a new grant ends the previous refresh token.
            one_grant: true,
        }
    }

    fn token(&self, rules: &Rules, request: &TokenRequest) -> Result<IssuedTokens, TokenError> {
        let server = &self.control.authorization;
        let client = server.client(rules, request)?;
        match request.field("grant_type") {
            Some("authorization_code") => server.redeem(rules, client, request),
            Some("refresh_token") => server.refresh(rules, client, request),
            Some("password") => self.password(rules, client, request),
            Some("client_credentials") => {
                let holder = scoped(rules, server, request, holder(None))?;
                if self.switches.client_refresh {
                    return Ok(server.begin(rules, client, holder, true).1);
                }
                Ok(server.issue_without_grant(holder, rules.seconds))
            }
            other => Err(TokenError::grant_type(other)),
        }
    }

    fn password(
        &self,
        rules: &Rules,
        client: &str,
        request: &TokenRequest,
    ) -> Result<IssuedTokens, TokenError> {
        if self.switches.password_grant == PasswordGrant::Unauthorized {
            return Err(TokenError::new(
                "unauthorized_client",
                "this App may not use the password grant",
            ));
        }
        let right =
            request.field("username") == Some(USER) && request.field("password") == Some(PASSWORD);
        if !right {
            return Err(TokenError::grant("wrong user name or password"));
        }
        let server = &self.control.authorization;
        let holder = scoped(rules, server, request, holder(Some(USER)))?;
        Ok(server.begin(rules, client, holder, true).1)
    }
}

fn holder(user: Option<&str>) -> Holder {
    Holder {
        realm: "wapi".to_owned(),
        user: user.map(str::to_owned),
        scope: String::new(),
    }
}

/// The holder with the requested scope; a request without one means the only scope (wapi.md 12 A3).
fn scoped(
    rules: &Rules,
    server: &Authorization,
    request: &TokenRequest,
    holder: Holder,
) -> Result<Holder, TokenError> {
    rules
        .granted(&server.switches(), request.field("scope"))
        .map(|scope| Holder { scope, ..holder })
        .ok_or_else(|| TokenError::new("invalid_scope", "unknown scope"))
}

/// The implicit workflow: a token in the query string, where the RFC requires the fragment, and never a
/// refresh token (wapi.md 2.3).
fn implicit(server: &Authorization, rules: &Rules, holder: Holder) -> Vec<(&'static str, String)> {
    let granted = server.issue_without_grant(holder, rules.seconds);
    vec![
        ("access_token", granted.access),
        ("expires_in", granted.seconds.to_string()),
        ("scope", granted.scope),
    ]
}
