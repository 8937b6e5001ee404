//! Questions on the terminal: a line, a yes, a secret that is not shown.
//!
//! Ctrl-C ends the command with the terminal as it was. The surprise: a secret is read letter by letter, because a
//! terminal cuts a line off after 4095 bytes, and a token may be longer.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::fd::AsFd as _;

use nix::sys::termios::{
    LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr,
};
use secrecy::SecretString;
use secrecy::zeroize::{Zeroize as _, Zeroizing};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::exit::Exit;
use super::out;
use super::stop::stop_on_signal;

/// The end of input at a terminal: Ctrl-D.
const END: u8 = 4;

/// Removes the line: Ctrl-U.
const KILL: u8 = 21;

/// Removes a letter: Backspace, which some terminals send as the first.
const ERASE: [u8; 2] = [8, 127];

/// The terminal that the command is run on.
pub struct Prompt {
    stop: CancellationToken,
}

impl Prompt {
    /// `None` if standard input or output is no terminal.
    pub fn open() -> Option<Self> {
        let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        is_terminal.then(|| Self {
            stop: stop_on_signal(),
        })
    }

    /// The answer, without blanks around it.
    pub async fn line(&self, prompt: &str) -> Result<String, Exit> {
        show(prompt);
        let bytes = self.wait(read_line).await?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    /// Whether the answer is yes; the default is no.
    pub async fn agrees(&self, question: &str) -> Result<bool, Exit> {
        loop {
            let answer = self.line(&format!("{question} [y/N] ")).await?;
            match answer.to_ascii_lowercase().as_str() {
                "y" | "yes" => return Ok(true),
                "" | "n" | "no" => return Ok(false),
                _ => out::text("  Answer y or n."),
            }
        }
    }

    /// An answer that is not shown while it is typed. Empty if there is none.
    pub async fn secret(&self, prompt: &str) -> Result<SecretString, Exit> {
        loop {
            // In this order: who sees the prompt may type at once.
            let hidden = Hidden::begin().map_err(unusable)?;
            show(prompt);
            let read = self.wait(read_hidden).await;
            drop(hidden);
            out::exact("\n");
            match std::str::from_utf8(&read?) {
                Ok(text) => return Ok(SecretString::from(text)),
                Err(_) => {
                    out::text("  This is not UTF-8; set the terminal to UTF-8, or leave it empty.")
                }
            }
        }
    }

    /// Reads on another thread, so that a signal ends the wait.
    async fn wait(
        &self,
        read: impl FnOnce(&mut File) -> io::Result<Option<Zeroizing<Vec<u8>>>> + Send + 'static,
    ) -> Result<Zeroizing<Vec<u8>>, Exit> {
        let reading = spawn_blocking(move || read(&mut terminal()?));
        let read = tokio::select! {
            () = self.stop.cancelled() => None,
            read = reading => match read {
                Ok(read) => read.map_err(unusable)?,
                Err(panic) => return Err(Exit::failed(format!("could not read the terminal: {panic}"))),
            },
        };
        read.ok_or_else(interrupted)
    }

    /// An error if Ctrl-C was pressed since the last answer.
    pub fn check_interrupted(&self) -> Result<(), Exit> {
        match self.stop.is_cancelled() {
            true => Err(interrupted()),
            false => Ok(()),
        }
    }
}

fn interrupted() -> Exit {
    Exit::failed("\ninterrupted; nothing was written")
}

fn unusable(error: io::Error) -> Exit {
    Exit::failed(format!("could not use the terminal: {error}"))
}

fn show(prompt: &str) {
    out::exact(prompt);
    let _ = io::stdout().flush(); // a closed terminal
}

/// Standard input without a buffer, in which a secret would stay.
fn terminal() -> io::Result<File> {
    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

/// A line; `None` at the end of the input.
fn read_line(terminal: &mut File) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut line = Zeroizing::new(Vec::new());
    let mut part = [0; 4096];
    loop {
        let length = terminal.read(&mut part)?;
        line.extend_from_slice(&part[..length]);
        if length == 0 || line.ends_with(b"\n") {
            return Ok((!line.is_empty()).then_some(line));
        }
    }
}

fn read_hidden(terminal: &mut File) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut typed = Typed::default();
    let mut byte = [0];
    loop {
        let step = match terminal.read(&mut byte)? {
            0 => TypedStep::End,
            _ => typed.key(byte[0]),
        };
        byte.zeroize();
        match step {
            TypedStep::More => {}
            TypedStep::Line => return Ok(Some(typed.0)),
            TypedStep::End => return Ok(None),
        }
    }
}

