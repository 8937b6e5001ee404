//! Setting one named switch of a vendor from text, as a command line or a test gives it.
//!
//! The names and values are those of the serde form, so a switch is declared in one place only.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Declares an enum whose values a command line writes in snake case.
macro_rules! choice {
    ($(#[$about:meta])* $name:ident { $($(#[$what:meta])* $value:ident),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$what])* $value),+ }
    };
}
pub(crate) use choice;

/// Sets one switch by its name; a list is written with commas, and a group with a dot: `auth.consent`.
///
/// # Errors
///
/// Names the known switches, or the known values, when the text is none of them.
pub fn set<T: Serialize + DeserializeOwned>(
    switches: &mut T,
    name: &str,
    value: &str,
) -> Result<(), String> {
    let Ok(mut all) = serde_json::to_value(&*switches) else {
        return Err("these switches cannot be set by name".to_owned());
    };
    let Some(place) = place(&mut all, name) else {
        return Err(format!(
            "no switch is called `{name}`; known are {}",
            names(switches).join(", ")
        ));
    };
    *place = match (&*place, value) {
        (Value::Array(_), _) => value
            .split(',')
            .filter(|part| !part.is_empty())
            .map(Value::from)
            .collect(),
        (Value::String(_), _) => Value::from(value),
        (Value::Bool(_), "on") => Value::Bool(true),
        (Value::Bool(_), "off") => Value::Bool(false),
        _ => serde_json::from_str(value).unwrap_or_else(|_| Value::from(value)),
    };
    *switches = serde_json::from_value(all)
        .map_err(|error| format!("switch `{name}` cannot be `{value}`: {error}"))?;
    Ok(())
}

/// Where a switch stands; a group by itself is none.
fn place<'a>(all: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    let place = name
        .split('.')
        .try_fold(all, |group, word| group.as_object_mut()?.get_mut(word))?;
    (!place.is_object()).then_some(place)
}

/// The names of all switches in alphabetical order; those of a group carry its name and a dot.
pub fn names<T: Serialize>(switches: &T) -> Vec<String> {
    match serde_json::to_value(switches) {
        Ok(Value::Object(all)) => names_in(all),
        _ => Vec::new(),
    }
}

fn names_in(group: Map<String, Value>) -> Vec<String> {
    let names = group.into_iter().flat_map(|(name, value)| match value {
        Value::Object(inner) => names_in(inner)
            .into_iter()
            .map(|rest| format!("{name}.{rest}"))
            .collect(),
        _ => vec![name],
    });
    names.collect()
}
