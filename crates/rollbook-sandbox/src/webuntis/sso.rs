//! Single sign-on: rules, and the server-to-server token (webuntis-oneroster.md 1.2 to 1.5); and the plain standard's endpoint.
//!
//! Two secrets: the password is for client credentials, the OIDC secret for a
//! person's code.

use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode};

use super::WebUntis;
use super::roster::Profile;
use super::switches::TokenRefusal;
use crate::authorization::switches::{ClientAuth, Pkce};
use crate::authorization::{
    Addresses, Client, IssuedTokens, Login, OTHER_CLIENT, PostRequest, RedirectRule, Rules,
    TokenError, TokenRequest, key_set,
};
use crate::fault_responses::build_response;
use crate::query::{basic, pairs, percent_decoded};
use crate::tokens::Holder;

/// The client id at both accounts.
pub(super) const CLIENT: &str = "rollbook";
/// Client secret of the plain standard.
pub(super) const STANDARD_SECRET: &str = "standard-secret-of-the-sandbox";
/// Lifetime of a token of the plain standard, in seconds.
const STANDARD_SECONDS: u64 = 3600;
/// The registered redirect URL; domain and path are compared (webuntis-oneroster.md 1.4).
const REDIRECT_URL: &str = "http://127.0.0.1:8910/callback";
/// Scopes that can be requested (webuntis-oneroster.md 1.5).
const SCOPES: &[&str] = &[
    "openid",
    "roster-core.readonly",
    "untis-profile",
    "https://purl.imsglobal.org/spec/or/v1p1/scope/roster-core.readonly",
];

/// The platform-generated password of a tenant, for client credentials.
pub(super) fn password(tenant: &str) -> String {
    format!("q1V9-Zebra-77x-{tenant}")
}

/// The OIDC secret of a tenant, for codes; it is not accepted as the password.
pub(super) fn oidc_secret(tenant: &str) -> String {
    format!("oidc-Okapi-31k-{tenant}")
}

fn issuer(origin: &str, tenant: &str) -> String {
    format!("{origin}/WebUntis/api/sso/v3/{tenant}")
}

fn addresses(issuer: &str) -> Addresses {
    Addresses {
        metadata: format!("{issuer}/.well-known/openid-configuration"),
        authorize: format!("{issuer}/authorize"),
        token: format!("{issuer}/token"),
        revocation: format!("{issuer}/revoke"),
        keys: Some(format!("{issuer}/jwks")),
    }
}

/// What a browser login needs.
pub(super) fn login(origin: &str, tenant: &str) -> Login {
    let issuer = issuer(origin, tenant);
    let Addresses {
        metadata,
        authorize,
        token,
        ..
    } = addresses(&issuer);
    Login {
        issuer,
        metadata_url: Some(metadata),
        authorize_url: authorize,
        token_url: token,
        client_id: CLIENT.to_owned(),
        client_secret: "webuntis_oidc_secret".to_owned(),
        redirect_url: REDIRECT_URL.to_owned(),
        scope: "openid roster-core.readonly".to_owned(),
    }
}

impl WebUntis {
    /// Handles a path below `/WebUntis/api/sso/v3/{tenant}`; none for unknown paths.
    pub(super) fn sign_on(
        &self,
        method: &str,
        (tenant, rest): (&str, &[&str]),
        origin: &str,
        query: &str,
        posted: PostRequest<'_>,
    ) -> Option<Response<Body>> {
        let server = &self.control.authorization;
        let addresses = addresses(&issuer(origin, tenant));
        if !super::TENANTS.contains(&tenant) {
            let status =
                StatusCode::from_u16(self.switches.unknown_tenant).unwrap_or(StatusCode::NOT_FOUND);
            let body = r#"{"error":"invalid_client"}"#;
            return Some(build_response(status, "application/json", body));
        }
        let rules = self.rules(&issuer(origin, tenant), tenant);
        Some(match (method, rest) {
            ("GET", ["authorize"]) => server.authorize(&rules, posted.path, query, None),
            ("GET", [".well-known", "openid-configuration"]) => server.metadata(&rules, &addresses),
            ("GET", ["jwks"]) => {
                build_response(StatusCode::OK, "application/json", key_set().to_string())
            }
            ("POST", ["token"]) => server.token(&rules, posted, |request| {
                self.untis_token(&rules, tenant, query, posted.headers, request)
            }),
            ("POST", ["revoke"]) if server.switches().revocation => {
                server.revocation(&rules, posted)
            }
            _ => return None,
        })
    }

