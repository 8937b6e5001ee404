//! Cuts a JSON body into bodies of the same form with some of its rows each, so that it need not be held whole.
//!
//! `{"users":[{…},{…},{…}],"total":3}` is `{"users":[{…},{…}]}` and `{"users":[{…}],"total":3}`. It is cut between rows only,
//! where the connector says that rows are; a body without such a place stays whole. Quotes and brackets are all
//! that is looked at: whether it is JSON is for the parser to say.

use std::borrow::Cow;

use memchr::memchr2;

use super::{PageShape, RowsPath};

/// The parser takes no deeper nesting.
const MAX_DEPTH: usize = 128;

/// Where a body can be cut, as far as it has arrived.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    /// The next byte to look at.
    at: usize,
    in_string: bool,
    is_escaped: bool,
    /// The position of the last string's first byte and of the one behind it, outside of rows.
    string: (usize, usize),
    /// What is open around the rows.
    open: Vec<Member>,
    /// Arrays open around, or after, what is no place for rows.
    other_arrays: usize,
    rows: Option<RowsContainer>,
    /// The last place between two rows of `rows`.
    cut: Option<usize>,
    /// What the bytes to come begin with, because it was cut off.
    head: Vec<u8>,
    /// What closes them after the cut.
    tail: Vec<u8>,
    /// Brackets that do not match: it is not JSON.
    is_broken: bool,
}

/// An object that is open, and its member that was begun last, with its quotes.
#[derive(Debug, Default)]
struct Member {
    name: Vec<u8>,
    number: usize,
}

/// The array or object that holds the rows.
#[derive(Debug)]
struct RowsContainer {
    /// Brackets open in it, with its own.
    depth: usize,
    /// The comma before the member that may be a row, in an object of numbered rows.
    comma: Option<usize>,
    is_object: bool,
    head: Vec<u8>,
}

/// A piece of a body.
pub(super) struct BodyPiece {
    /// A body by itself.
    pub text: Vec<u8>,
    /// Bytes in front of it that are not of this part of the response.
    pub head: usize,
    /// Bytes of the response to drop.
    pub taken: usize,
}

impl Splitter {
    /// Looks at what arrived, and returns the rows so far as a body by itself, if it can be cut.
    pub fn piece(&mut self, shape: &PageShape, text: &[u8]) -> Option<BodyPiece> {
        self.scan(shape, text);
        let cut = self.cut.take()?;
        let rows = self.rows.as_ref()?;
        let mut piece = Vec::with_capacity(self.head.len() + cut + self.tail.len());
        piece.extend_from_slice(&self.head);
        piece.extend_from_slice(&text[..cut]);
        piece.extend_from_slice(&self.tail);
        let head = std::mem::replace(&mut self.head, rows.head.clone()).len();
        let taken = cut + 1;
        self.at -= taken;
        let (start, end) = self.string;
        self.string = (start.saturating_sub(taken), end.saturating_sub(taken));
        if let Some(rows) = &mut self.rows {
            rows.comma = rows.comma.and_then(|comma| comma.checked_sub(taken));
        }
        Some(BodyPiece {
            text: piece,
            head,
            taken,
        })
    }

    /// What comes goes on with rows that were cut.
    pub fn continues(&self) -> bool {
        !self.head.is_empty()
    }

