//! The program on a terminal: what it shows is read as it comes, and answers are typed.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use nix::pty::{Winsize, openpty};
use nix::sys::termios::{LocalFlags, tcgetattr};

use crate::server::WAIT_LIMIT;

/// The usual size.
const SIZE: Winsize = Winsize {
    ws_row: 24,
    ws_col: 80,
    ws_xpixel: 0,
    ws_ypixel: 0,
};

/// Whether what is typed is shown, and lines are edited by the terminal.
pub fn is_usual(line: &OwnedFd) -> bool {
    let flags = tcgetattr(line).expect("modes").local_flags;
    flags.contains(LocalFlags::ECHO | LocalFlags::ICANON)
}

/// A program on a terminal of 80 columns.
pub struct Session {
    child: Child,
    keyboard: File,
    /// The program's side, to look at its modes.
    line: OwnedFd,
    output: Receiver<Vec<u8>>,
    shown: String,
    /// How much of `shown` was expected already.
    read: usize,
}

impl Session {
    pub fn start(mut command: Command) -> Self {
        let pair = openpty(Some(&SIZE), None).expect("a terminal");
        let side = || pair.slave.try_clone().expect("a copy");
        let child = command.stdin(side()).stdout(side()).stderr(side()).spawn();
        let keyboard = File::from(pair.master);
        let mut screen = keyboard.try_clone().expect("a copy");
        let (sender, output) = channel();
        thread::spawn(move || {
            let mut part = [0; 4096];
            // The last copy of the other side is closed by the drop of the session.
            while let Ok(length @ 1..) = screen.read(&mut part) {
                if sender.send(part[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            child: child.expect("started"),
            keyboard,
            line: pair.slave,
            output,
            shown: String::new(),
            read: 0,
        }
    }

    /// Waits until the program shows these words, after those that were waited for before.
    pub fn expect(&mut self, words: &str) {
        loop {
            if let Some(at) = self.shown[self.read..].find(words) {
                self.read += at + words.len();
                return;
            }
            let part = self.output.recv_timeout(WAIT_LIMIT);
            let part = part.unwrap_or_else(|_| panic!("no {words:?} in:\n{}", self.shown));
            self.shown.push_str(&String::from_utf8_lossy(&part));
        }
    }

    /// Types a line.
    pub fn answer(&mut self, text: &str) {
        let line = format!("{text}\n");
        self.keyboard.write_all(line.as_bytes()).expect("typed");
    }

    /// Waits for a question and answers it.
    pub fn dialogue(&mut self, question: &str, answer: &str) {
        self.expect(question);
        self.answer(answer);
    }

    pub fn is_usual(&self) -> bool {
        is_usual(&self.line)
    }

    /// The program's side, for a look at its modes after the end.
    pub fn line(&self) -> OwnedFd {
        self.line.try_clone().expect("a copy")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the end: the exit code, and everything that was shown.
    pub fn end(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().expect("ended");
        while let Ok(part) = self.output.try_recv() {
            self.shown.push_str(&String::from_utf8_lossy(&part));
        }
        (status.code(), self.shown.clone())
    }
}