    fn rules(&self, issuer: &str, tenant: &str) -> Rules {
        let client = |id, secret| Client { id, secret };
        Rules {
            issuer: issuer.to_owned(),
            clients: vec![
                client(CLIENT, oidc_secret(tenant)),
                client(OTHER_CLIENT, format!("another-{}", oidc_secret(tenant))),
            ],
            client_auth: ClientAuth::Post,
            client_refused: match self.switches.token_refusal {
                TokenRefusal::InvalidClient => StatusCode::UNAUTHORIZED,
                TokenRefusal::InvalidGrant => StatusCode::BAD_REQUEST,
            },
            redirect: RedirectRule::DomainAndPath,
            redirect_url: REDIRECT_URL,
            // The vendor's spelling (webuntis-oneroster.md 1.4).
            redirect_refused: "invalid_ressource",
            repeats_redirect: false,
            pkce: Pkce::Optional,
            scopes: SCOPES.iter().map(|scope| (*scope).to_owned()).collect(),
            default_scope: Some("roster-core.readonly"),
            holder: Holder {
                realm: format!("untis/{tenant}"),
                user: self.signed_in_user(tenant),
                scope: String::new(),
            },
            seconds: self.switches.token_seconds,
            token_type: "Bearer",
            // No refresh token is documented (webuntis-oneroster.md 1.2).
            refresh: false,
            one_grant: false,
        }
    }

    /// `sourcedId` of the person who signs in at a tenant: the first teacher of its roster.
    fn signed_in_user(&self, tenant: &str) -> Option<String> {
        let roster = self.roster(tenant, Profile::Untis);
        let mut users = roster.rows.get("users")?.iter();
        let teacher = users.find(|user| user["role"] == "teacher")?;
        teacher["sourcedId"].as_str().map(str::to_owned)
    }

    fn untis_token(
        &self,
        rules: &Rules,
        tenant: &str,
        query: &str,
        headers: &HeaderMap,
        request: &TokenRequest,
    ) -> Result<IssuedTokens, TokenError> {
        let server = &self.control.authorization;
        // The vendor's samples have parameters in the query, its text requires them in the body.
        let in_query = pairs(query);
        let request = if self.switches.token_needs_body {
            request.clone()
        } else {
            request.clone().or_from_query(&in_query)
        };
        match request.field("grant_type") {
            Some("client_credentials") => self.client_credentials(rules, tenant, headers),
            Some("authorization_code") => {
                let client = server.client(rules, &request)?;
                server.redeem(rules, client, &request)
            }
            Some("refresh_token") => {
                let client = server.client(rules, &request)?;
                server.refresh(rules, client, &request)
            }
            other => Err(TokenError::grant_type(other)),
        }
    }

    fn client_credentials(
        &self,
        rules: &Rules,
        tenant: &str,
        headers: &HeaderMap,
    ) -> Result<IssuedTokens, TokenError> {
        let expected = password(tenant);
        let right = basic(headers).is_some_and(|(client, secret)| {
            percent_decoded(&client) == CLIENT
                && (secret == expected || percent_decoded(&secret) == expected)
        });
        if !right {
            let error = match self.switches.token_refusal {
                TokenRefusal::InvalidClient => "invalid_client",
                TokenRefusal::InvalidGrant => "invalid_grant",
            };
            let words = "client authentication failed";
            return Err(TokenError::with(rules.client_refused, error, words));
        }
        let holder = Holder {
            realm: format!("untis/{tenant}"),
            ..Holder::default()
        };
        let server = &self.control.authorization;
        Ok(server.issue_without_grant(holder, rules.seconds))
    }

    /// `POST /standard/token`: client credentials by Basic or in the body.
    pub(super) fn standard_token(&self, posted: PostRequest<'_>) -> Response<Body> {
        let server = &self.control.authorization;
        let rules = Rules {
            clients: vec![Client {
                id: CLIENT,
                secret: STANDARD_SECRET.to_owned(),
            }],
            client_auth: ClientAuth::Either,
            seconds: STANDARD_SECONDS,
            ..self.rules("", super::TENANT)
        };
        server.token(&rules, posted, |request| {
            if request.field("grant_type") != Some("client_credentials") {
                return Err(TokenError::grant_type(Some("other")));
            }
            server.client(&rules, request)?;
            let holder = Holder {
                realm: "standard".to_owned(),
                ..Holder::default()
            };
            Ok(server.issue_without_grant(holder, rules.seconds))
        })
    }
}
