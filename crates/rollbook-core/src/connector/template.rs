//! Templates: a text with `{name}` in it.
//!
//! Pure. An unknown name stays as it is, so `{a,b}` at the end of a path survives.

use std::collections::BTreeMap;

/// What fills the names of a template.
pub type Variables = BTreeMap<String, String>;

/// The text with every known name replaced; later layers win over earlier ones.
pub fn fill(template: &str, layers: &[&Variables]) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        text.push_str(&rest[..open]);
        let after = &rest[open + 1..];
        let value = after.find('}').and_then(|close| {
            let name = &after[..close];
            let value = layers.iter().rev().find_map(|layer| layer.get(name))?;
            Some((value, close))
        });
        match value {
            Some((value, close)) => {
                text.push_str(value);
                rest = &after[close + 1..];
            }
            None => {
                text.push('{');
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

/// The names in a template.
pub fn names(template: &str) -> Vec<&str> {
    template
        .split('{')
        .skip(1)
        .filter_map(|piece| piece.split_once('}').map(|(name, _)| name))
        .filter(|name| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_are_filled_and_others_stay() {
        let settings =
            Variables::from([("tenant".into(), "4711".into()), ("x".into(), "old".into())]);
        let item = Variables::from([("x".into(), "new".into())]);
        for (template, expected) in [
            ("/sso/{tenant}/token", "/sso/4711/token"),
            ("{x}{x}", "newnew"),
            ("userIds[].{type,identifier}", "userIds[].{type,identifier}"),
            ("{unknown} {", "{unknown} {"),
            ("", ""),
        ] {
            assert_eq!(fill(template, &[&settings, &item]), expected, "{template}");
        }
        assert_eq!(names("/{wac}/Flux/{flux_id}{a,b}"), ["wac", "flux_id"]);
    }
}
