//! How a vendor reports errors in the body of a response.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// The error codes that a vendor returns in bodies.
///
/// Codes are compared without regard to case, blanks and underscores, because vendors spell them differently in
/// documents and responses (webuntis-oneroster.md 3).
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
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
    /// Members that only a failure has, though its status is 200, such as `"exception"` or `"users[].error"`. One that is
    /// null, false or empty is none.
    #[serde(default)]
    pub failed: Vec<String>,
    /// Members of each response with status 200 and the values that mean success, such as `"ocs.meta.statuscode" =
    /// ["100", "200"]`: any other value is a failure, and an absent member none.
    #[serde(default)]
    pub ok: BTreeMap<String, Vec<String>>,
    /// Codes that mean "token invalid or expired", whatever the status.
    #[serde(default)]
    pub token: Vec<String>,
}

impl ErrorCodes {
    /// The members by which a response with status 200 states a failure, in order of precedence.
    pub fn outcome_members(&self) -> impl Iterator<Item = OutcomeMember<'_>> {
        let failed = self
            .failed
            .iter()
            .map(|path| OutcomeMember { path, good: None });
        let ok = self.ok.iter().map(|(path, good)| OutcomeMember {
            path,
            good: Some(good),
        });
        failed.chain(ok)
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

/// A member that states whether a response is a failure.
#[derive(Clone, Copy, Debug)]
pub struct OutcomeMember<'a> {
    /// Its dotted path; `[]` is each element of a list, `{*}` each member of an object.
    pub path: &'a str,
    /// The values that mean success; nothing where only a failure has the member.
    good: Option<&'a [String]>,
}

impl OutcomeMember<'_> {
    /// Whether a value that is there means a failure.
    pub fn is_failure(self, value: &Value) -> bool {
        let Some(good) = self.good else {
            return is_something(value);
        };
        let text = ErrorCodes::text_of(value);
        let is_good = |text: String| good.iter().any(|word| ErrorCodes::normal(word) == text);
        !text.is_some_and(is_good)
    }

    /// Why the response is refused.
    pub fn message(self) -> String {
        let path = self.path;
        match self.good {
            None => format!("the response reports a failure in `{path}`"),
            Some(_) => format!(
                "the response reports a failure: `{path}` has none of the values that mean success"
            ),
        }
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
