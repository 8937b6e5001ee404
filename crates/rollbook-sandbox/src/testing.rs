//! A plain HTTP client for the sandbox's own tests; it neither follows redirects nor retries.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Endpoint, Options, Sandbox, switches};

#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

/// A sandbox, and a client of one of its vendors.
pub(crate) struct Harness {
    pub(crate) sandbox: Sandbox,
    pub(crate) endpoint: Endpoint,
    pub(crate) client: reqwest::Client,
    pub(crate) token: String,
}

impl Harness {
    /// Starts a sandbox, without requesting a token.
    pub(crate) async fn start(vendor: &str, options: Options) -> Self {
        let sandbox = Sandbox::start(options).await.unwrap();
        let endpoint = sandbox.endpoint(vendor).unwrap().clone();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Self {
            sandbox,
            endpoint,
            client,
            token: String::new(),
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.endpoint.origin)
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> reqwest::Result<Reply> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Reply {
            status,
            headers,
            body: response.text().await?,
        })
    }

    /// A GET with the current token.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.try_get(path).await.unwrap()
    }

    pub(crate) async fn try_get(&self, path: &str) -> reqwest::Result<Reply> {
        self.send(self.client.get(self.url(path)).bearer_auth(&self.token))
            .await
    }

    /// A form, posted without authentication.
    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Reply {
        self.send(self.client.post(self.url(path)).form(form))
            .await
            .unwrap()
    }
}

/// Every row is a switch, a value, and a text that appears in the transcript with it; a leading `!` marks a text that
/// disappears, and an empty text any difference.
pub(crate) async fn assert_effects<S: Default + Serialize + DeserializeOwned>(
    rows: &[(&str, &str, &str)],
    transcript: impl AsyncFn(S) -> String,
) {
    let usual = transcript(S::default()).await;
    let again = transcript(S::default()).await;
    assert_eq!(usual, again, "the same requests get the same responses");
    let mut wrong = Vec::new();
    for (name, value, wanted) in rows {
        let mut set = S::default();
        switches::set(&mut set, name, value).unwrap();
        let text = transcript(set).await;
        let (with, without, needle) = match wanted.strip_prefix('!') {
            Some(removed) => (&usual, &text, removed),
            None => (&text, &usual, *wanted),
        };
        let seen = if needle.is_empty() {
            text != usual
        } else {
            with.contains(needle) && !without.contains(needle)
        };
        if !seen {
            wrong.push(format!("{name}={value}: {wanted}"));
        }
    }
    assert!(wrong.is_empty(), "without the expected effect: {wrong:#?}");
}
