//! Cuts a JSON body into bodies of the same form with some of its rows each, so that it need not be held whole.
//!
//! `{"users":[{…},{…},{…}],"total":3}` is `{"users":[{…},{…}]}` and `{"users":[{…}],"total":3}`. It is cut between rows only,
//! where the connector says that rows are; a body without such a place stays whole, but for texts that are longer than
//! anything takes. Quotes and brackets are all that is looked at: whether it is JSON is for the parser to say.

use memchr::memchr2;

use super::{PageShape, RowsPath};
use crate::connector::slots::MAX_TEXT;
use crate::model::UnexpectedResponse;

/// The most bytes of a text that are kept, with its escapes, of which the longest are six bytes for a character: what is
/// left is still longer than a cell takes.
const MAX_STRING: usize = 8 * MAX_TEXT;

/// The parser takes no deeper nesting of what it reads.
const MAX_DEPTH: usize = 128;

/// The deepest nesting of what it passes over, which costs it a byte a level.
const MAX_SKIPPED_DEPTH: usize = 10_000;

/// Where a body can be cut, as far as it has arrived.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    /// The next byte to look at.
    at: usize,
    in_string: bool,
    /// The position of the last string's first byte and of the one behind it.
    string: (usize, usize),
    /// What is open around the rows.
    open: Vec<Member>,
    /// Brackets open of what is no place for rows.
    other: usize,
    rows: Option<RowsContainer>,
    /// The last place between two rows of `rows`.
    cut: Option<usize>,
    /// Brackets that do not match, or are too many: it is not JSON that can be read.
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
    /// Each member of the object is a row, whatever its name.
    is_named: bool,
    /// What makes a body of some of its rows, in front of them and behind.
    head: Vec<u8>,
    tail: Vec<u8>,
}

/// What was behind a cut: the comma, and the bytes after it.
pub(super) struct Behind {
    rest: Vec<u8>,
    cut: usize,
}

impl Behind {
    /// Where the rows before it end.
    pub fn cut(&self) -> usize {
        self.cut
    }
}

impl Splitter {
    /// Looks at what arrived. If `body` can be cut, it becomes a body of the rows so far, and what is behind them is returned.
    ///
    /// # Errors
    /// When it is nested so deeply that passing over it would take much memory.
    pub fn cut(
        &mut self,
        shape: &PageShape,
        body: &mut Vec<u8>,
    ) -> Result<Option<Behind>, UnexpectedResponse> {
        self.scan(shape, body);
        let depth = self.rows.as_ref().map_or(self.other, |rows| rows.depth);
        if depth > MAX_SKIPPED_DEPTH {
            let reason = "the JSON is nested more than ten thousand levels deep";
            return Err(UnexpectedResponse::of_value(reason));
        }
        let (Some(rows), Some(cut)) = (&self.rows, self.cut.take()) else {
            return Ok(None);
        };
        let rest = body.split_off(cut);
        body.extend_from_slice(&rows.tail);
        Ok(Some(Behind { rest, cut }))
    }

    /// Puts what was behind a cut in place of the rows before it, as a body that goes on with them; returns how many of
    /// its bytes are none of the response here.
    pub fn go_on(&mut self, body: &mut Vec<u8>, behind: &Behind) -> usize {
        let Some(rows) = &mut self.rows else {
            return 0;
        };
        body.clear();
        body.extend_from_slice(&rows.head);
        body.extend_from_slice(&behind.rest[1..]);
        let (head, taken) = (rows.head.len(), behind.cut + 1);
        let moved = |at: usize| (at + head).saturating_sub(taken);
        self.at = moved(self.at);
        self.string = (moved(self.string.0), moved(self.string.1));
        let is_behind = |comma: &usize| *comma >= taken;
        rows.comma = rows.comma.filter(is_behind).map(moved);
        head
    }

