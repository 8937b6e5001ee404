//! A small authorization server of the tests' own, with one list to read: strict, single-use, rotating.
//!
//! Shares nothing with the program's simulated vendors. What it does wrong is said by [`Wrong`]. The surprise: a
//! person's consent is given at once, so the browser only follows a redirect.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::place::SECRET;
use crate::wire::{Answer, Port, Request, Served, read_request};

/// The client that the server knows.
pub const CLIENT: &str = "rollbook";

/// What goes wrong.
#[derive(Clone, Debug, Default)]
pub struct Wrong {
    /// The browser comes back with this error instead of a code.
    pub error: Option<&'static str>,
    /// The browser comes back with these parameters as they are, `{code}` and `{state}` filled in.
    pub back: Option<&'static str>,
    /// The code is answered by this; `{all}` is everything secret that came and went.
    pub token: Option<(u16, &'static str)>,
    /// The scopes granted.
    pub scope: Option<&'static str>,
    /// No refresh token comes.
    pub no_refresh: bool,
    /// A member of the issuer's document is another; `{origin}` filled in.
    pub document: Option<(&'static str, &'static str)>,
    /// A claim of the id token is another; `null` leaves it out.
    pub claim: Option<(&'static str, &'static str)>,
    /// No id token comes.
    pub no_id_token: bool,
    /// A revocation is answered with this status.
    pub revocation: Option<u16>,
}

/// A code that was given and not used yet.
struct Given {
    redirect: String,
    challenge: String,
    scope: String,
    nonce: String,
}

#[derive(Default)]
struct State {
    wrong: Wrong,
    given: BTreeMap<String, Given>,
    refresh: Option<String>,
    access: BTreeSet<String>,
    secrets: Vec<String>,
    /// The `grant_type` of each token request, with the status of its answer.
    asked: Vec<(String, u16)>,
    numbers: u32,
}

struct Shared {
    origin: String,
    /// Redirect addresses that are registered, to the letter; `*` for any port of loopback.
    redirects: Vec<String>,
    state: Mutex<State>,
}

/// The server, up until it is dropped.
pub struct Authority(
    Arc<Shared>,
    #[expect(dead_code, reason = "kept for its end")] Served,
);

impl Authority {
    /// A server that knows the client with these redirect addresses; none for any port of loopback.
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

    /// What goes wrong from now on.
    pub fn goes_wrong(&self, wrong: Wrong) {
        self.0.state().wrong = wrong;
    }

    /// All tokens are worth nothing any more.
    pub fn revoke(&self) {
        let mut state = self.0.state();
        state.refresh = None;
        state.access.clear();
    }

    /// Everything secret between the server and its client so far.
    pub fn secrets(&self) -> Vec<String> {
        self.0.state().secrets.clone()
    }

