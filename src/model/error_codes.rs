//! How a vendor reports errors in the body of a response.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// The error codes that a vendor returns in bodies.
///
/// Codes are compared without regard to case, blanks and underscores, because vendors spell them differently in
/// documents and responses (webuntis-oneroster.md 3).
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ErrorCodes {
    /// Paths of the error code in a body, such as `"responseStatus.errorCode"`.
    #[serde(default)]
    pub code: Vec<String>,
    /// Codes that mean "too much requested at once": a window shrinks, a page is halved.
    #[serde(default)]
    pub too_many: Vec<String>,
    /// Codes that mean "not found", whatever the status.
    #[serde(default)]
    pub missing: Vec<String>,
    /// Members that only a failure has, though its status is 200, such as `"exception"`. One that is null, false or empty
    /// is none. A path with `[]`, or into a row, is looked for in bodies up to 16 KiB only.
    #[serde(default)]
    pub failed: Vec<String>,
    /// Members of each response with status 200 and the values that mean success, such as `"ocs.meta.statuscode" =
    /// ["100", "200"]`: any other value is a failure. The same limit holds.
    #[serde(default)]
    pub ok: BTreeMap<String, Vec<String>>,
    /// Codes that mean "token invalid or expired", whatever the status.
    #[serde(default)]
    pub token: Vec<String>,
}

impl ErrorCodes {
    /// Why a response with status 200 is a failure all the same; `at` gives the values at a path.
    pub fn failure_inside<'v>(&self, at: impl Fn(&str) -> Vec<&'v Value>) -> Option<String> {
        let mut failed = self.failed.iter();
        if let Some(path) = failed.find(|path| at(path).into_iter().any(is_something)) {
            return Some(format!("the response reports a failure in `{path}`"));
        }
        let is_other = |path: &&String| {
            let good = &self.ok[*path];
            let mut texts = at(path).into_iter().map(Self::text_of);
            let is_good = |text: String| good.iter().any(|word| Self::normal(word) == text);
            texts.any(|text| !text.is_some_and(is_good))
        };
        let path = self.ok.keys().find(is_other)?;
        Some(format!(
            "the response reports a failure: `{path}` has none of the values that mean success"
        ))
    }

    /// A code as it is compared.
    pub fn text_of(value: &Value) -> Option<String> {
        match value {
            Value::String(code) => Some(Self::normal(code)),
            Value::Number(code) => Some(code.to_string()),
            Value::Bool(code) => Some(code.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// A word as it is compared.
    pub fn normal(word: &str) -> String {
        word.chars()
            .filter(|letter| !letter.is_whitespace() && *letter != '_')
            .flat_map(char::to_lowercase)
            .collect()
    }
}

fn is_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) | Value::Number(_) => true,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(elements) => !elements.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}
