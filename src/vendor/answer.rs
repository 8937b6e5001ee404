//! One answer as a page: where its rows stand, what total it states, what comes next.
//!
//! Pure: bytes and headers in, facts out. A 200 without the rows' member is a failed page, never
//! "no rows" (webuntis-oneroster.md 3.3); `null` and an empty body are "no rows" only where the description says so.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::decode::{Decoded, Decoder, Reader, RowSeed, RowsSeed};
use super::description::NameMatch;
use super::json::Text;

/// Where a page's parts stand, from the description.
#[derive(Clone, Debug, Default)]
pub struct PageShape {
    /// Places of the rows, in order of preference.
    pub rows: Vec<Place>,
    /// The body `null` means no rows.
    pub null_is_empty: bool,
    /// No body means no rows.
    pub blank_is_empty: bool,
    /// Header with the whole list's size.
    pub total_header: Option<String>,
    /// Members with it.
    pub total_member: Vec<String>,
    /// Dotted path of the next cursor.
    pub cursor: Option<String>,
    /// How member names are matched.
    pub names: NameMatch,
}

impl PageShape {
    fn is_path(&self, wanted: &[String], at: &[String]) -> bool {
        wanted.len() == at.len()
            && wanted
                .iter()
                .zip(at)
                .all(|(wanted, name)| match self.names {
                    NameMatch::Exact => wanted == name,
                    NameMatch::AnyCase => wanted.eq_ignore_ascii_case(name),
                })
    }
}

/// Where rows stand in a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The body itself is the array.
    Body,
    /// The body is one row.
    One,
    /// Whatever member holds an array.
    AnyMember,
    /// A member, by its path.
    Member(Vec<String>),
}

impl Place {
    /// Reads `"[]"`, `"{}"`, `"*"` or a dotted path.
    pub fn read(text: &str) -> Self {
        match text {
            "[]" => Self::Body,
            "{}" => Self::One,
            "*" => Self::AnyMember,
            path => Self::Member(path.split('.').map(str::to_owned).collect()),
        }
    }
}

/// What one answer said.
#[derive(Debug, Default)]
pub struct Page {
    /// Its rows.
    pub decoded: Decoded,
    /// The size of the whole list, if it says so in a number that can be one.
    pub total: Option<u64>,
    /// The next cursor, if any.
    pub cursor: Option<String>,
}

/// Reads an answer. The error says what was wrong without showing any of it.
pub fn read(
    shape: &PageShape,
    decoder: &Decoder,
    body: &[u8],
    total_header: Option<&str>,
) -> Result<Page, String> {
    let text = std::str::from_utf8(body).map_err(|_| "the answer is not UTF-8".to_owned())?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
    let total = total_header.and_then(|total| total.trim().parse().ok());
    if text.is_empty() || text == "null" {
        let (allowed, what) = if text.is_empty() {
            (shape.blank_is_empty, "nothing")
        } else {
            (shape.null_is_empty, "null")
        };
        return match allowed {
            true => Ok(Page {
                total,
                ..Page::default()
            }),
            false => Err(format!("expected rows, got {what}")),
        };
    }
    if text.starts_with('<') {
        return Err("expected JSON, got a web page".to_owned());
    }
    let mut search = Search {
        shape,
        reader: decoder.reader(text.len()),
        page: Page {
            total,
            ..Page::default()
        },
        found: None,
        names: Vec::new(),
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    BodySeed {
        search: &mut search,
        at: Vec::new(),
    }
    .deserialize(&mut deserializer)
    .and_then(|()| deserializer.end())
    .map_err(|error| plain(&error))?;
    if search.found.is_none() {
        return Err(search.nothing_found());
    }
    search.page.decoded = search.reader.finish();
    Ok(search.page)
}

/// serde_json's words for a syntax error hold no content; the words for a wrong type might.
fn plain(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    if error.is_eof() {
        format!("the JSON breaks off at line {line} column {column}")
    } else {
        format!("the JSON is wrong at line {line} column {column}")
    }
}

struct Search<'s, 'd> {
    shape: &'s PageShape,
    reader: Reader<'d>,
    page: Page,
    /// How good the place was where rows were found: lower is better.
    found: Option<usize>,
    names: Vec<String>,
}

impl Search<'_, '_> {
    fn nothing_found(&self) -> String {
        let wanted: Vec<String> = self
            .shape
            .rows
            .iter()
            .map(|place| match place {
                Place::Body => "an array".to_owned(),
                Place::One => "an object".to_owned(),
                Place::AnyMember => "a member with an array".to_owned(),
                Place::Member(path) => format!("the member `{}`", path.join(".")),
            })
            .collect();
        let has = if self.names.is_empty() {
            String::new()
        } else {
            format!("; it has {}", self.names.join(", "))
        };
        format!("the answer lacks {}{has}", wanted.join(" or "))
    }

    fn rank(&self, wanted: impl Fn(&Place) -> bool) -> Option<usize> {
        let rank = self.shape.rows.iter().position(wanted)?;
        self.found.is_none_or(|found| rank < found).then_some(rank)
    }

    fn start_rows(&mut self, rank: usize) {
        if self.found.is_some() {
            self.reader.restart();
        }
        self.found = Some(rank);
    }

    fn is_total(&self, path: &[String]) -> bool {
        self.shape.total_member.iter().any(|wanted| {
            if wanted == "*" {
                let name = path
                    .last()
                    .map(|name| name.to_ascii_lowercase())
                    .unwrap_or_default();
                path.len() == 1 && (name.contains("count") || name.contains("total"))
            } else {
                *wanted == path.join(".")
            }
        })
    }
}

/// Walks the outside of a body.
struct BodySeed<'a, 's, 'd> {
    search: &'a mut Search<'s, 'd>,
    at: Vec<String>,
}

impl<'de> DeserializeSeed<'de> for BodySeed<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let at = &self.at;
        if at.is_empty() && self.search.shape.rows.first() == Some(&Place::One) {
            self.search.start_rows(0);
            return RowSeed(&mut self.search.reader).deserialize(deserializer);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for BodySeed<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a page")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { search, at } = self;
        let shape = search.shape;
        let rank = search.rank(|place| match place {
            Place::Body => at.is_empty(),
            Place::AnyMember => at.len() == 1,
            Place::Member(path) => shape.is_path(path, &at),
            Place::One => false,
        });
        match rank {
            Some(rank) => {
                search.start_rows(rank);
                RowsSeed(&mut search.reader).visit_seq(seq)
            }
            None => {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(())
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { search, at } = self;
        while let Some(Text(name)) = map.next_key::<Text<'de>>()? {
            if at.is_empty()
                && search.names.len() < 5
                && name.len() <= 40
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
            {
                search.names.push(format!("`{name}`"));
            }
            let mut inner = at.clone();
            inner.push(name.into_owned());
            map.next_value_seed(BodySeed {
                search: &mut *search,
                at: inner,
            })?;
        }
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        if self.search.is_total(&self.at) {
            self.search.page.total = Some(number);
        }
        self.visit_cursor(&number.to_string());
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if self.search.is_total(&self.at)
            && let Ok(number) = text.trim().parse()
        {
            self.search.page.total = Some(number);
        }
        self.visit_cursor(text);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
}

impl BodySeed<'_, '_, '_> {
    fn visit_cursor(self, text: &str) {
        if !text.is_empty()
            && self.search.shape.cursor.as_deref() == Some(self.at.join(".").as_str())
        {
            self.search.page.cursor = Some(text.to_owned());
        }
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
