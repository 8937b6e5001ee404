//! The paths of members in the `errors` of a connector: dots, `[]` for each element of a list, `{*}` for each member of an
//! object. Names are compared without regard to case.

use serde_json::Value;

/// What is left of a path in each element of a list.
pub fn in_element(path: &str) -> Option<&str> {
    behind_name(path.strip_prefix("[]")?)
}

/// What is left of a path in a member of an object. A name may hold dots itself.
pub fn in_member<'p>(path: &'p str, name: &str) -> Option<&'p str> {
    if let Some(rest) = path.strip_prefix("{*}") {
        return behind_name(rest);
    }
    let (front, rest) = path.split_at_checked(name.len())?;
    let is_it = !path.starts_with("[]") && front.eq_ignore_ascii_case(name);
    is_it.then(|| behind_name(rest))?
}

/// The next step of a path, where the name in front of it ends here.
fn behind_name(rest: &str) -> Option<&str> {
    match rest.strip_prefix('.') {
        Some(step) => Some(step).filter(|step| !step.is_empty()),
        None => Some(rest).filter(|rest| rest.is_empty() || rest.starts_with("[]")),
    }
}

/// Every value at a path in a small body.
pub fn values_at<'v>(value: &'v Value, path: &str) -> Vec<&'v Value> {
    match value {
        _ if path.is_empty() => vec![value],
        Value::Array(elements) => {
            let rest = in_element(path);
            let all = rest.map(|rest| elements.iter().flat_map(move |one| values_at(one, rest)));
            all.into_iter().flatten().collect()
        }
        Value::Object(members) => {
            let members = members.iter();
            let below = members.filter_map(|(name, value)| Some((value, in_member(path, name)?)));
            below
                .flat_map(|(value, rest)| values_at(value, rest))
                .collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_leads_to_every_value() {
        let body = json!({
            "Code": 1,
            "a": {"b": [{"c": 2}, {"c": [3]}], "b.c": 4},
            "rows": {"7": {"error": 5}, "8": {"error": 6}},
            "lists": [[{"x": 7}], 8],
        });
        for (path, expected) in [
            ("code", json!([1])),
            ("cod", json!([])),
            ("code.x", json!([])),
            ("a.b", json!([[{"c": 2}, {"c": [3]}]])),
            ("a.b[].c", json!([2, [3]])),
            ("a.b[].c[]", json!([3])),
            ("a.b.c", json!([4])),
            ("a[].b", json!([])),
            ("[].a", json!([])),
            ("rows.{*}.error", json!([5, 6])),
            ("{*}.7.error", json!([5])),
            ("lists[][].x", json!([7])),
        ] {
            assert_eq!(json!(values_at(&body, path)), expected, "{path}");
        }
        assert_eq!(values_at(&json!([{"a": 1}, {"A": 2}]), "[].a").len(), 2);
    }
}
