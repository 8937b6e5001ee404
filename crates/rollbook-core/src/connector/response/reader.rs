//! Reads a response while it arrives: each piece's rows by themselves, and what else it says at its end.

use serde::de::DeserializeSeed as _;

use super::body::BodySeed;
use super::pieces::Splitter;
use super::stated_outcome::StatedOutcome;
use super::{Decoded, DecodedPage, Decoder, FoundParts, PageSearch, PageShape, header_total};
use crate::connector::repair;
use crate::model::row::Rows;
use crate::model::{UnexpectedResponse, Unlisted};

/// Text of a response that is not quite JSON is repaired up to this size in bytes; one row has no more.
const MAX_REPAIRED: usize = 16 << 20;

/// A response that is being read.
#[derive(Debug, Default)]
pub struct PageReader {
    splitter: Splitter,
    found: FoundParts,
    stated: StatedOutcome,
    unlisted: Unlisted,
    /// The bytes in front of what is left that only lead to its rows.
    head: usize,
    /// Line and column of the next byte in the response, from 0.
    line: usize,
    column: usize,
}

/// The rows of a piece.
pub struct PieceRows {
    /// The rows.
    pub rows: Rows,
    /// Rows of earlier pieces are none of the page's: a better path for them was found behind.
    pub replaces: bool,
}

impl PageReader {
    /// Takes the rows that have arrived out of the front of `body`, if it can be cut behind them.
    ///
    /// # Errors
    /// When it is not the expected response. The error never quotes it.
    pub fn take(
        &mut self,
        shape: &PageShape,
        decoder: &Decoder,
        body: &mut Vec<u8>,
    ) -> Result<Option<PieceRows>, UnexpectedResponse> {
        let Some(behind) = self.splitter.cut(shape, body)? else {
            return Ok(None);
        };
        let (text, is_damaged) = repair::utf8(body);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let (decoded, replaces) = self.read(shape, decoder, (text, is_damaged))?;
        self.unlisted.add(decoded.unlisted);
        self.pass(&body[self.head..behind.cut()]);
        self.head = self.splitter.go_on(body, &behind);
        Ok(Some(PieceRows {
            rows: decoded.rows,
            replaces,
        }))
    }

    /// Reads what is left of the response.
    ///
    /// # Errors
    /// When it is not the expected response. The error never quotes it.
    pub fn finish(
        mut self,
        shape: &PageShape,
        decoder: &Decoder,
        body: &[u8],
        total_header: Option<&str>,
    ) -> Result<DecodedPage, UnexpectedResponse> {
        let (text, is_damaged) = repair::utf8(body);
        let text = &*text;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
        let total = total_header.and_then(header_total);
        if text.is_empty() || text == "null" {
            let (allowed, what) = if text.is_empty() {
                (shape.blank_is_empty, "nothing")
            } else {
                (shape.null_is_empty, "null")
            };
            let expected = format!("expected rows, got {what}");
            return match allowed {
                true => Ok(DecodedPage {
                    total,
                    no_content: text.is_empty(),
                    ..DecodedPage::default()
                }),
                false if text.is_empty() => Err(UnexpectedResponse::of_server(expected)),
                false => Err(UnexpectedResponse::of_form(expected)),
            };
        }
        if text.starts_with('<') {
            return Err(UnexpectedResponse::of_server(
                "expected JSON, got a web page",
            ));
        }
        let (decoded, replaces) = self.read(shape, decoder, (text, is_damaged))?;
        self.unlisted.add(decoded.unlisted);
        let found = self.found;
        if let Some(reason) = self.stated.failure(&shape.errors) {
            return Err(UnexpectedResponse::of_form(reason));
        }
        if let Some(word) = found.row_complaint {
            return Err(UnexpectedResponse::of_form(format!(
                "the response has a member that is named like an error (`{word}`), where each member is a row"
            )));
        }
        let (odd_empty, lacks_rows) = match (found.rows, found.empty) {
            (Some(_), _) => (false, false),
            (None, Some(odd)) => (odd, false),
            (None, None) if shape.missing_is_empty && found.lacks_rows() => (true, true),
            (None, None) => return Err(UnexpectedResponse::of_form(found.nothing_found(shape))),
        };
        let body_total = found.total.map(|(_, total)| total);
        Ok(DecodedPage {
            decoded: Decoded {
                unlisted: self.unlisted,
                starts: in_body(body, text, decoded.starts),
                rows: decoded.rows,
            },
            // Where header and body disagree, the larger one is not agreed with by mistake.
            total: total.max(body_total),
            body_total,
            next: found.next,
            more: found.more,
            no_content: false,
            odd_empty,
            lacks_rows,
            replaces,
        })
    }

