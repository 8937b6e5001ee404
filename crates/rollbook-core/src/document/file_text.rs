//! The text of a configuration file, and locations in it.
//!
//! Excerpts never show a secret: ranges that may hold one are redacted, both those that look like one and those that
//! the schema marks. Not a parser.

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::redact::secret_ranges;

/// A line is shown up to so many bytes before and after the caret.
const EXCERPT: usize = 120;

/// A file's text as it may be shown: with its name, and with the ranges that are not shown.
#[derive(Debug)]
pub struct FileText {
    name: String,
    text: String,
    /// Where each line starts.
    lines: Vec<usize>,
    /// Ranges that the schema marks as secret.
    hidden: Mutex<Vec<Range<usize>>>,
    /// Ranges that look like secrets; computed only when an excerpt is shown, because it is the most expensive part of
    /// reading a valid file.
    redacted: OnceLock<Vec<Range<usize>>>,
}

impl FileText {
    /// A text and the name that problems show for it.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        let text = text.into();
        let ends = text.match_indices('\n').map(|(end, _)| end + 1);
        let lines = std::iter::once(0).chain(ends).collect();
        Arc::new(Self {
            lines,
            name: name.into(),
            text,
            hidden: Mutex::default(),
            redacted: OnceLock::new(),
        })
    }

    /// A file that could not be read.
    pub fn unread(path: &Path) -> Arc<Self> {
        Self::new(path.display().to_string(), "")
    }

    /// The name that problems show.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text as it is, secrets included.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Keeps a value out of every excerpt, also of problems that exist already.
    pub fn hide(&self, range: Range<usize>) {
        self.hidden
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(range);
    }

    /// The number of the line that a range starts in, from 1, and its column in letters, from 1.
    pub(super) fn position(&self, range: &Range<usize>) -> (usize, usize) {
        let line = self.line_of(range.start);
        let number = self.line_number(&line);
        let start = self.boundary(range.start).clamp(line.start, line.end);
        (number, self.text[line.start..start].chars().count() + 1)
    }

    /// The number of the line that a range starts in, from 1.
    pub(super) fn line_number(&self, range: &Range<usize>) -> usize {
        self.lines.partition_point(|start| *start <= range.start)
    }

    /// The line around an offset, without its end.
    pub(super) fn line_of(&self, offset: usize) -> Range<usize> {
        let offset = self.boundary(offset);
        let number = self.lines.partition_point(|start| *start <= offset);
        let start = self.lines[number - 1];
        let end = self
            .lines
            .get(number)
            .map_or(self.text.len(), |next| next - 1);
        let ending = usize::from(self.text[start..end].ends_with('\r'));
        start..end - ending
    }

    fn boundary(&self, offset: usize) -> usize {
        self.text.floor_char_boundary(offset.min(self.text.len()))
    }

    /// The first line of a range as it may be shown, and the position of the caret in it.
    pub(super) fn excerpt(&self, range: &Range<usize>) -> (String, Range<usize>) {
        let line = self.line_of(range.start);
        let from = self.boundary(range.start).clamp(line.start, line.end);
        let to = self.boundary(range.end).clamp(from, line.end);
        let around = self.boundary(from.saturating_sub(EXCERPT)).max(line.start)
            ..self.boundary(from + EXCERPT).min(line.end);
        let mut shown = String::new();
        let (mut start, mut end) = (None, None);
        for piece in self.pieces(&around) {
            let offset = shown.len();
            let text = &self.text[piece.source.clone()];
            match text.chars().next() {
                Some(quote @ ('"' | '\'')) if piece.hidden => shown.extend([quote, '…', quote]),
                _ if piece.hidden => shown.push('…'),
                _ => shown.push_str(text),
            }
            if piece.source.contains(&from) {
                start = Some(if piece.hidden {
                    offset
                } else {
                    offset + from - piece.source.start
                });
            }
            if piece.source.start < to && to <= piece.source.end {
                end = Some(if piece.hidden {
                    shown.len()
                } else {
                    offset + to - piece.source.start
                });
            }
        }
        let start = start.unwrap_or(shown.len());
        let end = if to > from {
            end.unwrap_or(shown.len()).max(start)
        } else {
            start
        };
        (shown, start..end)
    }

    /// A part of a line as pieces that are shown and pieces that are not.
    fn pieces(&self, around: &Range<usize>) -> Vec<Piece> {
        let mut hidden = self
            .hidden
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let redacted = self.redacted.get_or_init(|| secret_ranges(&self.text));
        hidden.extend_from_slice(redacted);
        hidden.sort_by_key(|range| range.start);
        let mut pieces = Vec::new();
        let mut at = around.start;
        for range in hidden {
            let (start, end) = (
                self.boundary(range.start).max(at),
                self.boundary(range.end).min(around.end),
            );
            if start >= end {
                continue;
            }
            pieces.push(Piece {
                source: at..start,
                hidden: false,
            });
            pieces.push(Piece {
                source: start..end,
                hidden: true,
            });
            at = end;
        }
        pieces.push(Piece {
            source: at..around.end,
            hidden: false,
        });
        pieces
    }
}

/// A part of a line.
struct Piece {
    source: Range<usize>,
    hidden: bool,
}

/// A file, or a part of it.
#[derive(Clone, Debug)]
pub struct Location {
    /// The file.
    pub file: Arc<FileText>,
    /// The bytes in it; `None` means the file as a whole.
    pub span: Option<Range<usize>>,
}

impl Location {
    /// The file as a whole.
    pub fn whole(file: &Arc<FileText>) -> Self {
        Self {
            file: Arc::clone(file),
            span: None,
        }
    }

    /// Some bytes of it.
    pub fn within(file: &Arc<FileText>, span: Range<usize>) -> Self {
        Self {
            file: Arc::clone(file),
            span: Some(span),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_excerpt_points_and_hides() {
        let rows = [
            ("a = 1\nbc = 2\n", 6..8, "bc = 2", "bc"),
            ("a = 1\r\nbc = 2\r\n", 12..13, "bc = 2", "2"),
            ("a = '''x\ny'''", 4..13, "a = '''x", "'''x"),
            ("password = 'p'", 11..14, "password = '…'", "'…'"),
            (
                "password = 'p', b = 2",
                20..21,
                "password = '…', b = 2",
                "2",
            ),
            (
                "a = 'http://me:p@b'",
                4..19,
                "a = 'http://…@b'",
                "'http://…@b'",
            ),
            ("ü = 1", 5..6, "ü = 1", "1"),
            ("", 0..0, "", ""),
            ("a = ", 4..4, "a = ", ""),
            ("a", 9..12, "a", ""),
        ];
        for (text, span, line, marked) in rows {
            let (shown, caret) = FileText::new("f", text).excerpt(&span);
            assert_eq!((shown.as_str(), &shown[caret]), (line, marked), "{text}");
        }
    }

    #[test]
    fn a_place_that_is_hidden_later_is_hidden_too() {
        let file = FileText::new("f", "a = 'x', b = 'yy'");
        file.hide(4..7);
        file.hide(5..7);
        assert_eq!(
            file.excerpt(&(13..17)),
            ("a = '…', b = 'yy'".to_owned(), 15..19)
        );
    }

    proptest! {
        #[test]
        fn no_place_is_too_odd(text in "(password|=|'|é|\n|\r|.){0,20}", start in 0..40_usize, length in 0..40_usize) {
            let file = FileText::new("f", text);
            file.hide(start / 2..start);
            let (shown, caret) = file.excerpt(&(start..start + length));
            prop_assert!(shown.get(caret).is_some());
        }
    }
}
