//! Problems of files: as a compiler shows them, wrapped at the terminal's width, and as JSON.

use serde::Serialize;

use super::table::fill;
use rollbook_core::document::{Problem, Problems, RenderStyle, Severity};

/// What is in front of a message, and of an advice.
const ERROR: &str = "error: ";
const NOTE: &str = "note: ";
const HELP: &str = "  = help: ";

/// The least width of a text, in a terminal that is narrower.
const MIN_WIDTH: usize = 20;

/// All problems with excerpts; on a terminal of this width, messages and advice wrap by words.
pub fn render(problems: &Problems, width: Option<usize>) -> String {
    let Some(width) = width else {
        return problems.render(RenderStyle::Coloured);
    };
    let mut wrapped = Problems::new();
    for problem in problems.iter() {
        let gutter = problem.line().unwrap_or(1).to_string().len() + HELP.len() - 1;
        let head = match problem.severity {
            Severity::Error => ERROR.len(),
            Severity::Note => NOTE.len(),
        };
        let fit =
            |text: &str, before: usize| fill(text, width.saturating_sub(before).max(MIN_WIDTH));
        wrapped.push(Problem {
            message: fit(&problem.message, head),
            help: problem.help.as_deref().map(|help| fit(help, gutter)),
            ..problem.clone()
        });
    }
    wrapped.render(RenderStyle::Fitted(width))
}

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

#[cfg(test)]
mod tests;
