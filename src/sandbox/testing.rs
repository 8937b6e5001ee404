//! A plain HTTP client for the sandbox's own tests; it follows nothing and retries nothing.

use serde_json::Value;

use super::{Endpoint, Options, Sandbox};

/// What came back.
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

/// A sandbox, and a client in front of one of its vendors.
pub(crate) struct Bench {
    pub(crate) sandbox: Sandbox,
    pub(crate) endpoint: Endpoint,
    pub(crate) client: reqwest::Client,
    pub(crate) token: String,
}

impl Bench {
    /// Starts a sandbox; asks for no token yet.
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

    /// A GET with the bench's token.
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
