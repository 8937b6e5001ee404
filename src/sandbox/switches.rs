//! Setting one named switch of a vendor from text, as a command line or a test gives it.
//!
//! The names and values are those of the serde form, so a switch is declared in one place only.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Sets one switch by its name; a list is written with commas.
///
/// # Errors
///
/// Names the known switches, or the known values, when the text is none of them.
pub fn set<T: Serialize + DeserializeOwned>(
    switches: &mut T,
    name: &str,
    value: &str,
) -> Result<(), String> {
    let Ok(Value::Object(mut all)) = serde_json::to_value(&*switches) else {
        return Err("these switches cannot be set by name".to_owned());
    };
    let Some(old) = all.get(name) else {
        let known: Vec<&str> = all.keys().map(String::as_str).collect();
        return Err(format!(
            "no switch is called `{name}`; known are {}",
            known.join(", ")
        ));
    };
    let new = match old {
        Value::Array(_) => value
            .split(',')
            .filter(|part| !part.is_empty())
            .map(Value::from)
            .collect(),
        Value::String(_) => Value::from(value),
        _ => serde_json::from_str(value).unwrap_or_else(|_| Value::from(value)),
    };
    all.insert(name.to_owned(), new);
    *switches = serde_json::from_value(Value::Object(all))
        .map_err(|error| format!("switch `{name}` cannot be `{value}`: {error}"))?;
    Ok(())
}

/// The names of all switches, in alphabetical order.
pub fn names<T: Serialize>(switches: &T) -> Vec<String> {
    match serde_json::to_value(switches) {
        Ok(Value::Object(all)) => all.into_iter().map(|(name, _)| name).collect(),
        _ => Vec::new(),
    }
}
