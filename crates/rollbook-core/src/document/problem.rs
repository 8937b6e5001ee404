//! Problems of a configuration file, shown as a compiler shows them: file, line, caret, advice.
//!
//! Not the failures of a run. A problem owns its data, so it can be stored and shown later. A list with notes only is
//! not a failure.

use std::fmt;

use annotate_snippets::{
    AnnotationKind, Level, Origin, Renderer, Snippet, normalize_untrusted_str,
};

use super::file_text::Location;

/// More would fill the screen, and the first ones are usually the cause.
const SHOWN_PER_FILE: usize = 50;

/// Whether a problem prevents the use of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// RetryLimit knowing; it can be used.
    Note,
}

/// How problems are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RenderStyle {
    /// Letters only: logs, tests, pages.
    Plain,
    /// With colours, for a terminal.
    Coloured,
    /// With colours, for a terminal of this many columns: excerpts of long lines are cut.
    Fitted(usize),
}

/// One problem of a file.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Where.
    pub location: Location,
    /// What: lower case, no full stop.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Error or note.
    pub severity: Severity,
    /// What it is, where something depends on that.
    pub kind: Option<ProblemKind>,
}

/// Kinds of problems that something depends on: an exit code, an advice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// The operating system refused this process the file.
    Denied,
    /// A required key is not there.
    MissingKey(String),
}

impl Problem {
    /// A problem that prevents the use of the file.
    pub fn error(location: Location, message: impl Into<String>) -> Self {
        Self {
            location,
            message: message.into(),
            help: None,
            severity: Severity::Error,
            kind: None,
        }
    }

    /// Something worth knowing.
    pub fn note(location: Location, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Note,
            ..Self::error(location, message)
        }
    }

    /// The same of a kind that something depends on.
    pub fn kind(self, kind: ProblemKind) -> Self {
        Self {
            kind: Some(kind),
            ..self
        }
    }

    /// The same with advice.
    pub fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }

    /// The same with advice, where there is some.
    pub fn maybe_help(self, help: Option<String>) -> Self {
        Self { help, ..self }
    }

    /// The line it points at, from 1.
    pub fn line(&self) -> Option<usize> {
        self.location
            .span
            .as_ref()
            .map(|span| self.location.file.line_number(span))
    }

    /// Several lines with the excerpt, without an end of line.
    pub fn render(&self, style: RenderStyle) -> String {
        let file = &self.location.file;
        let message = normalize_untrusted_str(&self.message);
        let help = self.help.as_deref().map(normalize_untrusted_str);
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Note => Level::NOTE,
        };
        let excerpt = self
            .location
            .span
            .as_ref()
            .map(|span| (file.excerpt(span), file.position(span).0));
        let mut group = level
            .primary_title(message)
            .elements(Vec::<Origin<'_>>::new());
        group = match excerpt {
            Some(((line, caret), number)) => group.element(
                Snippet::source(line)
                    .path(file.name())
                    .line_start(number)
                    .annotation(AnnotationKind::Primary.span(caret)),
            ),
            None => group.element(Origin::path(file.name())),
        };
        if let Some(help) = help {
            group = group.element(Level::HELP.message(help));
        }
        let renderer = match style {
            RenderStyle::Plain => Renderer::plain(),
            RenderStyle::Coloured => Renderer::styled(),
            RenderStyle::Fitted(columns) => Renderer::styled().term_width(columns),
        };
        renderer.render(&[group])
    }
}

/// One line: file, line, column, what, advice.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.location.file.name())?;
        if let Some(span) = &self.location.span {
            let (line, column) = self.location.file.position(span);
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

/// All that is wrong with all files.
#[derive(Clone, Debug, Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// All of another list.
    pub fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Whether there is an error; notes do not count.
    pub fn has_errors(&self) -> bool {
        self.errors() > 0
    }

    /// The number of errors.
    pub fn errors(&self) -> usize {
        self.0
            .iter()
            .filter(|problem| problem.severity == Severity::Error)
            .count()
    }

    /// Whether there is nothing, not even a note.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each in turn.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }

    /// All of them, file by file in the order of their lines, with an empty line between; ends with a
    /// line end unless there is nothing. Of a file of noise the first fifty.
    pub fn render(&self, style: RenderStyle) -> String {
        let mut shown = String::new();
        for file in self.by_file() {
            for problem in file.iter().take(SHOWN_PER_FILE) {
                shown.push_str(&problem.render(style));
                shown.push_str("\n\n");
            }
            if let Some(more) = file
                .len()
                .checked_sub(SHOWN_PER_FILE)
                .filter(|more| *more > 0)
            {
                shown.push_str(&format!(
                    "and {more} more in {}\n\n",
                    file[0].location.file.name()
                ));
            }
        }
        shown.truncate(shown.trim_end().len());
        if !shown.is_empty() {
            shown.push('\n');
        }
        shown
    }

    /// Files in the order they were first spoken of, each with its problems by location.
    fn by_file(&self) -> Vec<Vec<&Problem>> {
        let mut files: Vec<Vec<&Problem>> = Vec::new();
        for problem in &self.0 {
            let name = problem.location.file.name();
            match files
                .iter_mut()
                .find(|file| file[0].location.file.name() == name)
            {
                Some(file) => file.push(problem),
                None => files.push(vec![problem]),
            }
        }
        for file in &mut files {
            file.sort_by_key(|problem| problem.location.span.as_ref().map(|span| span.start));
        }
        files
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Extend<Problem> for Problems {
    fn extend<I: IntoIterator<Item = Problem>>(&mut self, problems: I) {
        self.0.extend(problems);
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(RenderStyle::Plain))
    }
}

impl std::error::Error for Problems {}
