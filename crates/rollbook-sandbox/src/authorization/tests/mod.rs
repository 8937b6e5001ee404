//! The authorization servers over real sockets: a browser, a client, and one row of data per rule.

mod codes;
mod happy;
mod id_tokens;
mod pages;
mod refresh;
mod rows;
mod switches;

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::Url;

use super::Login;
use crate::control::Control;
use crate::testing::{Harness, Reply};
use crate::{Endpoint, Options};

/// The vendors with a browser login.
const VENDORS: [&str; 3] = ["wisenet", "wapi", "webuntis"];
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// A vendor, a person with a browser, and a client with its secret.
struct Setup {
    harness: Harness,
    login: Login,
    secret: String,
}

/// Names and values; a later one replaces an earlier one, an empty value removes it.
type Changes<'a> = &'a [(&'a str, &'a str)];

impl Setup {
    /// Switches without vendor, such as `auth.state`.
    async fn with(vendor: &str, switches: Changes<'_>) -> Self {
        let mut options = Options {
            students: 10,
            ..Options::default()
        };
        for (name, value) in switches {
            options
                .set_quirk(&format!("{vendor}.{name}={value}"))
                .unwrap();
        }
        Self::start(vendor, options).await
    }

    async fn start(vendor: &str, options: Options) -> Self {
        let harness = Harness::start(vendor, options).await;
        let Endpoint { login, secrets, .. } = harness.endpoint.clone();
        let login = login.expect("a login");
        Self {
            harness,
            secret: secrets[&login.client_secret].clone(),
            login,
        }
    }

    fn control(&self) -> std::sync::Arc<Control> {
        self.harness
            .sandbox
            .control(&self.harness.endpoint.vendor)
            .unwrap()
    }

    /// Opens the authorization endpoint with a valid request, changed as given.
    async fn open(&self, changes: Changes<'_>) -> Reply {
        let login = &self.login;
        let good = [
            ("response_type", "code"),
            ("client_id", &login.client_id),
            ("redirect_uri", &login.redirect_url),
            ("scope", &login.scope),
            ("state", "state-1"),
            ("nonce", "nonce-1"),
            ("code_challenge", &challenge(VERIFIER)),
            ("code_challenge_method", "S256"),
        ];
        let all = form(changed(&good, changes));
        let url = Url::parse_with_params(&login.authorize_url, all).unwrap();
        self.harness
            .send(self.harness.client.get(url))
            .await
            .unwrap()
    }

    /// The parameters of the redirect to the client.
    async fn consent(&self, changes: Changes<'_>) -> BTreeMap<String, String> {
        redirect_params(&self.open(changes).await)
    }

    async fn code(&self) -> String {
        self.consent(&[]).await["code"].clone()
    }

    /// A token request with the client's id and secret in the body, changed as given.
    async fn request(&self, changes: Changes<'_>) -> Reply {
        self.try_request(changes).await.unwrap()
    }

    async fn try_request(&self, changes: Changes<'_>) -> reqwest::Result<Reply> {
        let good = [
            ("client_id", self.login.client_id.as_str()),
            ("client_secret", &self.secret),
        ];
        let post = self.harness.client.post(&self.login.token_url);
        self.harness
            .send(post.form(&form(changed(&good, changes))))
            .await
    }

    /// Exchanges a code with a valid request, changed as given.
    async fn exchange(&self, code: &str, changes: Changes<'_>) -> Reply {
        let good = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.login.redirect_url),
            ("code_verifier", VERIFIER),
        ];
        self.request(&changed(&good, changes)).await
    }

    async fn refresh(&self, token: &str) -> Reply {
        self.request(&[("grant_type", "refresh_token"), ("refresh_token", token)])
            .await
    }

    /// The status of a read that every valid token permits.
    async fn reads(&self, access: &str) -> u16 {
        let path = match self.harness.endpoint.vendor.as_str() {
            "wisenet" => "/v1/courses",
            "wapi" => "/BusinessAccount",
            _ => "/ims/oneroster/v1p1/orgs",
        };
        let mut request = self.harness.client.get(self.harness.url(path));
        if let Some(key) = self.harness.endpoint.secrets.get("wisenet_api_key") {
            request = request.header("x-api-key", key);
        }
        let reply = self.harness.send(request.bearer_auth(access)).await;
        reply.unwrap().status
    }
}

fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

fn changed<'a>(good: &[(&'a str, &'a str)], changes: Changes<'a>) -> Vec<(&'a str, &'a str)> {
    let kept = good
        .iter()
        .filter(|(name, _)| changes.iter().all(|(other, _)| other != name));
    kept.chain(changes).copied().collect()
}

fn form<'a>(mut pairs: Vec<(&'a str, &'a str)>) -> Vec<(&'a str, &'a str)> {
    pairs.retain(|(_, value)| !value.is_empty());
    pairs
}

/// The parameters of the redirect.
fn redirect_params(reply: &Reply) -> BTreeMap<String, String> {
    assert_eq!(reply.status, 302, "{}", reply.body);
    let location = Url::parse(reply.header("location")).expect("a redirect");
    location.query_pairs().into_owned().collect()
}

/// Status and `error` of a refusal.
fn refusal(reply: &Reply) -> (u16, String) {
    (reply.status, text(reply, "error"))
}

fn text(reply: &Reply, member: &str) -> String {
    reply.json()[member].as_str().unwrap_or_default().to_owned()
}
