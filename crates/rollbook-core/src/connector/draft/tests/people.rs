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
        // In one row only.
        json!([{"id": 1, "marks": {"jane": 1}}]),
        json!([{"id": 1, "marks": {"jane": 1}}, {"id": 2}, {"id": 3, "marks": null}]),
        json!([{"id": 1, "custom": {"Jane Doe": 5}}, {"id": 2, "custom": {"x": 1}}]),
        json!([{"id": 1, "custom": {"fields": {"jane": 5}}}, {"id": 2, "custom": {"fields": {}}}]),
        json!({"id": 1, "name": "5a", "marks": {"jane": 1, "bob": 2}}),
        json!({"data": [{"data": {"id": 1, "marks": {"jane": 1}}, "uri": "x"}]}),
        // One recurs, most do not.
        json!([{"id": 1, "marks": {"jane": 1, "bob": 2}}, {"id": 2, "marks": {"jane": 1, "kim": 2}}]),
        // Most recur, one does not.
        json!([{"id": 1, "n": 1, "address": {"city": "a", "zip": "b", "jane": 1}}, {"id": 2, "n": 2, "address": {"city": "a", "zip": "b"}}]),
        // Capitals, where the rows' own names have none.
        json!([{"id": 1, "marks": {"Jane": 1, "Bob": 2}}, {"id": 2, "marks": {"Jane": 1, "Bob": 2}}]),
    ] {
        let text = drafted(&sample(&body, "")).to_lowercase();
        for name in ["jane", "bob", "kim"] {
            assert!(!text.contains(name), "{body}\n{text}");
        }
    }
}

#[test]
fn a_draft_says_which_members_it_does_not_name() {
    let body = json!([
        {"id": 1, "marks": {"jane": 1}, "address": {"city": "a", "zip": "b", "note": "c"}},
        {"id": 2, "marks": {"bob": 1}, "address": {"city": "a", "zip": "b"}},
    ]);
    let text = drafted(&sample(&body, ""));
    for words in [
        "marks = \"marks : json\"    # ASSUMPTION: its members may be named by data, such as people",
        "address_city = ",
        "# ASSUMPTION: 1 members of objects are in one row only and are not listed",
    ] {
        assert!(text.contains(words), "{text}");
    }
    assert!(!text.contains("note"), "{text}");
}

#[test]
fn members_that_have_names_of_their_own_are_columns() {
    let body = json!([
        {"Id": 1, "address": {"line1": "a", "line2": "b", "city": "c"}, "Place": {"Name": "x"}, "@type": {"@odata.id": "x"}},
        {"Id": 2, "address": {"line1": "a", "city": "c"}, "Place": {"Name": "x"}, "@type": {"@odata.id": "x"}},
        {"Id": 3, "address": {"city": "c"}},
    ]);
    let text = drafted(&sample(&body, ""));
    assert!(
        ["address_line1", "address_city", "place_name"]
            .iter()
            .all(|name| text.contains(name)),
        "{text}"
    );
}

#[test]
fn many_names_are_no_long_work() {
    let marks = |row: u64| -> serde_json::Map<String, Value> {
        let names = (0..40).map(|name| (format!("n{row}x{name}"), json!({"a": {"b": 1}})));
        names.collect()
    };
    let rows: Vec<Value> = (0..300)
        .map(|row| json!({"id": row, "marks": {"of": marks(row)}}))
        .collect();
    let text = drafted(&sample(&Value::from(rows), ""));
    assert!(!text.contains("n1x1"), "{text}");
}

