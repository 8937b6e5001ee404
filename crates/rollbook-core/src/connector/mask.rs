//! Pseudonyms and truncated dates: what is written to a row in place of a value, while a response is read.
//!
//! A pseudonym is an HMAC under the installation's key: without the key, a reader of the mirror can neither undo it nor
//! try values. Equal values have equal pseudonyms, whatever their type, so `17` and `"17"` still join.

use aws_lc_rs::hmac;

use crate::model::Masking;
use crate::model::row::{Cell, Kind};

/// Bytes of the HMAC that are kept: two of a million values meet with a probability of 10^-27.
const KEPT: usize = 16;

/// The key of the installation's pseudonyms.
#[derive(Clone, Debug)]
pub struct PseudonymKey(hmac::Key);

impl PseudonymKey {
    /// A key of these bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// What tells it from other keys.
    pub fn name(&self) -> String {
        self.of("the key of pseudonyms")
    }

    /// The pseudonym of a value: 32 hexadecimal digits. The empty text stays.
    fn of(&self, value: &str) -> String {
        if value.is_empty() {
            return String::new();
        }
        let tag = hmac::sign(&self.0, value.as_bytes());
        let bytes = &tag.as_ref()[..KEPT];
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Of an array of single values each one's pseudonym; of any other JSON one of the whole.
    fn of_json(&self, json: &str, is_set: bool) -> String {
        use serde_json::Value;
        let one = |value: &Value| match value {
            Value::String(text) => Some(Value::String(self.of(text))),
            Value::Number(number) => Some(Value::String(self.of(&number.to_string()))),
            Value::Bool(truth) => Some(Value::String(self.of(&truth.to_string()))),
            Value::Null => Some(Value::Null),
            Value::Array(_) | Value::Object(_) => None,
        };
        let array = serde_json::from_str::<Vec<Value>>(json).unwrap_or_default();
        let masked: Option<Vec<Value>> = array.iter().map(one).collect();
        match masked {
            Some(mut masked) if !masked.is_empty() || json == "[]" => {
                if is_set {
                    masked.sort_by_key(ToString::to_string);
                    masked.dedup();
                }
                Value::Array(masked).to_string()
            }
            _ => Value::String(self.of(json)).to_string(),
        }
    }
}

/// Appends what is stored in place of a cell. Without a key a pseudonymised column has no value: never the clear one.
pub fn write(
    masking: Masking,
    key: Option<&PseudonymKey>,
    (kind, is_set): (Kind, bool),
    cell: Cell<'_>,
    bytes: &mut Vec<u8>,
) {
    let text = match (masking, cell) {
        (Masking::Year, Cell::Text(date)) => truncated(date, "-MM-DD", "-01-01"),
        (Masking::Month, Cell::Text(date)) => truncated(date, "-DD", "-01"),
        (Masking::Year | Masking::Month, _) => None,
        (Masking::Pseudonym, Cell::Text(json)) if kind == Kind::Json => {
            key.map(|key| key.of_json(json, is_set))
        }
        (Masking::Pseudonym, cell) => key.zip(cell.plain()).map(|(key, value)| key.of(&value)),
    };
    // An empty cell is no value.
    if let Some(text) = text {
        Cell::Text(&text).write(bytes);
    }
}

/// A date whose last letters, as many as in `cut`, are others.
fn truncated(date: &str, cut: &str, rest: &str) -> Option<String> {
    let start = date.len().checked_sub(cut.len())?;
    Some(format!("{}{rest}", date.get(..start)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(masking: Masking, kind: Kind, cell: Cell<'_>) -> Option<String> {
        let (mut bytes, key) = (Vec::new(), PseudonymKey::new(&[7; 32]));
        write(masking, Some(&key), (kind, true), cell, &mut bytes);
        let found = crate::model::row::Cells::of(&bytes).next()?;
        found.text().map(str::to_owned)
    }

    #[test]
    fn dates_are_cut_and_nothing_else_passes() {
        let date = |masking, text| masked(masking, Kind::Date, Cell::Text(text));
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(date(Masking::Year, "2010-02-14"), text("2010-01-01"));
        assert_eq!(date(Masking::Month, "2010-02-14"), text("2010-02-01"));
        assert_eq!(date(Masking::Year, "2010"), None);
        assert_eq!(
            masked(Masking::Year, Kind::Integer, Cell::Integer(2010)),
            None
        );
    }

    /// A pseudonym is stored in mirrors that outlive a release: these texts must never change.
    #[test]
    fn equal_values_have_one_pseudonym_in_every_type() {
        let of = |kind, cell| masked(Masking::Pseudonym, kind, cell).expect("a value");
        let seventeen = of(Kind::Text, Cell::Text("17"));
        assert_eq!(seventeen, SEVENTEEN);
        assert_eq!(of(Kind::Integer, Cell::Integer(17)), seventeen);
        assert_eq!(
            of(Kind::Json, Cell::Text("[17]")),
            format!("[\"{seventeen}\"]")
        );
        assert_eq!(
            of(Kind::Json, Cell::Text("[17,\"17\",null]")),
            format!("[\"{seventeen}\",null]")
        );
        assert_ne!(of(Kind::Text, Cell::Text("17 ")), seventeen);
        assert_eq!(of(Kind::Text, Cell::Text("")), "");
        assert_eq!(of(Kind::Json, Cell::Text("[]")), "[]");
        for nested in ["{\"name\":\"Zoe\"}", "[{\"name\":\"Zoe\"}]", "\"Zoe\""] {
            let found = of(Kind::Json, Cell::Text(nested));
            assert_eq!(
                (found.len(), found.contains("Zoe")),
                (34, false),
                "{nested}"
            );
        }
        let other = PseudonymKey::new(&[8; 32]);
        assert_ne!(other.of("17"), seventeen);
    }

    #[test]
    fn without_a_key_there_is_no_value() {
        let mut bytes = Vec::new();
        write(
            Masking::Pseudonym,
            None,
            (Kind::Text, false),
            Cell::Text("Zoe"),
            &mut bytes,
        );
        assert!(bytes.is_empty());
    }

    // HMAC-SHA-256 of `17` under 32 bytes of 7, computed elsewhere.
    const SEVENTEEN: &str = "5ee7c0eb394f5536f35fc975cb340f78";
}