/// What was typed of a line so far.
#[derive(Default)]
struct Typed(Zeroizing<Vec<u8>>);

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TypedStep {
    More,
    Line,
    End,
}

impl Typed {
    fn key(&mut self, byte: u8) -> TypedStep {
        match byte {
            b'\n' | b'\r' => return TypedStep::Line,
            END if self.0.is_empty() => return TypedStep::End,
            END => return TypedStep::Line,
            KILL => self.0.zeroize(),
            byte if ERASE.contains(&byte) => {
                // A letter has one first byte, and up to three others.
                while self
                    .0
                    .pop()
                    .is_some_and(|last| last & 0b1100_0000 == 0b1000_0000)
                {}
            }
            byte => self.push(byte),
        }
        TypedStep::More
    }

    /// A vector that grows leaves its old memory behind, so this one moves by itself.
    fn push(&mut self, byte: u8) {
        if self.0.len() == self.0.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(256.max(self.0.len() * 2)));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.push(byte);
    }
}

/// While it lives, the terminal shows nothing of what is typed.
struct Hidden {
    terminal: File,
    before: Termios,
}

impl Hidden {
    fn begin() -> io::Result<Self> {
        let terminal = terminal()?;
        let before = tcgetattr(&terminal)?;
        let mut hidden = before.clone();
        hidden
            .local_flags
            .remove(LocalFlags::ECHO | LocalFlags::ICANON);
        // Ctrl-C alone ends the wait; these would leave the terminal as it is now.
        for key in [
            SpecialCharacterIndices::VQUIT,
            SpecialCharacterIndices::VSUSP,
        ] {
            hidden.control_chars[key as usize] = 0;
        }
        hidden.control_chars[SpecialCharacterIndices::VMIN as usize] = 1;
        hidden.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
        tcsetattr(&terminal, SetArg::TCSAFLUSH, &hidden)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.terminal, SetArg::TCSANOW, &self.before); // it may be closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_edit_a_hidden_line() {
        let rows: [(&[u8], TypedStep, &str); 8] = [
            (b"hunter2\n", TypedStep::Line, "hunter2"),
            (b"hunter2\r", TypedStep::Line, "hunter2"),
            (b"\n", TypedStep::Line, ""),
            (b"hunted\x7fr2\n", TypedStep::Line, "hunter2"),
            ("ab\u{20ac}\x08c\n".as_bytes(), TypedStep::Line, "abc"),
            (b"wrong\x15right\n", TypedStep::Line, "right"),
            (b"\x7f\x7fa\x04", TypedStep::Line, "a"),
            (b"\x04", TypedStep::End, ""),
        ];
        for (keys, end, expected) in rows {
            let mut typed = Typed::default();
            let mut steps: Vec<TypedStep> = keys.iter().map(|key| typed.key(*key)).collect();
            assert_eq!(steps.pop(), Some(end), "{keys:?}");
            assert!(
                steps.iter().all(|step| *step == TypedStep::More),
                "{keys:?}"
            );
            assert_eq!(typed.0.as_slice(), expected.as_bytes(), "{keys:?}");
        }
    }

    #[test]
    fn a_secret_may_be_longer_than_a_line_of_a_terminal() {
        let mut typed = Typed::default();
        let token: Vec<u8> = (0..9000).map(|number| b'a' + (number % 26) as u8).collect();
        token.iter().for_each(|byte| {
            typed.key(*byte);
        });
        assert_eq!(typed.0.as_slice(), token);
    }
}
