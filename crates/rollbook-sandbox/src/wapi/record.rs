//! Entities as the platform's framework sees them: a class name, and fields with Pascal names.
//!
//! Each format writes the same record differently; JSON puts `wType` first and camel-cases names
//! by an algorithm of its own (wapi.md 3.3).

use std::fmt::Write as _;

use crate::calendar::instant;

/// A value of a field.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Field {
    /// Left out in JSON.
    Null,
    Bool(bool),
    Int(i64),
    Real(f64),
    /// A number that is none: a bare `NaN`, which is not JSON.
    NotANumber,
    Text(String),
    /// Milliseconds since 1970, in UTC.
    Date(i64),
    /// A date that cannot be null and was never set: the first instant of year one.
    Unset,
    /// 32 hex digits.
    Guid(u128),
    One(Record),
    Many(Vec<Record>),
}

/// One entity.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    /// Class name, `wType` in JSON.
    pub(super) class: &'static str,
    /// Fields in JSON order, with Pascal names.
    pub(super) fields: Vec<(&'static str, Field)>,
}

/// How dates are written in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateStyle {
    /// `2025-01-14T06:10:00.0000000Z`.
    #[default]
    SevenDigits,
    /// The same without `Z`, and still UTC (wapi.md 12 A38).
    NoZone,
    /// `/Date(1736835000000+0000)/`, the framework's other form.
    Framework,
}

impl Record {
    pub(super) fn new(class: &'static str, fields: Vec<(&'static str, Field)>) -> Self {
        Self { class, fields }
    }

    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        self.fields
            .iter()
            .find(|(field, _)| *field == name)
            .map(|(_, value)| value)
    }

    pub(super) fn set(&mut self, name: &str, value: Field) {
        if let Some((_, old)) = self.fields.iter_mut().find(|(field, _)| *field == name) {
            *old = value;
        }
    }

    /// The record's `ID`; zero when it has none.
    pub(super) fn id(&self) -> i64 {
        match self.field("ID") {
            Some(Field::Int(id)) => *id,
            _ => 0,
        }
    }

    /// As JSON: `wType` first, no nulls.
    pub(super) fn json(&self, dates: DateStyle, out: &mut String) {
        out.push_str("{\"wType\":");
        quoted(self.class, out);
        for (name, value) in &self.fields {
            if *value == Field::Null {
                continue;
            }
            out.push(',');
            quoted(&self.json_name(name), out);
            out.push(':');
            value.json(dates, out);
        }
        out.push('}');
    }

    /// Points keep their one-letter names; everything else is camel-cased.
    fn json_name(&self, name: &str) -> String {
        if self.class == "Point" {
            name.to_owned()
        } else {
            camel(name)
        }
    }
}

/// A list as a bare JSON array.
pub(super) fn json_list(records: &[Record], dates: DateStyle, out: &mut String) {
    out.push('[');
    for (index, record) in records.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        record.json(dates, out);
    }
    out.push(']');
}

impl Field {
    fn json(&self, dates: DateStyle, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(truth) => _ = write!(out, "{truth}"),
            Self::Int(number) => _ = write!(out, "{number}"),
            Self::Real(number) => _ = write!(out, "{number}"),
            Self::NotANumber => out.push_str("NaN"),
            Self::Text(text) => quoted(text, out),
            Self::Date(millis) => quoted(&date(*millis, dates), out),
            Self::Unset => quoted(unset(dates), out),
            Self::Guid(guid) => _ = write!(out, "\"{guid:032x}\""),
            Self::One(record) => record.json(dates, out),
            Self::Many(records) => json_list(records, dates, out),
        }
    }
}

fn date(millis: i64, style: DateStyle) -> String {
    match style {
        DateStyle::SevenDigits => instant(millis)
            .strftime("%Y-%m-%dT%H:%M:%S.%3f0000Z")
            .to_string(),
        DateStyle::NoZone => instant(millis)
            .strftime("%Y-%m-%dT%H:%M:%S.%3f0000")
            .to_string(),
        DateStyle::Framework => format!("/Date({millis}+0000)/"),
    }
}

fn unset(style: DateStyle) -> &'static str {
    match style {
        DateStyle::SevenDigits => "0001-01-01T00:00:00.0000000Z",
        DateStyle::NoZone => "0001-01-01T00:00:00.0000000",
        DateStyle::Framework => "/Date(-62135596800000+0000)/",
    }
}

fn quoted(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

/// The framework's camel case: lower-case the first letter, then every further capital that is
/// followed by a capital or by the end; stop at the first that is not.
pub(super) fn camel(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut out = String::with_capacity(name.len());
    let mut lowering = true;
    for (index, letter) in letters.iter().enumerate() {
        let capital_next = letters.get(index + 1).is_none_or(char::is_ascii_uppercase);
        lowering = lowering && letter.is_ascii_uppercase() && (index == 0 || capital_next);
        out.push(if lowering {
            letter.to_ascii_lowercase()
        } else {
            *letter
        });
    }
    out
}

impl From<&str> for Field {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Field {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Field {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Field {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl<T: Into<Field>> From<Option<T>> for Field {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_camel_cased_as_the_platform_does() {
        for (pascal, expected) in [
            ("Name", "name"),
            ("WEvents", "wEvents"),
            ("ID", "id"),
            ("LTUID", "ltuid"),
            ("WAC", "wac"),
            ("WCI", "wci"),
            ("FluxID", "fluxID"),
            ("WIDSubsitution", "widSubsitution"),
            ("GMTOffset", "gmtOffset"),
            ("WUMUnitItemID", "wumUnitItemID"),
            ("FreeRAMSize", "freeRAMSize"),
            ("ParentFluxID", "parentFluxID"),
        ] {
            assert_eq!(camel(pascal), expected);
        }
    }

    #[test]
    fn json_follows_the_platforms_rules() {
        let record = Record::new(
            "Flux",
            vec![
                ("LTUID", Field::Int(412)),
                ("WCI", Field::Null),
                ("LastDataDate", Field::Unset),
                ("UpdateDate", Field::Date(1_736_835_000_120)),
                ("Size", Field::Real(63.0)),
                ("Picture", Field::Guid(10)),
            ],
        );
        let mut text = String::new();
        record.json(DateStyle::SevenDigits, &mut text);
        assert_eq!(
            text,
            "{\"wType\":\"Flux\",\"ltuid\":412,\"lastDataDate\":\"0001-01-01T00:00:00.0000000Z\",\
             \"updateDate\":\"2025-01-14T06:10:00.1200000Z\",\"size\":63,\"picture\":\"0000000000000000000000000000000a\"}"
        );
    }
}
