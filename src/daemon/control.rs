//! The daemon's ear for admins: a socket in its runtime folder that takes one wish and gives one answer.
//!
//! One line of JSON each way; what they mean is the engine's. Heard is only who is the daemon's own user or root, as
//! the kernel says, whatever the socket's mode. The surprise: the line begins with the mirror that is meant, so that a
//! command in another folder cannot reach the wrong daemon.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::engine::Engine;
use super::serve::AtOnce;
use super::status_file::make_folder;
use crate::clock::Clock;

/// Its name in the runtime folder.
const NAME: &str = "control.sock";

/// No wish is longer.
const LONGEST: u64 = 16 << 10;

/// Whoever connects and says nothing is not waited for any longer, because one is heard at a time.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is said to the daemon.
#[derive(Serialize, Deserialize)]
struct Line {
    mirror: PathBuf,
    wish: String,
}

/// The socket, while the daemon listens.
pub struct Control {
    listener: UnixListener,
    path: PathBuf,
    mirror: PathBuf,
}

impl Control {
    /// Listens in this folder for wishes about this mirror. A socket that a killed daemon left behind is replaced: who
    /// has the mirror's lock is the only daemon of this folder.
    ///
    /// # Errors
    /// When there is no such folder and none can be made, or the path is longer than the kernel takes.
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

    /// Hears one after the other, until it is dropped.
    pub async fn serve(&self, engine: Arc<dyn Engine>, at_once: Arc<AtOnce>, clock: Clock) {
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                // Out of handles: whoever waits is heard when there are some again.
                clock.sleep(PATIENCE).await;
                continue;
            };
            if let Err(error) = self.hear(stream, &*engine, &at_once, &clock).await {
                tracing::debug!("a wish was not heard: {error}");
            }
        }
    }

    async fn hear(
        &self,
        stream: UnixStream,
        engine: &dyn Engine,
        at_once: &AtOnce,
        clock: &Clock,
    ) -> io::Result<()> {
        let (from, ours) = (stream.peer_cred()?.uid(), fs::metadata(&self.path)?.uid());
        if from != 0 && from != ours {
            tracing::warn!(uid = from, "somebody else's wish was not heard");
            return Ok(());
        }
        let mut stream = BufReader::new(stream);
        let mut text = String::new();
        let mut limited = (&mut stream).take(LONGEST);
        tokio::select! {
            read = limited.read_line(&mut text) => drop(read?),
            () = clock.sleep(PATIENCE) => return Err(io::ErrorKind::TimedOut.into()),
        }
        let line: Line = serde_json::from_str(&text)?;
        if line.mirror != self.mirror {
            return Ok(());
        }
        let reply = engine.wish(line.wish).await;
        if let Some(job) = reply.run_now {
            at_once.ask(job);
        }
        stream
            .write_all(format!("{}\n", reply.answer).as_bytes())
            .await
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path); // nobody hears there any more
    }
}

/// Says a wish to the daemon that listens in this folder and writes this mirror. Nothing when there is none.
///
/// # Errors
/// When it is there and cannot be spoken to: the asker is not its user, or it ended meanwhile.
pub async fn ask(folder: &Path, mirror: &Path, wish: &str) -> io::Result<Option<String>> {
    let mut stream = match UnixStream::connect(folder.join(NAME)).await {
        Ok(stream) => stream,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
        Err(_) => return Ok(None),
    };
    let line = Line {
        mirror: mirror.to_owned(),
        wish: wish.to_owned(),
    };
    stream
        .write_all(format!("{}\n", serde_json::to_string(&line)?).as_bytes())
        .await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let answer = answer.trim_end();
    Ok((!answer.is_empty()).then(|| answer.to_owned()))
}

#[cfg(test)]
mod tests;