    /// The kinds of the token requests so far, with the status of each answer.
    pub fn asked(&self) -> Vec<(String, u16)> {
        self.0.state().asked.clone()
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
                _ => Answer::new(404, "{}"),
            };
            if writer.write_all(&answer.wire()).is_err() {
                return;
            }
        }
    }

    /// What the issuer `…/op` says of itself.
    fn document(&self) -> Answer {
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
        Answer::new(200, document.to_string())
    }

    /// The consent is given at once.
    fn authorize(&self, request: &Request) -> Answer {
        let said = |name: &str| request.query.get(name).cloned().unwrap_or_default();
        let (redirect, challenge, sent_state) =
            (said("redirect_uri"), said("code_challenge"), said("state"));
        let is_loopback = redirect
            .strip_prefix("http://127.0.0.1:")
            .and_then(|rest| rest.strip_suffix("/callback"))
            .is_some_and(|port| port.parse::<u16>().is_ok());
        let is_registered = match self.redirects.is_empty() {
            true => is_loopback,
            false => self.redirects.contains(&redirect),
        };
        let is_right = said("response_type") == "code"
            && said("client_id") == CLIENT
            && said("code_challenge_method") == "S256"
            && challenge.len() == 43
            && sent_state.len() >= 22;
        if !is_registered || !is_right {
            return Answer::new(400, format!("<html>{:?}", request.query));
        }
        let mut state = self.state();
        state.numbers += 1;
        let code = format!("c0de-{}-with-%-and-+/=", state.numbers);
        state.secrets.extend([code.clone(), sent_state.clone()]);
        let given = Given {
            redirect: redirect.clone(),
            challenge,
            scope: said("scope"),
            nonce: said("nonce"),
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
        let mut answer = Answer::new(302, "");
        answer
            .headers
            .push(("location".into(), format!("{redirect}?{back}")));
        answer
    }

    fn token(&self, request: &Request) -> Answer {
        let form = crate::wire::query(&request.body);
        let said = |name: &str| form.get(name).cloned().unwrap_or_default();
        let kind = said("grant_type");
        let mut state = self.state();
        let secret = ["code", "code_verifier", "refresh_token", "client_secret"];
        let sent: Vec<String> = secret.iter().map(|name| said(name)).collect();
        state
            .secrets
            .extend(sent.into_iter().filter(|text| !text.is_empty()));
        let answer = match (said("client_secret") == SECRET, kind.as_str()) {
            (false, _) => error(401, "invalid_client"),
            (true, "authorization_code") => state.exchange(&form, &self.origin),
            (true, "refresh_token") if state.refresh == form.get("refresh_token").cloned() => {
                let scope = "a_read b_read".to_owned();
                state.tokens(scope, None)
            }
            (true, "refresh_token") => error(400, "invalid_grant"),
            (true, _) => error(400, "unsupported_grant_type"),
        };
        state.asked.push((kind, answer.status));
        answer
    }

    /// RFC 7009: the client proves itself, and a token that is not known is as good as revoked.
    fn revoked(&self, request: &Request) -> Answer {
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
        state.asked.push(("revocation".to_owned(), status));
        Answer::new(status, "")
    }

    fn users(&self, request: &Request) -> Answer {
        let bearer = request.headers.get("authorization").cloned();
        let token = bearer
            .as_deref()
            .and_then(|text| text.strip_prefix("Bearer "));
        if !token.is_some_and(|token| self.state().access.contains(token)) {
            return Answer::new(401, json!({"error": "invalid_token"}).to_string());
        }
        let is_first = request.query.get("offset").is_none_or(|text| text == "0");
        let users: Vec<Value> = is_first
            .then(|| json!({"sourcedId": "u1", "status": "active", "username": "ada"}))
            .into_iter()
            .collect();
        let mut answer = Answer::new(200, json!({ "users": users }).to_string());
        answer.headers.push(("x-total-count".into(), "1".into()));
        answer
    }
}

impl State {
    /// A code works once, for its redirect address and its proof key.
    fn exchange(&mut self, form: &BTreeMap<String, String>, origin: &str) -> Answer {
        let said = |name: &str| form.get(name).cloned().unwrap_or_default();
        let Some(given) = self.given.remove(&said("code")) else {
            return error(400, "invalid_grant");
        };
        let verifier = said("code_verifier");
        let hash = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        let is_proven = (43..=128).contains(&verifier.len()) && hash == given.challenge;
        if !is_proven || said("redirect_uri") != given.redirect {
            return error(400, "invalid_grant");
        }
        if let Some((status, body)) = self.wrong.token {
            return Answer::new(status, body.replace("{all}", &self.secrets.join(" ")));
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

    /// New tokens; the refresh token before is dead from now on.
    fn tokens(&mut self, asked: String, id_token: Option<String>) -> Answer {
        self.numbers += 1;
        let (access, refresh) = (
            format!("acce55-{}", self.numbers),
            format!("refre5h-{}", self.numbers),
        );
        self.access.insert(access.clone());
        self.secrets.extend([access.clone(), refresh.clone()]);
        let mut body = json!({"access_token": access, "token_type": "Bearer", "expires_in": 3600});
        body["scope"] = self.wrong.scope.map_or(asked, str::to_owned).into();
        if let Some(token) = id_token {
            self.secrets
                .extend([token.clone(), "p3rson-of-the-school".to_owned()]);
            body["id_token"] = token.into();
        }
        if !self.wrong.no_refresh {
            body["refresh_token"] = refresh.clone().into();
            self.refresh = Some(refresh);
        }
        Answer::new(200, body.to_string())
    }
}

fn error(status: u16, word: &str) -> Answer {
    Answer::new(status, json!({ "error": word }).to_string())
}

/// A value as it stands in an address.
pub fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}
