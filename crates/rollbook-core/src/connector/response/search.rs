//! Collects rows, total and next page while a body is walked.

use serde::de::{DeserializeSeed as _, Error as _, MapAccess};
use serde_json::Value;
use serde_json::value::RawValue;

use super::scalar::Scalar;
use super::{FoundParts, NextPath, PageSearch, PageShape, RowsPath, is_total};
use crate::connector::decode::RowSeed;
use crate::connector::json::JsonText;
use crate::connector::link::NextPage;

/// The most bytes of one row that stands in place of a list.
const MAX_ONE_ROW: usize = 8 << 20;

/// The most bytes of an element of the list with the next address; a larger one holds none.
pub(super) const MAX_NEXT: usize = 64 << 10;

/// Parts of the names of members that say why there are no rows.
const COMPLAINTS: [&str; 4] = ["error", "exception", "fault", "message"];

impl FoundParts {
    /// Whether the rows' member is missing, and nothing says that this is a failure.
    pub(super) fn lacks_rows(&self) -> bool {
        self.lacks_rows && !self.has_stranger && self.wrong.is_none()
    }

    /// What the response has instead of rows.
    pub(super) fn nothing_found(&self, shape: &PageShape) -> String {
        if let Some(wrong) = &self.wrong {
            return wrong.clone();
        }
        let wanted: Vec<String> = shape
            .rows
            .iter()
            .map(|path| match path {
                RowsPath::Body => "an array".to_owned(),
                RowsPath::One => "an object".to_owned(),
                RowsPath::AnyMember => "a member with an array".to_owned(),
                RowsPath::Named(path) if path.is_empty() => "an object of rows".to_owned(),
                RowsPath::Member(path) | RowsPath::Named(path) => {
                    format!("the member `{}`", path.join("."))
                }
            })
            .collect();
        let has = if self.names.is_empty() {
            String::new()
        } else {
            format!("; it has {}", self.names.join(", "))
        };
        format!("the response lacks {}{has}", wanted.join(" or "))
    }
}

impl PageSearch<'_, '_> {
    pub(super) fn rank(&self, wanted: impl Fn(&RowsPath) -> bool) -> Option<usize> {
        let rank = self.shape.rows.iter().position(wanted)?;
        let is_better = self.found.rows.is_none_or(|found| rank < found);
        let goes_on = self.continues && self.found.rows == Some(rank);
        (is_better || goes_on).then_some(rank)
    }

    pub(super) fn start_rows(&mut self, rank: usize) {
        let goes_on = std::mem::take(&mut self.continues) && self.found.rows == Some(rank);
        if self.found.rows.is_some() && !goes_on {
            self.reader.restart();
            self.replaces = true;
        }
        self.found.rows = Some(rank);
        self.found.in_rows = true;
    }

    pub(super) fn note_total(&mut self, path: &[String], number: u64) {
        if self.shape.total_member.is_empty() {
            return;
        }
        let name = path.join(".");
        let rank = self
            .shape
            .total_member
            .iter()
            .position(|wanted| is_total(wanted, path) || self.shape.same(wanted, &name));
        if let Some(rank) = rank
            && self.found.total.is_none_or(|(best, _)| rank <= best)
        {
            self.found.total = Some((rank, number));
        }
    }

    /// A value that is neither list nor object: a mistake at the rows' path, evaluated at the path of the next page.
    pub(super) fn note_scalar(&mut self, at: &[String], value: &Scalar<'_>) {
        let shape = self.shape;
        if !matches!(value, Scalar::Null) && self.is_rows(at) && !shape.leads_to_rows(at) {
            self.note_wrong(at, value.as_str());
        }
        if let Some(wanted) = &shape.more
            && shape.same(wanted, &at.join("."))
        {
            self.found.more = value.boolean();
        }
        if let Some(NextPath::Member(wanted)) = &shape.next {
            let name = at.join(".");
            let inside = wanted.len() > name.len() && wanted.as_bytes()[name.len()] == b'.';
            if shape.same(wanted, &name) {
                self.found.next = value.next(shape.next_is_address);
            } else if inside
                && wanted.is_char_boundary(name.len())
                && shape.same(&wanted[..name.len()], &name)
                && matches!(value, Scalar::Text(text) if !text.trim().is_empty())
            {
                self.found.next = NextPage::Unclear;
            }
        }
    }

    /// Whether the next cursor or address is here.
    pub(super) fn is_next(&self, at: &[String]) -> bool {
        matches!(&self.shape.next, Some(NextPath::Member(wanted)) if self.shape.same(wanted, &at.join(".")))
    }

    pub(super) fn is_rows(&self, at: &[String]) -> bool {
        self.shape.rows.iter().any(|path| match path {
            RowsPath::Member(path) | RowsPath::Named(path) => {
                !path.is_empty() && self.shape.is_path(path, at)
            }
            RowsPath::Body | RowsPath::One | RowsPath::AnyMember => false,
        })
    }

    /// An object begins: the rows' member may be missing from it.
    pub(super) fn note_parent(&mut self, at: &[String]) {
        let mut parents = self.shape.rows.iter().filter_map(RowsPath::parent);
        self.found.lacks_rows |= parents.any(|parent| self.shape.is_path(parent, at));
    }

