//! No draft names a person: members that are named by ids or people are one column.

use super::*;

#[test]
fn members_that_are_named_by_people_are_one_column() {
    for body in [
        json!({"school": "X", "users": {"jane_doe": {"email": "a", "age": 1}, "bob": {"email": "b", "age": 2}}}),
        json!({"school": "X", "users": {"jane_doe": {"email": "a"}, "bob": {"email": "b"}}}),
        json!({"jane_doe": {"email": "a"}, "bob": {"email": "b"}}),
        json!({"users": {"jane_doe": {"courses": [{"id": 1}]}, "bob": {"courses": [{"id": 2}]}}}),
        json!([{"id": 1, "grades": {"jane doe": 5}}, {"id": 2, "grades": {"bob": 4}}]),
        json!([{"id": 1, "grades": {"jane_doe": 5}}, {"id": 2, "grades": {"bob": 4}}, {"id": 3, "grades": {"kim": 4}}]),
        json!([{"id": 1, "mail": {"jane_doe@school.example": true}}]),
    ] {
        let text = drafted(&sample(&body, ""));
        for name in ["jane", "bob", "kim"] {
            assert!(!text.contains(name), "{body}\n{text}");
        }
    }
}

#[test]
fn members_that_have_names_of_their_own_are_columns() {
    let body = json!([
        {"id": 1, "address": {"line1": "a", "line2": "b", "city": "c"}, "@type": {"@odata.id": "x"}},
        {"id": 2, "address": {"line1": "a", "city": "c"}},
        {"id": 3, "address": {"city": "c"}},
    ]);
    let text = drafted(&sample(&body, ""));
    assert!(
        text.contains("address_line1") && text.contains("address_city"),
        "{text}"
    );
}