    fn scan(&mut self, shape: &PageShape, text: &mut Vec<u8>) {
        while self.at < text.len() && !self.is_broken {
            if self.in_string {
                if !self.pass_string(text) {
                    return;
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

    /// Passes over the string that is open; returns whether its end has arrived. What nothing takes of it is dropped.
    fn pass_string(&mut self, text: &mut Vec<u8>) -> bool {
        let kept = self.string.0 + MAX_STRING;
        let mut drop_from = None;
        let has_ended = loop {
            let run = self.at;
            let end = memchr2(b'"', b'\\', &text[run..]);
            let end = end.map_or(text.len(), |end| run + end);
            if drop_from.is_none() {
                drop_from = match run >= kept {
                    true => Some(run),
                    false => (kept..end).find(|at| starts_character(text[*at])),
                };
            }
            self.at = end;
            let escape = match text.get(end) {
                None => {
                    // The other bytes of the last character may arrive later.
                    let last = (run..end).rev().find(|at| starts_character(text[*at]));
                    self.at = last.unwrap_or(end);
                    break false;
                }
                Some(b'"') => break true,
                Some(_) => match text.get(end + 1) {
                    Some(b'u') => 6,
                    _ => 2,
                },
            };
            if end + escape > text.len() {
                break false;
            }
            self.at += escape;
        };
        if let Some(from) = drop_from {
            text.drain(from..self.at.max(from));
            self.at = from;
        }
        if has_ended {
            self.at += 1;
            (self.in_string, self.string.1) = (false, self.at);
        }
        has_ended
    }

    fn in_rows(&mut self, text: &[u8], byte: u8, at: usize) {
        let Some(rows) = &mut self.rows else { return };
        match byte {
            b'{' | b'[' => rows.depth += 1,
            b'}' | b']' => rows.depth -= 1,
            b',' if rows.depth == 1 && rows.is_object => rows.comma = Some(at),
            b',' if rows.depth == 1 => self.cut = Some(at),
            b':' if rows.depth == 1 => {
                let is_row = rows.is_named || is_number(&text[self.string.0..self.string.1]);
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
            b'[' | b'{' if self.other > 0 => self.other += 1,
            b']' | b'}' if self.other > 0 => self.other -= 1,
            b'[' if self.is_at_rows(shape, true) => self.enter(false, false),
            b'[' => self.other = 1,
            b'{' if self.open.len() >= MAX_DEPTH => self.is_broken = true,
            b'{' => self.open.push(Member::default()),
            b'}' if !self.open.is_empty() => _ = self.open.pop(),
            b']' | b'}' => self.is_broken = true,
            b':' if self.other == 0 => {
                let name = &text[self.string.0..self.string.1];
                let is_first = self.open.last().is_some_and(|open| open.number == 0);
                if is_first && self.is_in_named_rows(shape) {
                    self.enter(true, true);
                } else if is_first && is_number(name) && self.is_in_rows(shape) {
                    self.enter(true, false);
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
                RowsPath::Named(wanted) => is_array && shape.is_path(wanted, &path),
                RowsPath::One => false,
            })
    }

    /// The object that is open has rows as its members.
    fn is_in_named_rows(&self, shape: &PageShape) -> bool {
        let path = self.path(self.open.len() - 1);
        let is_one_row = shape.rows.first() == Some(&RowsPath::One);
        let is_here = |wanted: &RowsPath| matches!(wanted, RowsPath::Named(wanted) if shape.is_path(wanted, &path));
        !is_one_row && shape.rows.iter().any(is_here)
    }

    /// The object that is open may be a list of numbered rows.
    fn is_in_rows(&self, shape: &PageShape) -> bool {
        let path = self.path(self.open.len() - 1);
        self.is_at_rows(shape, false) && !shape.leads_to_rows(&path)
    }

    fn enter(&mut self, is_object: bool, is_named: bool) {
        let around = self.open.len() - usize::from(is_object);
        let mut head = Vec::new();
        for member in &self.open[..around] {
            head.push(b'{');
            head.extend_from_slice(&member.name);
            head.push(b':');
        }
        head.push(if is_object { b'{' } else { b'[' });
        let mut tail = vec![if is_object { b'}' } else { b']' }];
        tail.resize(around + 1, b'}');
        self.rows = Some(RowsContainer {
            depth: 1,
            comma: None,
            is_object,
            is_named,
            head,
            tail,
        });
    }
}

/// Whether a character of UTF-8 begins with this byte.
fn starts_character(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

/// Whether a string, with its quotes, is the number of a row.
fn is_number(string: &[u8]) -> bool {
    let digits = string
        .strip_prefix(b"\"")
        .and_then(|text| text.strip_suffix(b"\""));
    digits.is_some_and(|text| !text.is_empty() && text.iter().all(u8::is_ascii_digit))
}
