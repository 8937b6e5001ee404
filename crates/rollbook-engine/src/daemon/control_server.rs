//! The control socket in the runtime folder: one request and one response per connection, a line of JSON each.
//!
//! Two kinds of lines: admin requests, which the engine defines, only of the daemon's own user and root by the peer
//! credentials of the kernel; and webhooks of any process that the folder admits, such as the web process. Peers are served side
//! by side and strangers get a share of their own, so that none of them delays an admin. The surprise: an admin request names
//! the mirror that it is for, so that a command in another folder cannot reach the wrong daemon.

mod webhook_allowance;

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::webhook_allowance::WebhookAllowance;
use super::control::{ControlHandle, socket};
use super::engine::Engine;
use super::runtime_folder::make_folder;
use super::webhook_request::{WebhookAnswer, WebhookRequest};
use rollbook_core::clock::Clock;

/// The folder's group may connect, for webhooks.
const MODE: u32 = 0o660;

/// Limit for the length of an admin request, in bytes.
const MAX_REQUEST: usize = 16 << 10;

/// Limit for the length of a webhook: its body as base64, and its headers.
const MAX_WEBHOOK: usize = 128 << 10;

/// How long a client may take to send its request, and to receive the response.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections of the daemon's own user and root at a time.
const OWN_CONNECTIONS: usize = 64;

/// Connections of other users at a time; each may take [`MAX_WEBHOOK`] of memory.
const OTHER_CONNECTIONS: usize = 16;

/// What a client sends.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum ControlLine {
    Admin { mirror: PathBuf, request: String },
    Webhook { webhook: WebhookRequest },
}

/// The listening socket; its file is removed on drop.
pub struct ControlServer {
    listener: UnixListener,
    path: PathBuf,
    mirror: PathBuf,
    own: Arc<Semaphore>,
    others: Arc<Semaphore>,
    /// Admin requests are handled one after the other, in the order in which they are received.
    admin_turn: tokio::sync::Mutex<()>,
    has_refused: AtomicBool,
}

/// What requests are handled with.
struct Handlers<'a> {
    engine: &'a dyn Engine,
    control: &'a ControlHandle,
    clock: &'a Clock,
    allowance: Mutex<WebhookAllowance>,
}

/// An admitted connection.
struct Peer {
    stream: UnixStream,
    uid: u32,
    is_own: bool,
    _permit: OwnedSemaphorePermit,
}

