//! The authorization server: addresses, rules, and the members that only Wisenet's token responses have
//! (wisenet.md 2.1 to 2.6, 2.9).
//!
//! One grant exists before the first start, so that a mirror can start from a refresh token.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode};
use serde_json::{Map, Value, json};

use super::service::Wisenet;
use super::switches::{ExpiresAt, Switches};
use crate::authorization::switches::{ClientAuth, Pkce};
use crate::authorization::{
    Addresses, Client, Login, OTHER_CLIENT, PostRequest, RedirectRule, Rules, TokenError, origin,
};
use crate::control::Control;
use crate::random::Random;
use crate::tokens::Holder;

/// The registered client id.
pub const CLIENT_ID: &str = "rollbook";
/// The registered redirect URL, compared exactly (wisenet.md 2.1).
pub const REDIRECT_URL: &str = "http://127.0.0.1:8912/callback";
/// The person who consents: the administrator of the account.
const ADMINISTRATOR: &str = "administrator";
/// The resources with a scope each, `<resource>_read`; no write scope is registered (wisenet.md 2.6).
const RESOURCES: &[&str] = &[
    "learner",
    "course",
    "unit",
    "course_offer",
    "unit_offer",
    "course_enrolment",
    "unit_enrolment",
    "agent",
    "workplace",
    "location",
    "staff",
    "audit_log",
    "entity",
    "combo",
    "element_enrolment",
    "credential",
    "language_literacy_numeracy",
    "promotion",
    "learner_position",
    "sales_contact",
    "opportunity",
    "tag",
    "sales_person",
    "trainer",
    "assessor",
    "coordinator",
    "checklist",
    "filenote",
    "invoice",
];

pub(super) fn addresses(origin: &str) -> Addresses {
    Addresses {
        metadata: format!("{origin}/api/.well-known/oauth-authorization-server"),
        authorize: format!("{origin}/api/oauth/authorize"),
        token: format!("{origin}/api/oauth/token"),
        revocation: format!("{origin}/api/oauth/revoke"),
        keys: None,
    }
}

/// What a browser login needs.
pub(super) fn login(origin: &str) -> Login {
    let Addresses {
        metadata,
        authorize,
        token,
        ..
    } = addresses(origin);
    Login {
        issuer: issuer(origin),
        metadata_url: Some(metadata),
        authorize_url: authorize,
        token_url: token,
        client_id: CLIENT_ID.to_owned(),
        client_secret: "wisenet_client_secret".to_owned(),
        redirect_url: REDIRECT_URL.to_owned(),
        scope: scopes().join(" "),
    }
}

pub(super) fn rules(origin: &str, seed: u64, switches: &Switches) -> Rules {
    let client = |id: &'static str| Client {
        id,
        secret: client_secret(seed, id),
    };
    Rules {
        issuer: issuer(origin),
        clients: vec![client(CLIENT_ID), client(OTHER_CLIENT)],
        client_auth: ClientAuth::Post,
        client_refused: StatusCode::UNAUTHORIZED,
        redirect: RedirectRule::Exact,
        redirect_url: REDIRECT_URL,
        redirect_refused: "invalid_request",
        repeats_redirect: true,
        pkce: Pkce::Required,
        scopes: scopes(),
        // "All scopes" is refused; an application must name its scopes (wisenet.md 2.1).
        default_scope: None,
        holder: administrator(),
        seconds: switches.token_seconds,
        token_type: "Bearer",
        refresh: true,
        one_grant: false,
    }
}

/// The grant from before the first start, without the scopes of `withhold`.
pub(super) fn add_initial_grant(control: &Control) {
    let withheld = control.authorization.switches().withhold;
    let mut scopes = scopes();
    scopes.retain(|scope| !withheld.contains(scope));
    let holder = Holder {
        scope: scopes.join(" "),
        ..administrator()
    };
    control.authorization.add_initial_grant(CLIENT_ID, holder);
}

