//! A short message to an address that an admin named: the only thing but a token request that is not a GET.
//!
//! Not for vendors: there is no session, no token and no second try here, and the answer's body is not read.

use std::time::Duration;

use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret as _, SecretString};

use super::client::{Connections, Road, client, host_of};
use super::reach::Reach;
use super::rules::{Route, Timeouts};

/// From the lookup of the name to the answer.
const WHOLE: Duration = Duration::from_secs(20);

/// What is sent, and where to. The address is a secret and stands in no error.
pub struct Note<'a> {
    /// The whole address.
    pub address: &'a str,
    /// What proves that we may.
    pub bearer: Option<&'a SecretString>,
    /// Further headers.
    pub headers: &'a [(&'static str, String)],
    /// What the body is.
    pub content_type: &'a str,
    /// The body.
    pub body: String,
}

/// Sends a note once. The error is a sentence that names the host alone.
///
/// # Errors
/// When the address is none, nobody answers in time, or the answer is not a success.
pub async fn post_note(note: Note<'_>) -> Result<(), String> {
    let address = Url::parse(note.address)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or("the webhook's secret is no address: it begins with https://")?;
    let host = host_of(&address);
    let road = Road {
        connections: Connections::Fresh,
        route: &Route {
            // An admin's own address; a chat server in the school's network is usual.
            reach: Reach::Anywhere,
            ..Route::default()
        },
        timeouts: &Timeouts::default(),
    };
    let client = client(&road, &address)
        .map_err(|_| "no HTTP client can be made; is the package ca-certificates installed")?;
    let mut request = client
        .post(address)
        .timeout(WHOLE)
        .header(CONTENT_TYPE, note.content_type)
        .body(note.body);
    for (name, value) in note.headers {
        request = request.header(*name, value);
    }
    if let Some(token) = note.bearer {
        request = request.bearer_auth(token.expose_secret());
    }
    match request.send().await {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(format!("{host} answered {}", answer.status().as_u16())),
        Err(error) if error.is_timeout() => Err(format!("{host} did not answer in time")),
        Err(error) if error.is_connect() => Err(format!("{host} could not be reached")),
        Err(_) => Err(format!("the request to {host} failed")),
    }
}