    /// A member around the rows: one that is named like an error, or that the connector does not name, may say that there
    /// are no rows for another reason.
    pub(super) fn note_name(&mut self, at: &[String], name: &str) {
        if !self.shape.missing_is_empty || self.found.has_stranger {
            return;
        }
        let mut parents = self.shape.rows.iter().filter_map(RowsPath::parent);
        let is_around = parents.any(|parent| {
            let above = parent.get(..at.len());
            above.is_some_and(|above| self.shape.is_path(above, at))
        });
        if !is_around {
            return;
        }
        let lower = name.to_ascii_lowercase();
        let is_complaint = COMPLAINTS.iter().any(|word| lower.contains(word));
        let path = [at, &[name.to_owned()]].concat();
        self.found.has_stranger = is_complaint || !self.shape.names_it(&path);
    }

    /// A member of the body, each of which is a row: an error has the form of one. Only whole words count, because names of
    /// rows are any text.
    pub(super) fn note_row_name(&mut self, name: &str) {
        let found = COMPLAINTS.iter().find(|word| has_word(name, word));
        self.found.row_complaint = self.found.row_complaint.or(found.copied());
    }

    pub(super) fn note_wrong(&mut self, at: &[String], what: &str) {
        let name = at.join(".");
        self.found
            .wrong
            .get_or_insert_with(|| format!("`{name}` is {what}, not a list"));
    }

    /// The wanted element's member, out of a list such as `links`.
    pub(super) fn pick_next(&mut self, element: &Value) {
        let Some(NextPath::Picked { by, is, member, .. }) = &self.shape.next else {
            return;
        };
        let find = |wanted: &str| {
            let members = element.as_object()?;
            let found = members
                .iter()
                .find(|(name, _)| self.shape.same(wanted, name));
            found.map(|(_, value)| value)
        };
        let fits = |value: &Value| match value {
            Value::String(text) => text
                .split_whitespace()
                .any(|word| word.eq_ignore_ascii_case(is)),
            _ => false,
        };
        let wanted = match find(by) {
            Some(Value::Array(words)) => words.iter().any(fits),
            Some(value) => fits(value),
            None => false,
        };
        if !wanted {
            return;
        }
        let address = self.shape.next_is_address;
        self.found.next = match find(member) {
            None | Some(Value::Null) => NextPage::None,
            Some(Value::String(text)) => Scalar::Text(text).next(address),
            Some(Value::Number(number)) => Scalar::Number(&number.to_string()).next(address),
            Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => NextPage::Unclear,
        };
    }

    /// A list in the form of an object: one row, if it has the key's members and no more than [`MAX_ONE_ROW`].
    pub(super) fn one_row<'de, A: MapAccess<'de>>(
        &mut self,
        rank: usize,
        at: &[String],
        first: &str,
        mut map: A,
    ) -> Result<(), A::Error> {
        let mut text = String::from("{");
        let mut is_too_large = false;
        let mut name = Some(first.to_owned());
        while let Some(member) = name {
            let value = map.next_value::<&RawValue>()?;
            if text.len() + value.get().len() <= MAX_ONE_ROW {
                if text.len() > 1 {
                    text.push(',');
                }
                text.push_str(&Value::from(member).to_string());
                text.push(':');
                text.push_str(value.get());
            } else {
                is_too_large = true;
            }
            name = map
                .next_key::<JsonText<'de>>()?
                .map(|JsonText(name)| name.into_owned());
        }
        text.push('}');
        if is_too_large {
            self.note_wrong(at, "a large object");
            return Ok(());
        }
        let mut probe = self.decoder.reader(&text, self.repaired);
        let mut json = serde_json::Deserializer::from_str(&text);
        RowSeed(&mut probe)
            .deserialize(&mut json)
            .map_err(A::Error::custom)?;
        if probe.finish().is_none_or(|found| found.rows.is_empty()) {
            self.note_wrong(at, "an object");
            return Ok(());
        }
        self.start_rows(rank);
        let mut json = serde_json::Deserializer::from_str(&text);
        RowSeed(&mut self.reader)
            .deserialize(&mut json)
            .map_err(A::Error::custom)
    }

    /// An object or a list where the next cursor or address is expected.
    pub(super) fn note_thing(&mut self, at: &[String]) {
        if let Some(NextPath::Member(wanted)) = &self.shape.next
            && !at.is_empty()
            && self.shape.same(wanted, &at.join("."))
        {
            self.found.next = NextPage::Unclear;
        }
    }
}

/// Whether a member's name, such as `errorMessage` or `last_errors`, has this word or its plural.
fn has_word(name: &str, word: &str) -> bool {
    let is_lower = |at: usize| name[..at].ends_with(|letter: char| letter.is_lowercase());
    let starts = name
        .char_indices()
        .filter(|(at, letter)| letter.is_uppercase() && is_lower(*at));
    let mut from = 0;
    let ends = starts.map(|(at, _)| at).chain([name.len()]);
    let mut humps = ends.map(|end| &name[std::mem::replace(&mut from, end)..end]);
    humps.any(|hump| {
        hump.split('_').any(|part| {
            let part = part.to_ascii_lowercase();
            part == word || part.strip_suffix('s') == Some(word)
        })
    })
}