/// The scope that a resource of `/v1` requires, such as `course_enrolment_read` for `course-enrolments`.
pub(super) fn scope_of(resource: &str) -> String {
    let plural = match resource {
        "checklist-items" => "checklists".to_owned(), // wisenet.md 2.6 has no scope of their own
        _ => resource.replace('-', "_"),
    };
    let singular = match plural.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None => plural.trim_end_matches('s').to_owned(),
    };
    format!("{singular}_read")
}

impl Wisenet {
    /// Handles a path of the authorization server; none for other paths.
    pub(super) fn authorization(
        &self,
        method: &str,
        path: &str,
        query: &str,
        headers: &HeaderMap,
        body: &str,
    ) -> Option<Response<Body>> {
        let server = &self.control().authorization;
        let switches = self.switches();
        let origin = origin(headers);
        let rules = rules(&origin, self.seed(), &switches);
        let posted = PostRequest {
            path,
            headers,
            body,
        };
        Some(match (method, path) {
            ("GET", "/api/oauth/authorize") => server.authorize(&rules, path, query, None),
            ("GET", "/api/.well-known/oauth-authorization-server") => {
                server.metadata(&rules, &addresses(&origin))
            }
            ("POST", "/api/oauth/token") => server.token(&rules, posted, |request| {
                let client = server.client(&rules, request)?;
                let mut granted = match request.field("grant_type") {
                    _ if switches.revoked => {
                        return Err(TokenError::grant(
                            "the administrator has disconnected the app",
                        ));
                    }
                    Some("authorization_code") => server.redeem(&rules, client, request)?,
                    Some("refresh_token") => server.refresh(&rules, client, request)?,
                    other => return Err(TokenError::grant_type(other)),
                };
                granted.more = more(&switches, granted.seconds, self.seed());
                Ok(granted)
            }),
            ("POST", "/api/oauth/revoke") if server.switches().revocation => {
                server.revocation(&rules, posted)
            }
            _ => return None,
        })
    }
}

/// Members that only Wisenet's token response has.
fn more(switches: &Switches, seconds: u64, seed: u64) -> Map<String, Value> {
    let mut more = Map::new();
    if let Some(at) = expires_at(switches, Duration::from_secs(seconds)) {
        more.insert("expires_at".to_owned(), at);
    }
    if !switches.hide_api_key {
        more.insert("api_key".to_owned(), json!(api_key(seed)));
    }
    more
}

fn expires_at(switches: &Switches, life: Duration) -> Option<Value> {
    let at = (SystemTime::now() + life).duration_since(UNIX_EPOCH).ok()?;
    let time = jiff::Timestamp::from_second(at.as_secs() as i64).ok()?;
    match switches.expires_at {
        ExpiresAt::Iso => Some(json!(time.to_string())),
        ExpiresAt::Offset => {
            let zone = jiff::tz::Offset::constant(13);
            Some(json!(time.display_with_offset(zone).to_string()))
        }
        ExpiresAt::Seconds => Some(json!(at.as_secs())),
        ExpiresAt::SecondsText => Some(json!(at.as_secs().to_string())),
        ExpiresAt::Milliseconds => Some(json!(at.as_millis() as u64)),
        ExpiresAt::Absent => None,
    }
}

fn issuer(origin: &str) -> String {
    format!("{origin}/api")
}

fn scopes() -> Vec<String> {
    RESOURCES
        .iter()
        .map(|resource| format!("{resource}_read"))
        .collect()
}

fn administrator() -> Holder {
    Holder {
        realm: "wisenet".to_owned(),
        user: Some(ADMINISTRATOR.to_owned()),
        scope: String::new(),
    }
}

/// The secret of an application.
pub fn client_secret(seed: u64, client: &str) -> String {
    let mut random = Random::of(seed, &format!("wisenet.client.{client}"), 0);
    format!("wn_cs_{:016x}{:08x}", random.next(), random.next() >> 32)
}

/// The value of `x-api-key`: forty letters and digits (wisenet.md 2.8).
pub fn api_key(seed: u64) -> String {
    let mut random = Random::of(seed, "wisenet.key", 0);
    let letters = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz0123456789";
    (0..40).map(|_| char::from(*random.pick(letters))).collect()
}