    /// What is left, as a body by itself.
    pub fn rest<'t>(&self, text: &'t [u8]) -> (Cow<'t, [u8]>, usize) {
        match self.head.is_empty() {
            true => (Cow::Borrowed(text), 0),
            false => (Cow::Owned([&self.head, text].concat()), self.head.len()),
        }
    }

    fn scan(&mut self, shape: &PageShape, text: &[u8]) {
        while self.at < text.len() && !self.is_broken {
            if self.is_escaped {
                (self.is_escaped, self.at) = (false, self.at + 1);
                continue;
            }
            if self.in_string {
                let Some(end) = memchr2(b'"', b'\\', &text[self.at..]) else {
                    self.at = text.len();
                    return;
                };
                self.at += end + 1;
                match text[self.at - 1] {
                    b'"' => (self.in_string, self.string.1) = (false, self.at),
                    _ => self.is_escaped = true,
                }
                continue;
            }
            let (byte, at) = (text[self.at], self.at);
            self.at += 1;
            if byte == b'"' {
                (self.in_string, self.string.0) = (true, at);
            } else if self.rows.is_some() {
                self.in_rows(text, byte, at);
            } else {
                self.around_rows(shape, text, byte);
            }
        }
    }

    fn in_rows(&mut self, text: &[u8], byte: u8, at: usize) {
        let Some(rows) = &mut self.rows else { return };
        match byte {
            b'{' | b'[' => rows.depth += 1,
            b'}' | b']' => rows.depth -= 1,
            b',' if rows.depth == 1 && rows.is_object => rows.comma = Some(at),
            b',' if rows.depth == 1 => self.cut = Some(at),
            b':' if rows.depth == 1 => {
                let is_row = is_number(&text[self.string.0..self.string.1]);
                if let (true, Some(comma)) = (is_row, rows.comma) {
                    self.cut = Some(comma);
                }
            }
            _ => {}
        }
        if rows.depth == 0 {
            let was_object = rows.is_object;
            self.rows = None;
            // What follows cannot be cut off together with rows: the next place for rows has a head of its own.
            self.cut = None;
            if was_object {
                self.open.pop();
            }
        }
    }

    fn around_rows(&mut self, shape: &PageShape, text: &[u8], byte: u8) {
        match byte {
            b'[' if self.other_arrays == 0 && self.is_at_rows(shape, true) => self.enter(false),
            b'[' => self.other_arrays += 1,
            b']' if self.other_arrays > 0 => self.other_arrays -= 1,
            b'{' if self.open.len() >= MAX_DEPTH => self.is_broken = true,
            b'{' if self.other_arrays == 0 => self.open.push(Member::default()),
            b'}' if self.other_arrays == 0 && !self.open.is_empty() => {
                self.open.pop();
            }
            b']' | b'}' if self.other_arrays == 0 => self.is_broken = true,
            b':' if self.other_arrays == 0 => {
                let name = &text[self.string.0..self.string.1];
                let is_first = self.open.last().is_some_and(|open| open.number == 0);
                if is_first && is_number(name) && self.is_in_rows(shape) {
                    self.enter(true);
                } else if let Some(open) = self.open.last_mut() {
                    open.name = name.to_vec();
                    open.number += 1;
                }
            }
            _ => {}
        }
    }

    /// The path of the next array, or of the object that is open.
    fn path(&self, members: usize) -> Vec<String> {
        let names = self.open[..members].iter();
        names
            .map(|member| serde_json::from_slice(&member.name).unwrap_or_default())
            .collect()
    }

    fn is_at_rows(&self, shape: &PageShape, is_array: bool) -> bool {
        let members = self.open.len() - usize::from(!is_array);
        let path = self.path(members);
        let is_one_row = shape.rows.first() == Some(&RowsPath::One);
        !is_one_row
            && shape.rows.iter().any(|wanted| match wanted {
                RowsPath::Body => path.is_empty(),
                RowsPath::AnyMember => is_array && path.len() == 1,
                RowsPath::Member(wanted) => shape.is_path(wanted, &path),
                RowsPath::One => false,
            })
    }

    /// The object that is open may be a list of numbered rows.
    fn is_in_rows(&self, shape: &PageShape) -> bool {
        let path = self.path(self.open.len() - 1);
        self.is_at_rows(shape, false) && !shape.leads_to_rows(&path)
    }

    fn enter(&mut self, is_object: bool) {
        let around = self.open.len() - usize::from(is_object);
        let mut head = Vec::new();
        for member in &self.open[..around] {
            head.push(b'{');
            head.extend_from_slice(&member.name);
            head.push(b':');
        }
        head.push(if is_object { b'{' } else { b'[' });
        self.tail = vec![if is_object { b'}' } else { b']' }];
        self.tail.resize(around + 1, b'}');
        self.rows = Some(RowsContainer {
            depth: 1,
            comma: None,
            is_object,
            head,
        });
    }
}

/// Whether a string, with its quotes, is the number of a row.
fn is_number(string: &[u8]) -> bool {
    let digits = string
        .strip_prefix(b"\"")
        .and_then(|text| text.strip_suffix(b"\""));
    digits.is_some_and(|text| !text.is_empty() && text.iter().all(u8::is_ascii_digit))
}
