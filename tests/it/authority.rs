//! A small authorization server for the tests, with one list to read: strict, single-use, rotating.
//!
//! Shares nothing with the program's simulated vendors. [`Faults`] selects its faults. The surprise: consent
//! is given at once, so the browser only follows a redirect.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::installation::SECRET;
use crate::wire::{HttpResponse, Port, Request, Served, read_request};

/// The registered client.
pub const CLIENT: &str = "rollbook";

/// The faults of the server.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// The browser is redirected back with this error in place of a code.
    pub error: Option<&'static str>,
    /// The browser is redirected back with these parameters, `{code}` and `{state}` filled in.
    pub back: Option<&'static str>,
    /// The response to the code; `{all}` is every secret sent or received.
    pub token: Option<(u16, &'static str)>,
    /// The scopes granted.
    pub scope: Option<&'static str>,
    /// No refresh token is issued.
    pub no_refresh: bool,
    /// A member of the issuer's document is replaced; `{origin}` filled in.
    pub document: Option<(&'static str, &'static str)>,
    /// A claim of the id token is replaced; `null` removes it.
    pub claim: Option<(&'static str, &'static str)>,
    /// No id token is issued.
    pub no_id_token: bool,
    /// A revocation is refused with this status.
    pub revocation: Option<u16>,
}

/// A code that was issued and not used yet.
struct IssuedCode {
    redirect: String,
    challenge: String,
    scope: String,
    nonce: String,
}

#[derive(Default)]
struct State {
    wrong: Faults,
    given: BTreeMap<String, IssuedCode>,
    refresh: Option<String>,
    access: BTreeSet<String>,
    secrets: Vec<String>,
    /// The `grant_type` of each token request, with the status of its response.
    requests: Vec<(String, u16)>,
    numbers: u32,
}

struct Shared {
    origin: String,
    /// Registered redirect URLs, compared exactly; `*` for any port of loopback.
    redirects: Vec<String>,
    state: Mutex<State>,
}

/// The server, up until it is dropped.
pub struct Authority(
    Arc<Shared>,
    #[expect(dead_code, reason = "kept for its end")] Served,
);

