//! Posts a short message to an address from the configuration, apart from token requests the only POST; and a heartbeat, a GET.
//!
//! Not for vendors: there is no session, no token and no retry, and the response body is not read.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder, Url};
use secrecy::{ExposeSecret as _, SecretString};

use super::client::{ClientOptions, Connections, client};
use super::peer::host_of;
use super::reach::Reach;
use super::rules::{Route, Timeouts};

/// Time limit from the DNS lookup to the response.
const WHOLE: Duration = Duration::from_secs(20);

/// A message and its address. The address is a secret and appears in no error.
pub struct Post<'a> {
    /// URL, often with a token in its path.
    pub address: &'a str,
    /// Bearer token.
    pub bearer: Option<&'a SecretString>,
    /// Additional headers.
    pub headers: &'a [(&'static str, String)],
    /// `Content-Type` of the body.
    pub content_type: &'a str,
    /// The body.
    pub body: String,
}

/// Sends the message once. The error is a message that names only the host.
///
/// # Errors
/// When the address is not a URL, the host does not respond in time, or the status is not 2xx.
pub async fn post(post: Post<'_>) -> Result<(), String> {
    let (client, address) = receiver(post.address)?;
    let host = host_of(&address);
    let mut request = client
        .post(address)
        .timeout(WHOLE)
        .header(CONTENT_TYPE, post.content_type)
        .body(post.body);
    for (name, value) in post.headers {
        request = request.header(*name, value);
    }
    if let Some(token) = post.bearer {
        request = request.bearer_auth(token.expose_secret());
    }
    sent(request, &host).await
}

/// Sends a GET without a body once. The error is a message that names only the host.
///
/// # Errors
/// As [`post`].
pub async fn send_heartbeat(address: &str) -> Result<(), String> {
    let (client, address) = receiver(address)?;
    let host = host_of(&address);
    sent(client.get(address).timeout(WHOLE), &host).await
}

fn receiver(address: &str) -> Result<(Client, Url), String> {
    let address = Url::parse(address)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or("the secret with the address is not a URL; it must begin with https://")?;
    let options = ClientOptions {
        connections: Connections::Fresh,
        route: &Route {
            // An admin configured the address; a chat server in the school's network is common.
            reach: Reach::Anywhere,
            ..Route::default()
        },
        timeouts: &Timeouts::default(),
    };
    let client = client(&options, &address).map_err(
        |_| "cannot create an HTTP client; check that the package ca-certificates is installed",
    )?;
    Ok((client, address))
}

async fn sent(request: RequestBuilder, host: &str) -> Result<(), String> {
    #[cfg(any(test, feature = "testing"))]
    if let Some(answer) = super::scripted::answer(&request) {
        let answered = answer.await;
        return answered.map(drop).map_err(|kind| format!("{kind:?}"));
    }
    match request.send().await {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(format!("{host} returned {}", answer.status().as_u16())),
        Err(error) if error.is_timeout() => Err(format!("{host} did not respond in time")),
        Err(error) if error.is_connect() => Err(format!("{host} could not be reached")),
        Err(_) => Err(format!("the request to {host} failed")),
    }
}
