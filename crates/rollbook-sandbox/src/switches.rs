//! Sets one named switch of a vendor from text, as a command line or a test passes it.
//!
//! The names and values are those of the serde form, so a switch is declared in one place only.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Declares an enum with values in snake case.
macro_rules! choice {
    ($(#[$about:meta])* $name:ident { $($(#[$what:meta])* $value:ident),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$what])* $value),+ }
    };
}
pub(crate) use choice;

/// Sets one switch by name; lists are separated by commas, and groups use a dot: `auth.consent`.
///
/// # Errors
///
/// Lists the known switches or values when the text is none of them.
pub fn set<T: Serialize + DeserializeOwned>(
    switches: &mut T,
    name: &str,
    value: &str,
) -> Result<(), String> {
    let Ok(mut all) = serde_json::to_value(&*switches) else {
        return Err("these switches cannot be set by name".to_owned());
    };
    let Some(value_at) = find(&mut all, name) else {
        return Err(format!(
            "unknown switch `{name}`; known are {}",
            names(switches).join(", ")
        ));
    };
    *value_at = match (&*value_at, value) {
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
        .map_err(|error| format!("invalid value `{value}` for switch `{name}`: {error}"))?;
    Ok(())
}

/// The value of a switch; a group alone is not a switch.
fn find<'a>(all: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    let value_at = name
        .split('.')
        .try_fold(all, |group, word| group.as_object_mut()?.get_mut(word))?;
    (!value_at.is_object()).then_some(value_at)
}

/// The names of all switches in alphabetical order, groups with a dot.
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
