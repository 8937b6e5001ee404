//! Signals become orders: SIGTERM and SIGINT stop, SIGHUP reloads.
//!
//! A second SIGTERM changes nothing, and a storm of SIGHUP is one reload, because an order that
//! has not been looked at yet is not given twice. Once listened for, a signal never again ends the
//! process by itself.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::serve::Orders;

/// SIGXFSZ, on Linux everywhere but on MIPS, which is not built for.
const FILE_TOO_LARGE: i32 = 25;

/// Listens for signals from the moment it is made.
#[derive(Debug)]
pub struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Begins to listen; needs a runtime.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Lets a write beyond a limit on file sizes fail as any write may, instead of ending the process.
    /// Needs a runtime; holds for ever.
    pub fn outlive_file_limits() -> io::Result<()> {
        signal(SignalKind::from_raw(FILE_TOO_LARGE)).map(drop)
    }

    /// Gives an order for every signal, for ever.
    pub async fn forward(mut self, orders: &Orders) {
        loop {
            tokio::select! {
                Some(()) = self.hangup.recv() => orders.reload.notify_one(),
                Some(()) = self.terminate.recv() => orders.stop.cancel(),
                Some(()) = self.interrupt.recv() => orders.stop.cancel(),
                else => return std::future::pending().await,
            }
        }
    }
}
