//! What the members around the rows say of success, where the connector declares such members.
//!
//! `http/classify.rs` searches small bodies, rows and all, and before they are decoded; this looks at bodies of every size
//! on the way to their rows.

use serde_json::Value;

use super::scalar::Scalar;
use crate::model::ErrorCodes;

/// So many characters of a text tell it from the words of a connector.
const MAX_WORD: usize = 200;

/// So many values at declared paths are compared.
const MAX_VALUES: usize = 64;

/// The values at declared paths.
#[derive(Clone, Debug, Default)]
pub(super) struct StatedOutcome(Vec<(String, Value)>);

impl StatedOutcome {
    pub(super) fn note(&mut self, errors: &ErrorCodes, at: &[String], value: impl Fn() -> Value) {
        if errors.failed.is_empty() && errors.ok.is_empty() || self.0.len() >= MAX_VALUES {
            return;
        }
        let path = at.join(".");
        let mut declared = errors.failed.iter().chain(errors.ok.keys());
        if declared.any(|declared| declared.eq_ignore_ascii_case(&path)) {
            self.0.push((path, value()));
        }
    }

    /// Why the response is a failure.
    pub(super) fn failure(&self, errors: &ErrorCodes) -> Option<String> {
        errors.failure_inside(|wanted| {
            let found = self.0.iter();
            let found = found.filter(|(path, _)| path.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| value).collect()
        })
    }
}

/// An object or a list, of which only counts whether something is in it.
pub(super) fn filled_or_empty(is_filled: bool) -> Value {
    Value::from(vec![Value::Null; usize::from(is_filled)])
}

/// A value that is neither.
pub(super) fn plain(value: &Scalar<'_>) -> Value {
    match value {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => Value::from(*value),
        Scalar::Number(digits) => serde_json::from_str(digits).unwrap_or(Value::from(*digits)),
        Scalar::Text(text) => Value::from(text.chars().take(MAX_WORD).collect::<String>()),
    }
}