    /// Reads a text that is a body by itself.
    fn read(
        &mut self,
        shape: &PageShape,
        decoder: &Decoder,
        (text, is_damaged): (&str, bool),
    ) -> Result<(Decoded, bool), UnexpectedResponse> {
        let as_it_is = match is_damaged || decoder.needs_digits() {
            true => None,
            false => match self.parse(shape, decoder, (text, false)) {
                Ok(Some(read)) => return Ok(read),
                Err(error) if error.is_eof() => return Err(self.not_json(&error)),
                Err(error) => Some(error),
                Ok(None) => None,
            },
        };
        if text.len() > MAX_REPAIRED {
            return Err(match as_it_is {
                Some(error) => self.not_json(&error),
                None => unreadable_number(),
            });
        }
        match self.parse(shape, decoder, (&repair::repaired(text), true)) {
            Ok(Some(read)) => Ok(read),
            Ok(None) => Err(unreadable_number()),
            // The position is the one in the original response, if known.
            Err(error) => Err(self.not_json(&as_it_is.unwrap_or(error))),
        }
    }

    /// One reading of a text; nothing where it has to be repaired first.
    fn parse(
        &mut self,
        shape: &PageShape,
        decoder: &Decoder,
        (text, repaired): (&str, bool),
    ) -> serde_json::Result<Option<(Decoded, bool)>> {
        let mut search = PageSearch {
            shape,
            decoder,
            repaired,
            reader: decoder.reader(text, repaired),
            found: self.found.clone(),
            continues: self.found.in_rows && self.head > 0,
            replaces: false,
        };
        let mut deserializer = serde_json::Deserializer::from_str(text);
        BodySeed {
            search: &mut search,
            at: Vec::new(),
        }
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())?;
        let Some(mut decoded) = search.reader.finish() else {
            return Ok(None);
        };
        decoded.starts = match repaired {
            true => Vec::new(),
            false => row_starts(text, &decoded.starts),
        };
        self.stated.search(&shape.errors, text)?;
        self.found = search.found;
        Ok(Some((decoded, search.replaces)))
    }

    /// Moves the position behind bytes of the response.
    fn pass(&mut self, bytes: &[u8]) {
        match memchr::memrchr(b'\n', bytes) {
            Some(last) => {
                self.line += memchr::memchr_iter(b'\n', bytes).count();
                self.column = bytes.len() - last - 1;
            }
            None => self.column += bytes.len(),
        }
    }

    /// serde_json's messages for syntax errors contain no content; those for wrong types might.
    fn not_json(&self, error: &serde_json::Error) -> UnexpectedResponse {
        let line = self.line + error.line();
        let column = match error.line() {
            1 => self.column + error.column().saturating_sub(self.head),
            _ => error.column(),
        };
        if error.is_eof() {
            let reason = format!("the JSON ends early at line {line} column {column}");
            UnexpectedResponse::of_server(reason)
        } else {
            let reason = format!("the JSON is invalid at line {line} column {column}");
            UnexpectedResponse::of_value(reason)
        }
    }
}

/// The offsets of the objects whose first names are at these offsets of a text.
fn row_starts(text: &str, names: &[u32]) -> Vec<u32> {
    let start = |name: &u32| {
        let before = text.as_bytes().get(..*name as usize)?;
        let before = before.strip_suffix(b"\"")?.trim_ascii_end();
        before.ends_with(b"{").then_some(before.len() as u32 - 1)
    };
    names.iter().map_while(start).collect()
}

/// Offsets in a text as offsets in the body that it is a part of; a text that was repaired is none, and has no offsets.
fn in_body(body: &[u8], text: &str, offsets: Vec<u32>) -> Vec<u32> {
    let first = (text.as_ptr() as usize).wrapping_sub(body.as_ptr() as usize);
    let moved = |offset: u32| offset.wrapping_add(first as u32);
    offsets.into_iter().map(moved).collect()
}

fn unreadable_number() -> UnexpectedResponse {
    UnexpectedResponse::of_value("the response contains a number that cannot be read")
}