impl Authority {
    /// A server with a client that has these redirect URLs; none for any port of loopback.
    pub fn start(redirects: &[&str]) -> Self {
        let port = Port::open();
        let shared = Arc::new(Shared {
            origin: port.origin(),
            redirects: redirects.iter().map(|text| (*text).to_owned()).collect(),
            state: Mutex::default(),
        });
        let for_all = Arc::clone(&shared);
        let served = port.serve(move |stream| for_all.serve(stream));
        Self(shared, served)
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> &str {
        &self.0.origin
    }

    /// Sets the faults from now on.
    pub fn set_faults(&self, wrong: Faults) {
        self.0.state().wrong = wrong;
    }

    /// Revokes all tokens.
    pub fn revoke(&self) {
        let mut state = self.0.state();
        state.refresh = None;
        state.access.clear();
    }

    /// Every secret between the server and its client so far.
    pub fn secrets(&self) -> Vec<String> {
        self.0.state().secrets.clone()
    }

    /// The grant types of the token requests so far, with the status of each response.
    pub fn token_requests(&self) -> Vec<(String, u16)> {
        self.0.state().requests.clone()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, stream: TcpStream) {
        let Ok(mut writer) = stream.try_clone() else {
            return;
        };
        let mut reader = BufReader::new(stream);
        while let Some(request) = read_request(&mut reader) {
            let answer = match (request.method.as_str(), request.path.as_str()) {
                ("GET", "/authorize") => self.authorize(&request),
                ("GET", "/op/.well-known/openid-configuration") => self.document(),
                ("POST", "/token") => self.token(&request),
                ("POST", "/revoke") => self.revoked(&request),
                ("GET", "/v1p1/users") => self.users(&request),
                _ => HttpResponse::new(404, "{}"),
            };
            if writer.write_all(&answer.wire()).is_err() {
                return;
            }
        }
    }

    /// The document of the issuer `…/op`.
    fn document(&self) -> HttpResponse {
        let origin = &self.origin;
        let mut document = json!({
            "issuer": format!("{origin}/op"),
            "authorization_endpoint": format!("{origin}/authorize"),
            "token_endpoint": format!("{origin}/token"),
            "authorization_response_iss_parameter_supported": true,
            "code_challenge_methods_supported": ["S256"],
        });
        if let Some((name, text)) = self.state().wrong.document {
            let text = text.replace("{origin}", origin);
            document[name] = serde_json::from_str(&text).expect("JSON");
        }
        HttpResponse::new(200, document.to_string())
    }

    /// Consents at once.
    fn authorize(&self, request: &Request) -> HttpResponse {
        let reported = |name: &str| request.query.get(name).cloned().unwrap_or_default();
        let (redirect, challenge, sent_state) = (
            reported("redirect_uri"),
            reported("code_challenge"),
            reported("state"),
        );
        let is_loopback = redirect
            .strip_prefix("http://127.0.0.1:")
            .and_then(|rest| rest.strip_suffix("/callback"))
            .is_some_and(|port| port.parse::<u16>().is_ok());
        let is_registered = match self.redirects.is_empty() {
            true => is_loopback,
            false => self.redirects.contains(&redirect),
        };
        let is_right = reported("response_type") == "code"
            && reported("client_id") == CLIENT
            && reported("code_challenge_method") == "S256"
            && challenge.len() == 43
            && sent_state.len() >= 22;
        if !is_registered || !is_right {
            return HttpResponse::new(400, format!("<html>{:?}", request.query));
        }
        let mut state = self.state();
        state.numbers += 1;
        let code = format!("c0de-{}-with-%-and-+/=", state.numbers);
        state.secrets.extend([code.clone(), sent_state.clone()]);
        let given = IssuedCode {
            redirect: redirect.clone(),
            challenge,
            scope: reported("scope"),
            nonce: reported("nonce"),
        };
        if !given.nonce.is_empty() {
            state.secrets.push(given.nonce.clone());
        }
        state.given.insert(code.clone(), given);
        let (code, sent_state) = (escaped(&code), escaped(&sent_state));
        let iss = escaped(&format!("{}/op", self.origin));
        let back = match (state.wrong.error, state.wrong.back) {
            (Some(error), _) => format!("error={error}&state={sent_state}&iss={iss}"),
            (None, Some(back)) => back
                .replace("{code}", &code)
                .replace("{state}", &sent_state)
                .replace("{iss}", &iss),
            (None, None) => format!("code={code}&state={sent_state}&iss={iss}"),
        };
        let mut answer = HttpResponse::new(302, "");
        answer
            .headers
            .push(("location".into(), format!("{redirect}?{back}")));
        answer
    }

    fn token(&self, request: &Request) -> HttpResponse {
        let form = crate::wire::query(&request.body);
        let reported = |name: &str| form.get(name).cloned().unwrap_or_default();
        let kind = reported("grant_type");
        let mut state = self.state();
        let secret = ["code", "code_verifier", "refresh_token", "client_secret"];
        let sent: Vec<String> = secret.iter().map(|name| reported(name)).collect();
        state
            .secrets
            .extend(sent.into_iter().filter(|text| !text.is_empty()));
        let answer = match (reported("client_secret") == SECRET, kind.as_str()) {
            (false, _) => error(401, "invalid_client"),
            (true, "authorization_code") => state.exchange(&form, &self.origin),
            (true, "refresh_token") if state.refresh == form.get("refresh_token").cloned() => {
                let scope = "a_read b_read".to_owned();
                state.tokens(scope, None)
            }
            (true, "refresh_token") => error(400, "invalid_grant"),
            (true, _) => error(400, "unsupported_grant_type"),
        };
        state.requests.push((kind, answer.status));
        answer
    }

    /// RFC 7009: the client authenticates, and an unknown token counts as revoked.
    fn revoked(&self, request: &Request) -> HttpResponse {
        let form = crate::wire::query(&request.body);
        let mut state = self.state();
        let is_proven = form.get("client_secret").is_some_and(|text| text == SECRET);
        let status = match (is_proven, state.wrong.revocation) {
            (false, _) => 401,
            (true, Some(status)) => status,
            (true, None) => 200,
        };
        if status == 200 && state.refresh == form.get("token").cloned() {
            state.refresh = None;
            state.access.clear();
        }
        state.requests.push(("revocation".to_owned(), status));
        HttpResponse::new(status, "")
    }

    fn users(&self, request: &Request) -> HttpResponse {
        let bearer = request.headers.get("authorization").cloned();
        let token = bearer
            .as_deref()
            .and_then(|text| text.strip_prefix("Bearer "));
        if !token.is_some_and(|token| self.state().access.contains(token)) {
            return HttpResponse::new(401, json!({"error": "invalid_token"}).to_string());
        }
        let is_first = request.query.get("offset").is_none_or(|text| text == "0");
        let users: Vec<Value> = is_first
            .then(|| json!({"sourcedId": "u1", "status": "active", "username": "ada"}))
            .into_iter()
            .collect();
        let mut answer = HttpResponse::new(200, json!({ "users": users }).to_string());
        answer.headers.push(("x-total-count".into(), "1".into()));
        answer
    }
}

impl State {
    /// A code is valid once, for its redirect URL and its proof key.
    fn exchange(&mut self, form: &BTreeMap<String, String>, origin: &str) -> HttpResponse {
        let reported = |name: &str| form.get(name).cloned().unwrap_or_default();
        let Some(given) = self.given.remove(&reported("code")) else {
            return error(400, "invalid_grant");
        };
        let verifier = reported("code_verifier");
        let hash = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        let is_proven = (43..=128).contains(&verifier.len()) && hash == given.challenge;
        if !is_proven || reported("redirect_uri") != given.redirect {
            return error(400, "invalid_grant");
        }
        if let Some((status, body)) = self.wrong.token {
            return HttpResponse::new(status, body.replace("{all}", &self.secrets.join(" ")));
        }
        let is_asked = given.scope.split(' ').any(|scope| scope == "openid");
        let id_token = (is_asked && !self.wrong.no_id_token).then(|| {
            let mut claims = json!({
                "iss": format!("{origin}/op"), "aud": CLIENT, "sub": "p3rson-of-the-school",
                "exp": 4_102_444_800_u64, "nonce": given.nonce,
            });
            if let Some((name, text)) = self.wrong.claim {
                claims[name] = serde_json::from_str(text).expect("JSON");
            }
            let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
            let header = json!({"alg": "RS256", "typ": "JWT"});
            format!("{}.{}.c2lnbmF0dXJl", part(&header), part(&claims))
        });
        self.tokens(given.scope, id_token)
    }

    /// New tokens; the previous refresh token is invalid from now on.
    fn tokens(&mut self, requests: String, id_token: Option<String>) -> HttpResponse {
        self.numbers += 1;
        let (access, refresh) = (
            format!("acce55-{}", self.numbers),
            format!("refre5h-{}", self.numbers),
        );
        self.access.insert(access.clone());
        self.secrets.extend([access.clone(), refresh.clone()]);
        let mut body = json!({"access_token": access, "token_type": "Bearer", "expires_in": 3600});
        body["scope"] = self.wrong.scope.map_or(requests, str::to_owned).into();
        if let Some(token) = id_token {
            self.secrets
                .extend([token.clone(), "p3rson-of-the-school".to_owned()]);
            body["id_token"] = token.into();
        }
        if !self.wrong.no_refresh {
            body["refresh_token"] = refresh.clone().into();
            self.refresh = Some(refresh);
        }
        HttpResponse::new(200, body.to_string())
    }
}

fn error(status: u16, word: &str) -> HttpResponse {
    HttpResponse::new(status, json!({ "error": word }).to_string())
}

/// Percent-encodes a value for an address.
pub fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}
