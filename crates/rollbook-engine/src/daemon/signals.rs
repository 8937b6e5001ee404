//! Signals: SIGTERM and SIGINT stop, SIGHUP reloads.
//!
//! A second SIGTERM changes nothing, and several pending SIGHUP are one reload. Once there is a handler, a signal never
//! again ends the process by itself.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::control::ControlHandle;

/// SIGXFSZ, on Linux everywhere but on MIPS, which is not built for.
const FILE_TOO_LARGE: i32 = 25;

/// Signal handlers, active since this value was made.
#[derive(Debug)]
pub struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Installs the handlers; needs a runtime.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Makes a write beyond the file size limit fail with an error instead of killing the process.
    /// Needs a runtime; permanent.
    pub fn outlive_file_limits() -> io::Result<()> {
        signal(SignalKind::from_raw(FILE_TOO_LARGE)).map(drop)
    }

    /// Forwards every signal to `control`, forever.
    pub async fn forward(mut self, control: &ControlHandle) {
        loop {
            tokio::select! {
                Some(()) = self.hangup.recv() => control.reload.notify_one(),
                Some(()) = self.terminate.recv() => control.stop.cancel(),
                Some(()) = self.interrupt.recv() => control.stop.cancel(),
                else => return std::future::pending().await,
            }
        }
    }
}