impl ControlServer {
    /// Listens in this folder for requests about this mirror. A socket of a killed daemon is replaced: the owner of the
    /// mirror's lock is the only daemon of this folder.
    ///
    /// # Errors
    /// If the folder cannot be created, or the path is longer than the kernel allows.
    pub fn listen(folder: &Path, mirror: &Path) -> io::Result<Self> {
        make_folder(folder)?;
        let path = socket(folder);
        let _ = fs::remove_file(&path); // there may be none
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, Permissions::from_mode(MODE))?; // independent of the umask
        Ok(Self {
            listener,
            path,
            mirror: mirror.to_owned(),
            own: Arc::new(Semaphore::new(OWN_CONNECTIONS)),
            others: Arc::new(Semaphore::new(OTHER_CONNECTIONS)),
            admin_turn: tokio::sync::Mutex::default(),
            has_refused: AtomicBool::new(false),
        })
    }

    /// Serves clients side by side, until it is dropped.
    pub async fn serve(&self, engine: Arc<dyn Engine>, control: &ControlHandle, clock: Clock) {
        let handlers = Handlers {
            engine: &*engine,
            control,
            clock: &clock,
            allowance: Mutex::new(WebhookAllowance::new(clock.running())),
        };
        let mut peers = FuturesUnordered::new();
        loop {
            tokio::select! {
                accepted = self.accept(&handlers) => peers.extend(accepted.map(|peer| self.handle(peer, &handlers))),
                Some(handled) = peers.next() => {
                    if let Err(error) = handled {
                        tracing::debug!("could not handle a control request: {error}");
                    }
                }
            }
        }
    }

    /// The next connection; `None` if it is not admitted.
    async fn accept(&self, handlers: &Handlers<'_>) -> Option<Peer> {
        let Ok((stream, _)) = self.listener.accept().await else {
            // Out of file handles: retry later.
            handlers.clock.sleep(REQUEST_TIMEOUT).await;
            return None;
        };
        let uid = stream.peer_cred().ok()?.uid();
        let is_own = uid == 0 || uid == fs::metadata(&self.path).ok()?.uid();
        let permits = if is_own { &self.own } else { &self.others };
        // Before a byte of a stranger is read.
        let is_allowed = is_own || handlers.is_webhook_allowed();
        match Arc::clone(permits).try_acquire_owned() {
            Ok(permit) if is_allowed => Some(Peer {
                stream,
                uid,
                is_own,
                _permit: permit,
            }),
            _ => {
                let _ = stream.try_write(&response_line(&WebhookAnswer::Busy).ok()?);
                None
            }
        }
    }

    async fn handle(&self, mut peer: Peer, handlers: &Handlers<'_>) -> io::Result<()> {
        let mut text = Vec::new();
        let mut limited = BufReader::new(&mut peer.stream).take(MAX_WEBHOOK as u64);
        handlers
            .in_time(limited.read_until(b'\n', &mut text))
            .await?;
        // A status page connects to see whether the daemon lives.
        if text.is_empty() {
            return Ok(());
        }
        let response = match serde_json::from_slice(&text)? {
            ControlLine::Webhook { webhook } => {
                response_line(&handlers.webhook(webhook, peer.is_own).await)?
            }
            ControlLine::Admin { .. } if !peer.is_own => {
                if !self.has_refused.swap(true, Ordering::Relaxed) {
                    tracing::warn!(uid = peer.uid, "refused a control request of another user");
                }
                return Ok(());
            }
            ControlLine::Admin { mirror, request } => {
                if text.len() > MAX_REQUEST || mirror != self.mirror {
                    return Ok(());
                }
                let _turn = self.admin_turn.lock().await;
                handlers.admin(request).await
            }
        };
        handlers.in_time(peer.stream.write_all(&response)).await
    }
}

impl Handlers<'_> {
    async fn admin(&self, request: String) -> Vec<u8> {
        let result = self.engine.handle_admin_request(request).await;
        match result.run_now {
            Some(job) => self.control.run_now.request(job),
            None => self.control.run_now.wake(),
        }
        format!("{}\n", result.response).into_bytes()
    }

    async fn webhook(&self, webhook: WebhookRequest, is_own: bool) -> WebhookAnswer {
        if is_own && !self.is_webhook_allowed() {
            return WebhookAnswer::Busy;
        }
        let result = self.engine.handle_webhook(webhook).await;
        self.control.webhooks.request(result.runs);
        result.answer
    }

    fn is_webhook_allowed(&self) -> bool {
        let mut allowance = self
            .allowance
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        allowance.take(self.clock.running())
    }

    /// Reads or writes, and not longer than a client may take.
    async fn in_time<T>(&self, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        tokio::select! {
            done = work => done,
            () = self.clock.sleep(REQUEST_TIMEOUT) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path); // it may be removed already
    }
}

fn response_line(answer: &WebhookAnswer) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    Ok(line)
}

/// Sends a request to the daemon that listens in this folder and writes this mirror. `None` if there is none.
///
/// # Errors
/// If the daemon cannot be used: the caller is another user, or it ended meanwhile.
pub async fn send_request(
    folder: &Path,
    mirror: &Path,
    request: &str,
) -> io::Result<Option<String>> {
    let mut stream = match UnixStream::connect(socket(folder)).await {
        Ok(stream) => stream,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
        Err(_) => return Ok(None),
    };
    let line = ControlLine::Admin {
        mirror: mirror.to_owned(),
        request: request.to_owned(),
    };
    stream
        .write_all(format!("{}\n", serde_json::to_string(&line)?).as_bytes())
        .await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    let response = response.trim_end();
    Ok((!response.is_empty()).then(|| response.to_owned()))
}

#[cfg(test)]
mod tests;
