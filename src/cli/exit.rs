//! How a command ends when it does not end well.

use std::process::ExitCode;

use crate::model::{Look, Problems};
use crate::store::StoreError;

/// The code for that somebody else has the mirror, EX_TEMPFAIL of sysexits.
const BUSY_CODE: u8 = 75;

/// What to do when somebody else writes.
const BUSY: &str = "\nThe daemon keeps the mirror to itself while it runs: `systemctl stop rollbook`, then this command, \
     then `systemctl start rollbook`. Commands that only read work beside it, and so do approve, resume and reset.";

/// Why a command ends, and with which code.
#[derive(Debug)]
pub struct Exit {
    code: u8,
    text: String,
}

impl Exit {
    /// A run did not end well; what there is to say was said.
    pub fn unwell() -> Self {
        Self {
            code: 1,
            text: String::new(),
        }
    }

    /// The command failed.
    pub fn failed(text: impl Into<String>) -> Self {
        Self {
            code: 1,
            text: text.into(),
        }
    }

    /// The command line makes no sense.
    pub fn usage(text: impl Into<String>) -> Self {
        Self {
            code: 2,
            text: text.into(),
        }
    }

    /// The configuration cannot be used; what there is to say was said.
    pub fn wrong_configuration() -> Self {
        Self {
            code: 78,
            text: String::new(),
        }
    }

    /// Whether somebody else has the mirror.
    pub fn is_busy(&self) -> bool {
        self.code == BUSY_CODE
    }

    /// What would be said, for tests.
    #[cfg(test)]
    pub fn into_text(self) -> String {
        self.text
    }

    /// Says why, and gives the code.
    pub fn tell(self) -> ExitCode {
        if !self.text.is_empty() {
            anstream::eprintln!("{}", self.text.trim_end());
        }
        ExitCode::from(self.code)
    }
}

impl From<Problems> for Exit {
    fn from(problems: Problems) -> Self {
        Self {
            code: 78,
            text: problems.render(Look::Coloured),
        }
    }
}

impl From<StoreError> for Exit {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Busy { .. } => BUSY_CODE,
            error if error.needs_a_person() => 78,
            _ => 1,
        };
        let help = match &error {
            StoreError::Busy { .. } => BUSY,
            _ => "",
        };
        Self {
            code,
            text: format!("rollbook: {error}{help}"),
        }
    }
}
