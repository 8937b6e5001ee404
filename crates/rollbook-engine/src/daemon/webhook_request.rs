//! A vendor's webhook on its way into the daemon: what the web process passes on, and what it is answered.
//!
//! The daemon decides everything: the web process knows neither the names of webhooks nor their secrets. One line of JSON each
//! way, over the control socket.

use std::io;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::control::socket;

/// The largest body, in bytes.
pub const MAX_WEBHOOK_BODY: usize = 64 << 10;

/// How long the daemon may take: a vendor is assumed to wait ten seconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// What was posted to `/webhooks/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookRequest {
    /// The last part of the path.
    pub name: String,
    /// The headers, in order; names in any case.
    pub headers: Vec<(String, String)>,
    /// The body, [`MAX_WEBHOOK_BODY`] bytes at most.
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub body: Vec<u8>,
}

impl WebhookRequest {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let is_it = |(other, _): &&(String, String)| other.eq_ignore_ascii_case(name);
        self.headers.iter().find(is_it).map(|(_, value)| &**value)
    }
}

/// What the daemon does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookAnswer {
    /// It is what the vendor would send: 202.
    Accepted,
    /// Nothing shows that the sender knows the secret: 401.
    Refused,
    /// There is no such webhook: 404.
    Unknown,
    /// Too many at once, or the secret cannot be read now; the sender may try again: 503.
    Busy,
}

/// Sends a webhook to the daemon that listens in this folder. `None` if there is none.
///
/// # Errors
/// If the daemon does not admit this process, ends meanwhile, or gives no answer in five seconds.
pub async fn send_webhook(
    folder: &Path,
    request: &WebhookRequest,
) -> io::Result<Option<WebhookAnswer>> {
    let exchange = async {
        let mut stream = match UnixStream::connect(socket(folder)).await {
            Ok(stream) => stream,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
            Err(_) => return Ok(None),
        };
        let mut line = serde_json::to_vec(&serde_json::json!({ "webhook": request }))?;
        line.push(b'\n');
        let mut answer = Vec::new();
        let exchanged = async {
            stream.write_all(&line).await?;
            stream.read_to_end(&mut answer).await
        };
        match exchanged.await.map_err(|error| error.kind()) {
            Ok(_) => Ok(Some(serde_json::from_slice(&answer)?)),
            // Closed before all was read: the daemon has too many connections.
            Err(io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {
                Ok(Some(WebhookAnswer::Busy))
            }
            Err(kind) => Err(kind.into()),
        }
    };
    match tokio::time::timeout(ANSWER_TIMEOUT, exchange).await {
        Ok(answer) => answer,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

fn to_base64<S: Serializer>(body: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(body))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let body = STANDARD.decode(text).map_err(de::Error::custom)?;
    if body.len() > MAX_WEBHOOK_BODY {
        return Err(de::Error::custom("the body is too large"));
    }
    Ok(body)
}