/// A pivot has a column for each person in every row.
#[test]
fn a_pivot_names_no_person() {
    for body in [
        json!([{"date": "2026-01-01", "jane": 1, "bob": 2}, {"date": "2026-01-02", "jane": 3, "bob": 4}]),
        json!([{"date": "2026-01-01", "jane": 1, "bob": null}, {"date": "2026-01-02", "jane": 1.5, "bob": 4}]),
        json!([{"id": 1, "course": "x", "room": "y", "teacher": "z", "week": 3, "jane": true, "bob": false}]),
        json!([{"id": 1, "jane": "present", "bob": "absent"}, {"id": 2, "jane": "absent", "bob": "late"}]),
        json!([{"id": 1, "jane": {"hours": 1}, "bob": {"hours": 2}}, {"id": 2, "jane": {"hours": 1}, "bob": {"hours": 2}}]),
        json!([{"id": 1, "jane": [1], "bob": [2]}, {"id": 2, "jane": [], "bob": [2]}]),
        json!([{"id": 1, "jane doe": 5}, {"id": 2, "jane doe": 4}]),
        json!([{"id": 1, "jane@school.example": "x"}, {"id": 2, "jane@school.example": "y"}]),
        // Values of several kinds, and none that two of them have.
        json!([{"date": "2026-03-02", "jane": 1, "bob": 2}, {"date": "2026-03-03", "jane": "ill", "bob": "ill"}]),
        json!([{"date": "2026-03-02", "jane": "B+", "bob": "A-"}, {"date": "2026-03-03", "jane": "C", "bob": "D"}]),
        json!([{"date": "2026-03-02", "jane": "B+", "bob": 2}, {"date": "2026-03-03", "jane": null, "bob": [1]}]),
        json!([{"date": "2026-03-02", "jane": [], "bob": []}, {"date": "2026-03-03", "jane": {}, "bob": {}}]),
        json!([{"id": 1, "marks": {"jane": 1, "bob": "ill"}}, {"id": 2, "marks": {"jane": "x", "bob": 3}}]),
        json!([{"id": 1, "marks": {"day": 1, "week": 2, "month": 3, "jane": 1, "bob": "ill"}}, {"id": 2, "marks": {"day": 1, "week": 2, "month": 3, "jane": 1, "bob": "ill"}}]),
        json!([{"jane": {"id": 1, "name": "x"}}, {"jane": {"id": 2, "name": "y"}}, {"bob": {"id": 2, "name": "y"}}]),
        // Below a member of each row.
        json!([{"id": 1, "marks": {"jane": 1, "bob": 2}}, {"id": 2, "marks": {"jane": 3, "bob": 4}}]),
        json!([{"id": 1, "marks": {"jane": "a"}}, {"id": 2, "marks": {"jane": "b"}}]),
        json!([{"id": 1, "of": {"day": {"jane": 1, "bob": 2}, "n": 1}}, {"id": 2, "of": {"day": {"jane": 3, "bob": 4}, "n": 1}}]),
        // A list for each person.
        json!({"jane": [{"date": "2026-01-01", "hours": 2}], "bob": [{"date": "2026-01-02", "hours": 1}], "id": [{"date": "x", "hours": 1}]}),
        json!({"data": {"jane": [{"date": "2026-01-01"}], "bob": [{"date": "2026-01-02"}]}}),
        json!({"id": 3, "jane": ["5a"], "bob": ["5b"]}),
    ] {
        let text = match draft(&sample(&body, ""), "school", &[]) {
            Ok((text, _)) => text.to_lowercase(),
            Err(why) => why,
        };
        for name in ["jane", "bob"] {
            assert!(!text.contains(name), "{body}\n{text}");
        }
    }
    for id in ["4711", "123e4567-e89b-12d3-a456-426614174000"] {
        let body = json!([{"code": "a", id: 1}, {"code": "b", id: 2}]);
        let text = drafted(&sample(&body, ""));
        assert!(!text.contains(id), "{text}");
        let words =
            "# ASSUMPTION: 1 members of the rows are not listed, because their names may be data";
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn members_of_a_vendor_are_columns_though_they_are_alike() {
    let body = json!([
        {"id": 1, "givenName": "x", "familyName": "y", "isActive": true, "hasPhoto": false, "roomId": 3, "fluxId": 4, "siret": "s", "vatin": "v",
         "wci": 5, "address": {"city": "a", "street": "b"}, "unit": {"wumTypeID": 1, "wumItemID": 2}, "monday": 1, "tuesday": 2},
        {"id": 2, "givenName": "x", "familyName": "z", "isActive": true, "hasPhoto": true, "roomId": 3, "fluxId": 4, "siret": "t", "vatin": "w",
         "wci": 6, "address": {"city": "a", "street": "b"}, "unit": {"wumTypeID": 1, "wumItemID": 3}, "monday": 1, "tuesday": 2},
    ]);
    let text = drafted(&sample(&body, ""));
    for name in [
        "given_name",
        "family_name",
        "is_active",
        "has_photo",
        "room_id",
        "flux_id",
        "address_city",
        "unit_wum_type_id",
        "tuesday",
    ] {
        assert!(text.contains(&format!("\n{name} = ")), "{name}: {text}");
    }
    // Several names that are no words may be people.
    assert!(
        text.contains("# ASSUMPTION: 3 members of the rows are not listed"),
        "{text}"
    );
}

#[test]
fn the_path_of_rows_names_no_person() {
    let row = |id: u64| json!({"id": id, "date": "2026-01-01"});
    for (body, rows) in [
        (json!({"jane": [row(1), row(2)]}), "\"*\""),
        (
            json!({"jane": [row(1), row(2)], "warnings": []}),
            "\"NAME\"",
        ),
        (
            json!({"students": {"jane_doe": [row(1), row(2)]}}),
            "\"students.NAME\"",
        ),
        (
            json!({"jane_doe": {"students": [row(1), row(2)]}}),
            "\"NAME.students\"",
        ),
        (json!({"jane": ["5a", "5b"]}), "\"*\""),
        (
            json!({"data": {"jane": {"1": row(1), "2": row(2)}}}),
            "\"data.NAME.{*}\"",
        ),
        (
            json!({"students": [row(1), row(2)], "jane": {"total": 2, "next": "/x"}}),
            "\"students\"",
        ),
    ] {
        for address in [
            "",
            "https://s.example/hours/jane?jane.doe=5&pupil.jane.doe=5&jane=all",
        ] {
            let text = drafted(&sample(&body, address));
            assert!(!text.contains("jane"), "{body}\n{text}");
            assert!(
                text.contains(&format!("\nrows    = {rows}")),
                "{rows}: {text}"
            );
        }
    }
}
