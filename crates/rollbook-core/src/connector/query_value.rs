//! The value of a query parameter: a text, or a list or table that is sent as JSON.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::template::{self, Variables};

/// The value of a query parameter.
///
/// A text is a template, and one that is empty leaves the parameter out. A list or a table, such as `[["enabled", "=",
/// 1]]`, is sent as JSON; the texts in it are templates too, and what fills them is escaped.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum QueryValue {
    /// A template.
    Text(String),
    /// A whole number.
    Number(i64),
    /// `true` or `false`.
    Truth(bool),
    /// A JSON array.
    List(Vec<QueryValue>),
    /// A JSON object.
    Table(BTreeMap<String, QueryValue>),
}

impl QueryValue {
    /// As it is sent, with every known name filled; not percent-encoded.
    pub fn fill(&self, layers: &[&Variables]) -> String {
        match self {
            Self::Text(text) => template::fill(text, layers),
            other => other.json(layers).to_string(),
        }
    }

    fn json(&self, layers: &[&Variables]) -> Value {
        match self {
            Self::Text(text) => template::fill(text, layers).into(),
            Self::Number(number) => (*number).into(),
            Self::Truth(truth) => (*truth).into(),
            Self::List(values) => values.iter().map(|value| value.json(layers)).collect(),
            Self::Table(members) => {
                let member = |(name, value): (&String, &Self)| (name.clone(), value.json(layers));
                Value::Object(members.iter().map(member).collect())
            }
        }
    }

    /// The templates in it.
    pub fn templates(&self) -> Vec<&str> {
        match self {
            Self::Text(text) => vec![text],
            Self::Number(_) | Self::Truth(_) => Vec::new(),
            Self::List(values) => values.iter().flat_map(Self::templates).collect(),
            Self::Table(members) => members.values().flat_map(Self::templates).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kinds: text, number, lists in lists, tables, what fills a template in JSON, a brace that is no template.
    #[test]
    fn values_are_sent_as_texts_or_json() {
        let variables = Variables::from([
            ("since".into(), "2026-01-01".into()),
            ("x".into(), r#"a"]\"#.into()),
        ]);
        for (toml, expected) in [
            (r#""{since}""#, "2026-01-01"),
            (r#""""#, ""),
            ("5", "5"),
            ("true", "true"),
            (r#"["name", "modified"]"#, r#"["name","modified"]"#),
            (
                r#"[["modified", ">=", "{since}"], ["enabled", "=", 1]]"#,
                r#"[["modified",">=","2026-01-01"],["enabled","=",1]]"#,
            ),
            (r#"["{x}"]"#, r#"["a\"]\\"]"#),
            (r#"{ docstatus = ["<", 2] }"#, r#"{"docstatus":["<",2]}"#),
            (r#""{\"a\":1}""#, r#"{"a":1}"#),
            ("[]", "[]"),
        ] {
            let table: BTreeMap<String, QueryValue> =
                toml::from_str(&format!("value = {toml}")).expect(toml);
            assert_eq!(table["value"].fill(&[&variables]), expected, "{toml}");
        }
        let table: BTreeMap<String, QueryValue> =
            toml::from_str(r#"value = [["a", "{one}"], { b = "{two}" }, 3]"#).expect("a value");
        assert_eq!(table["value"].templates(), ["a", "{one}", "{two}"]);
    }
}
