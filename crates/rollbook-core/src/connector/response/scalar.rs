//! A value outside of the rows, and what it means for the next page.

use crate::connector::link::NextPage;

/// A value that is no list and no object.
pub(super) enum Scalar<'a> {
    Null,
    Boolean(bool),
    Number(&'a str),
    Text(&'a str),
}

impl Scalar<'_> {
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
        }
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        match self {
            Self::Null => None,
            Self::Boolean(value) => Some(*value),
            Self::Number(number) => Some(*number != "0"),
            Self::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Self::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
            Self::Text(_) => None,
        }
    }

    /// Redis and others use the cursor zero for "no other page".
    pub(super) fn next(&self, is_address: bool) -> NextPage {
        match self {
            Self::Null => NextPage::None,
            Self::Text(text) if text.trim().is_empty() => NextPage::None,
            Self::Text("0") | Self::Number("0") if !is_address => NextPage::None,
            Self::Text(text) => NextPage::To((*text).to_owned()),
            Self::Number(number) if !is_address => NextPage::To((*number).to_owned()),
            Self::Number(_) | Self::Boolean(_) => NextPage::Unclear,
        }
    }
}
