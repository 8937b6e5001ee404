//! The text of a file that somebody edits, and places in it.
//!
//! It never shows a secret: places that may hold one are hidden in every excerpt, first those that look
//! like it, then those that the schema knows of. Not a parser.

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::hidden::hidden_places;

/// A line is shown up to so many bytes before and after the caret.
const EXCERPT: usize = 120;

/// A file's text as it may be shown: with its name, and with the places that are not shown.
#[derive(Debug)]
pub struct FileText {
    name: String,
    text: String,
    /// Where each line starts.
    lines: Vec<usize>,
    /// Places that the schema knows of.
    hidden: Mutex<Vec<Range<usize>>>,
    /// Places that look like secrets: looked for only when something is shown, because it is the
    /// dearest part of reading a file that is right.
    secretive: OnceLock<Vec<Range<usize>>>,
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
            secretive: OnceLock::new(),
        })
    }

    /// The name of a file whose text is not known, because it could not be read.
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
    pub fn hide(&self, place: Range<usize>) {
        self.hidden
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(place);
    }

    /// The number of the line that a place starts in, from 1, and its column in letters, from 1.
    pub(super) fn position(&self, place: &Range<usize>) -> (usize, usize) {
        let line = self.line_of(place.start);
        let number = self.line_number(&line);
        let start = self.boundary(place.start).clamp(line.start, line.end);
        (number, self.text[line.start..start].chars().count() + 1)
    }

    /// The number of the line that a place starts in, from 1.
    pub(super) fn line_number(&self, place: &Range<usize>) -> usize {
        self.lines.partition_point(|start| *start <= place.start)
    }

    /// The line around an offset, without its end.
    fn line_of(&self, offset: usize) -> Range<usize> {
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

    /// The first line of a place as it may be shown, and where in it the caret stands.
    pub(super) fn excerpt(&self, place: &Range<usize>) -> (String, Range<usize>) {
        let line = self.line_of(place.start);
        let from = self.boundary(place.start).clamp(line.start, line.end);
        let to = self.boundary(place.end).clamp(from, line.end);
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
        let secretive = self.secretive.get_or_init(|| hidden_places(&self.text));
        hidden.extend_from_slice(secretive);
        hidden.sort_by_key(|place| place.start);
        let mut pieces = Vec::new();
        let mut at = around.start;
        for place in hidden {
            let (start, end) = (
                self.boundary(place.start).max(at),
                self.boundary(place.end).min(around.end),
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

/// Where in a file something stands.
#[derive(Clone, Debug)]
pub struct Place {
    /// The file.
    pub file: Arc<FileText>,
    /// The bytes in it; `None` means the file as a whole.
    pub span: Option<Range<usize>>,
}

impl Place {
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
