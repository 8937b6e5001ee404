//! What a response states of its own success, where the connector declares members that do.
//!
//! A walk of its own, next to the one that reads the rows: it follows the declared paths into lists and rows, passes over
//! everything else, and keeps no value. A large response is walked piece by piece, so its size does not matter.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::connector::json::JsonText;
use crate::connector::repair;
use crate::model::error_path::{in_element, in_member};
use crate::model::{ErrorCodes, OutcomeMember};

/// The first of the declared members that stated a failure, by its position among them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StatedOutcome(Option<usize>);

impl StatedOutcome {
    /// Looks at the next piece of a response, which is JSON.
    pub(super) fn search(&mut self, errors: &ErrorCodes, json: &str) -> serde_json::Result<()> {
        let members: Vec<OutcomeMember<'_>> = errors.outcome_members().collect();
        if members.is_empty() {
            return Ok(());
        }
        let open = members.iter().map(|member| member.path).enumerate();
        let walk = OutcomeSeed {
            members: &members,
            open: open.collect(),
            first: &mut self.0,
        };
        walk.deserialize(&mut serde_json::Deserializer::from_str(json))
    }

    /// Why the response is a failure.
    pub(super) fn failure(self, errors: &ErrorCodes) -> Option<String> {
        let member = errors.outcome_members().nth(self.0?)?;
        Some(member.message())
    }
}

/// Reads the value that the declared paths have led to.
struct OutcomeSeed<'a, 'o> {
    members: &'a [OutcomeMember<'a>],
    /// The members that are this value, or below it: position, and what is left of the path.
    open: Vec<(usize, &'a str)>,
    first: &'o mut Option<usize>,
}

impl<'a> OutcomeSeed<'a, '_> {
    fn below<'s>(
        &'s mut self,
        step: impl Fn(&'a str) -> Option<&'a str>,
    ) -> Option<OutcomeSeed<'a, 's>> {
        let open = self.open.iter();
        let open: Vec<_> = open
            .filter_map(|(member, rest)| Some((*member, step(rest)?)))
            .collect();
        let is_any = !open.is_empty();
        is_any.then_some(OutcomeSeed {
            members: self.members,
            open,
            first: self.first,
        })
    }

    fn note(&mut self, raw: &RawValue) -> serde_json::Result<()> {
        let value = plain(raw)?;
        let here = self.open.iter().filter(|(_, rest)| rest.is_empty());
        let failed = here.map(|(member, _)| *member);
        let failed = failed.filter(|member| self.members[*member].is_failure(&value));
        *self.first = self.first.iter().copied().chain(failed).min();
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for OutcomeSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<(), D::Error> {
        if !self.open.iter().any(|(_, rest)| rest.is_empty()) {
            return deserializer.deserialize_any(self);
        }
        let raw = <&RawValue as serde::Deserialize>::deserialize(deserializer)?;
        self.note(raw).map_err(D::Error::custom)?;
        self.open.retain(|(_, rest)| !rest.is_empty());
        match self.open.is_empty() {
            true => Ok(()),
            false => serde_json::Deserializer::from_str(raw.get())
                .deserialize_any(self)
                .map_err(D::Error::custom),
        }
    }
}

impl<'de> Visitor<'de> for OutcomeSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        loop {
            let more = match self.below(|rest| in_element(rest)) {
                Some(element) => seq.next_element_seed(element)?.is_some(),
                None => seq.next_element::<IgnoredAny>()?.is_some(),
            };
            if !more {
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(JsonText(name)) = map.next_key::<JsonText<'de>>()? {
            match self.below(|rest| in_member(rest, &name)) {
                Some(member) => map.next_value_seed(member)?,
                None => _ = map.next_value::<IgnoredAny>()?,
            }
        }
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

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

/// A value as it is compared: of an object or a list only counts whether something is in it.
fn plain(raw: &RawValue) -> serde_json::Result<Value> {
    let json = raw.get();
    Ok(match json.as_bytes()[0] {
        b'{' | b'[' => {
            let is_filled = !json[1..].trim_start().starts_with(['}', ']']);
            Value::from(vec![Value::Null; usize::from(is_filled)])
        }
        b'"' => {
            let JsonText(text) = serde_json::from_str(json)?;
            match text.strip_prefix(repair::DIGITS) {
                _ if text == repair::NOT_A_NUMBER => Value::Null,
                Some(digits) => number(digits),
                None => Value::from(text),
            }
        }
        b't' | b'f' | b'n' => serde_json::from_str(json)?,
        _ => number(json),
    })
}

fn number(digits: &str) -> Value {
    serde_json::from_str(digits).unwrap_or(Value::from(digits))
}
