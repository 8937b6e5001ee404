//! Requests one address that a person typed, once: to draft a connector. No session, no token, no retry.

use reqwest::Url;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use secrecy::SecretString;

use super::access;
use super::body::{self, Oversized};
use super::classify::is_transient;
use super::client::{ClientOptions, Connections, client, send};
use super::deadline::Deadline;
use super::error::{HttpError, HttpErrorKind};
use super::peer::host_of;
use super::reach::Reach;
use super::reply::Headers;
use super::rules::{Route, Timeouts, must_be_safe};

/// The body of a response with 200, and its headers.
pub struct SingleReply {
    /// Decompressed.
    pub body: Vec<u8>,
    /// As received.
    pub headers: Headers,
}

/// Requests an address, with one more header. A redirect is not followed: it would take the header along.
///
/// # Errors
/// When the address is not https, nor http on loopback, or the response is not 200 or larger than `limit` bytes.
pub async fn get_once(
    address: &str,
    header: Option<(&str, &SecretString)>,
    limit: u64,
) -> Result<SingleReply, HttpError> {
    let step = "read the sample";
    let address = Url::parse(address)
        .map_err(|_| HttpErrorKind::Setup("the address is not a URL".into()).at(step, ""))?;
    let host = host_of(&address);
    let reply = get(address, header, limit, &host).await;
    reply.map_err(|kind| kind.at(step, host))
}

async fn get(
    address: Url,
    header: Option<(&str, &SecretString)>,
    limit: u64,
    host: &str,
) -> Result<SingleReply, HttpErrorKind> {
    must_be_safe(&address, "the address")?;
    let timeouts = Timeouts::default();
    let route = Route {
        // A person typed the address; a server in the school's network is common.
        reach: Reach::Anywhere,
        ..Route::default()
    };
    let options = ClientOptions {
        connections: Connections::Fresh,
        route: &route,
        timeouts: &timeouts,
    };
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    if let Some((name, secret)) = header {
        headers.insert(
            access::name(name)?,
            access::value(secret, "the credential")?,
        );
    }
    let request = client(&options, &address)?
        .get(address.clone())
        .headers(headers);
    let mut deadline = Deadline::start(&timeouts, timeouts.whole);
    let response = deadline
        .first_byte(send(request, host, &timeouts))
        .await??;
    let status = response.status().as_u16();
    let headers = Headers::from(response.headers().clone());
    match status {
        200 => {}
        300..=399 => {
            let target = headers.get("location").and_then(|to| address.join(to).ok());
            return Err(HttpErrorKind::Redirect(
                status,
                target.as_ref().map(host_of),
            ));
        }
        401 => return Err(HttpErrorKind::Unauthorised(status)),
        403 => return Err(HttpErrorKind::Forbidden),
        _ if is_transient(status) => return Err(HttpErrorKind::Unavailable(status, None)),
        _ => return Err(HttpErrorKind::HttpStatus(status)),
    }
    let limits = (limit, Oversized::Refuse);
    let body = body::read(response, &headers, limits, deadline, (host, &timeouts)).await?;
    Ok(SingleReply { body, headers })
}
