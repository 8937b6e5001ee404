//! Exit codes and error messages of commands.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use super::{out, problems};
use rollbook_core::document::{ProblemKind, Problems, Severity};
use rollbook_core::store::StoreError;

/// Another process owns the mirror: EX_TEMPFAIL of sysexits.
pub const BUSY_CODE: u8 = 75;

/// This user may not open a file: EX_NOPERM of sysexits. systemd tries again, because an admin may change the owner.
const DENIED_CODE: u8 = 77;

/// What to do if another process owns the mirror.
const BUSY: &str = "\nThe running daemon owns the mirror: run `systemctl stop rollbook`, then this command, \
     then `systemctl start rollbook`. Commands that only read work while it runs, and so do sync, approve, pause, resume, reset and erase.";

/// A failed command: exit code and message.
#[derive(Debug)]
pub struct Exit {
    code: u8,
    text: String,
    /// Fits the terminal already, and has colours.
    is_laid_out: bool,
}

impl Exit {
    fn new(code: u8, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
            is_laid_out: false,
        }
    }

    /// Failure without a message: it was printed already.
    pub fn unsuccessful() -> Self {
        Self::new(1, "")
    }

    /// The command failed.
    pub fn failed(text: impl Into<String>) -> Self {
        Self::new(1, text)
    }

    /// The command line is invalid.
    pub fn usage(text: impl Into<String>) -> Self {
        Self::new(2, text)
    }

    /// Another process has what the command needs.
    pub fn busy(text: impl Into<String>) -> Self {
        Self::new(BUSY_CODE, text)
    }

    /// The command failed where it was carried out, and printed why.
    #[cfg(feature = "postgres")]
    pub fn as_another(code: u8) -> Self {
        Self::new(code, "")
    }

    /// This user may not do it.
    pub fn denied(text: impl Into<String>) -> Self {
        Self::new(DENIED_CODE, text)
    }

    /// The configuration is invalid; the problems were printed already.
    pub fn wrong_configuration() -> Self {
        Self::new(78, "")
    }

    /// There is no configuration.
    pub fn no_configuration(text: impl Into<String>) -> Self {
        Self::new(78, text)
    }

    /// A file that a person named cannot be written.
    pub fn not_written(path: &Path, error: &io::Error) -> Self {
        let help = match error.kind() {
            io::ErrorKind::PermissionDenied => {
                "; this command runs as the owner of the mirror: give it a folder that this user may write, or let your shell \
                 make the file: write `-` instead of its name, and `> FILE`"
            }
            io::ErrorKind::NotFound => "; create the folder first",
            _ => "",
        };
        Self::failed(format!("could not write {}: {error}{help}", path.display()))
    }

    /// The same with a location before the message.
    pub fn at(self, location: &str) -> Self {
        Self {
            text: format!("{location}: {}", self.text),
            ..self
        }
    }

    /// Whether another process owns the mirror.
    pub fn is_busy(&self) -> bool {
        self.code == BUSY_CODE
    }

    /// The message, for tests.
    #[cfg(test)]
    pub fn into_text(self) -> String {
        self.text
    }

    /// The code, for tests.
    #[cfg(test)]
    pub fn code(&self) -> u8 {
        self.code
    }

    /// Prints the message and returns the code.
    pub fn report(self) -> ExitCode {
        if !self.text.is_empty() {
            match self.is_laid_out {
                true => anstream::eprintln!("{}", self.text.trim_end()),
                false => out::error(&self.text),
            }
        }
        ExitCode::from(self.code)
    }
}

impl From<Problems> for Exit {
    fn from(problems: Problems) -> Self {
        let mut errors = problems
            .iter()
            .filter(|problem| problem.severity == Severity::Error);
        let is_denied = errors.all(|problem| problem.kind == Some(ProblemKind::Denied));
        Self {
            code: if is_denied { DENIED_CODE } else { 78 },
            text: problems::render(&problems, out::error_width()),
            is_laid_out: true,
        }
    }
}

impl From<StoreError> for Exit {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Busy { .. } => BUSY_CODE,
            error if error.is_denied() => DENIED_CODE,
            error if error.needs_a_person() => 78,
            _ => 1,
        };
        let help = match &error {
            StoreError::Busy { .. } => BUSY,
            _ => "",
        };
        Self::new(code, format!("rollbook: {error}{help}"))
    }
}

#[cfg(test)]
mod tests;
