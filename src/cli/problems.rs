//! Problems of files, for scripts.

use serde::Serialize;

use crate::model::{Problem, Severity};

/// One problem, for a script.
#[derive(Debug, Serialize)]
pub struct ProblemLine {
    severity: &'static str,
    file: String,
    line: Option<usize>,
    message: String,
    help: Option<String>,
}

impl ProblemLine {
    /// The same as a value that serializes.
    pub fn of(problem: &Problem) -> Self {
        Self {
            severity: match problem.severity {
                Severity::Error => "error",
                Severity::Note => "note",
            },
            file: problem.place.file.name().to_owned(),
            line: problem.line(),
            message: problem.message.clone(),
            help: problem.help.clone(),
        }
    }
}
