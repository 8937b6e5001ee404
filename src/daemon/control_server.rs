//! The control socket in the runtime folder: one admin request and one response per connection.
//!
//! Request and response are one line of JSON each; the engine defines them. Only the daemon's own user and root are
//! served, by the peer credentials of the kernel, independent of the socket's mode. The surprise: a request names the mirror
//! that it is for, so that a command in another folder cannot reach the wrong daemon.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::control::RunNow;
use super::engine::Engine;
use super::status_file::make_folder;
use crate::clock::Clock;

/// Name of the socket in the runtime folder.
const NAME: &str = "control.sock";

/// Limit for the length of a request, in bytes.
const MAX_REQUEST: u64 = 16 << 10;

/// How long a client may take to send its request: clients are served one at a time.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// What a client sends.
#[derive(Serialize, Deserialize)]
struct RequestLine {
    mirror: PathBuf,
    request: String,
}

/// The listening socket; its file is removed on drop.
pub struct ControlServer {
    listener: UnixListener,
    path: PathBuf,
    mirror: PathBuf,
}

impl ControlServer {
    /// Listens in this folder for requests about this mirror. A socket of a killed daemon is replaced: the owner of the
    /// mirror's lock is the only daemon of this folder.
    ///
    /// # Errors
    /// If the folder cannot be created, or the path is longer than the kernel allows.
    pub fn listen(folder: &Path, mirror: &Path) -> io::Result<Self> {
        make_folder(folder)?;
        let path = folder.join(NAME);
        let _ = fs::remove_file(&path); // there may be none
        let listener = UnixListener::bind(&path)?;
        let mirror = mirror.to_owned();
        Ok(Self {
            listener,
            path,
            mirror,
        })
    }

    /// Serves one client after the other, until it is dropped.
    pub async fn serve(&self, engine: Arc<dyn Engine>, run_now: Arc<RunNow>, clock: Clock) {
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                // Out of file handles: retry later.
                clock.sleep(REQUEST_TIMEOUT).await;
                continue;
            };
            if let Err(error) = self.handle(stream, &*engine, &run_now, &clock).await {
                tracing::debug!("could not handle a control request: {error}");
            }
        }
    }

    async fn handle(
        &self,
        stream: UnixStream,
        engine: &dyn Engine,
        run_now: &RunNow,
        clock: &Clock,
    ) -> io::Result<()> {
        let (from, ours) = (stream.peer_cred()?.uid(), fs::metadata(&self.path)?.uid());
        if from != 0 && from != ours {
            tracing::warn!(uid = from, "refused a control request of another user");
            return Ok(());
        }
        let mut stream = BufReader::new(stream);
        let mut text = String::new();
        let mut limited = (&mut stream).take(MAX_REQUEST);
        tokio::select! {
            read = limited.read_line(&mut text) => drop(read?),
            () = clock.sleep(REQUEST_TIMEOUT) => return Err(io::ErrorKind::TimedOut.into()),
        }
        let line: RequestLine = serde_json::from_str(&text)?;
        if line.mirror != self.mirror {
            return Ok(());
        }
        let result = engine.handle_admin_request(line.request).await;
        match result.run_now {
            Some(job) => run_now.request(job),
            None => run_now.wake(),
        }
        stream
            .write_all(format!("{}\n", result.response).as_bytes())
            .await
    }
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path); // it may be removed already
    }
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
    let mut stream = match UnixStream::connect(folder.join(NAME)).await {
        Ok(stream) => stream,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
        Err(_) => return Ok(None),
    };
    let line = RequestLine {
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
