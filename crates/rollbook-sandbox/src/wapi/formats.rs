//! Content negotiation and encoding (wapi.md 3.2 to 3.4).

use axum::http::{HeaderMap, header};

use super::operations::Params;
use super::payloads::Payload;
use super::record::{DateStyle, json_list};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Xml,
    Jsv,
    Csv,
}

const WORDS: &[(&str, Format)] = &[
    ("json", Format::Json),
    ("xml", Format::Xml),
    ("jsv", Format::Jsv),
    ("csv", Format::Csv),
];

impl Format {
    /// The requested format: by suffix, `format=`, prefix, `Accept`, `Content-Type`, else JSON (wapi.md 12 A11).
    /// Also returns the path without its suffix.
    pub(super) fn negotiate<'a>(
        path: &'a str,
        params: &Params,
        headers: &HeaderMap,
        xml_unless_named: bool,
    ) -> (&'a str, Self) {
        for (word, format) in WORDS {
            if let Some(stem) = path
                .strip_suffix(word)
                .and_then(|stem| stem.strip_suffix('.'))
            {
                return (stem, *format);
            }
        }
        let named = params.get("format").and_then(by_word);
        let prefix = path
            .trim_start_matches('/')
            .split_once("/reply/")
            .and_then(|(word, _)| by_word(word));
        let by_header = |name| {
            headers
                .get(name)
                .and_then(|value| by_media(value.to_str().ok()?))
        };
        let negotiate = named
            .or(prefix)
            .or(xml_unless_named.then_some(Self::Xml))
            .or_else(|| by_header(header::ACCEPT))
            .or_else(|| by_header(header::CONTENT_TYPE));
        (path, negotiate.unwrap_or(Self::Json))
    }
}

fn by_word(word: &str) -> Option<Format> {
    WORDS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(word))
        .map(|(_, format)| *format)
}

/// The first media type with a known part after the slash.
fn by_media(text: &str) -> Option<Format> {
    text.split(',')
        .find_map(|media| by_word(media.split(';').next()?.trim().rsplit('/').next()?))
}

/// Media type and body.
pub(super) fn encode(rows: &Payload, format: Format, dates: DateStyle) -> (&'static str, String) {
    let mut out = String::new();
    let media = match format {
        Format::Json => {
            match rows {
                Payload::One(record) => record.json(dates, &mut out),
                Payload::List(records) => json_list(records, dates, &mut out),
            }
            "application/json"
        }
        Format::Xml => {
            super::xml::write(rows, &mut out);
            "application/xml"
        }
        Format::Jsv => {
            super::flat::jsv(rows, &mut out);
            "text/jsv"
        }
        Format::Csv => {
            super::flat::csv(rows, &mut out);
            "text/csv"
        }
    };
    (media, out)
}
