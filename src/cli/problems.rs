//! Problems of files as JSON.

use serde::Serialize;

use crate::document::{Problem, Severity};

/// One problem.
#[derive(Debug, Serialize)]
pub struct ProblemLine {
    severity: &'static str,
    file: String,
    line: Option<usize>,
    message: String,
    help: Option<String>,
}

impl ProblemLine {
    /// Converts a problem.
    pub fn of(problem: &Problem) -> Self {
        Self {
            severity: match problem.severity {
                Severity::Error => "error",
                Severity::Note => "note",
            },
            file: problem.location.file.name().to_owned(),
            line: problem.line(),
            message: problem.message.clone(),
            help: problem.help.clone(),
        }
    }
}
