//! Lists of a small school: two schools, three users, two classes, and rows that left.

use serde_json::{Map, Value};

use super::*;
use crate::oneroster::status_info::CodeMinor;

const ROWS: &[(&str, bool, &str, &str)] = &[
    (
        "orgs",
        false,
        "district",
        r#"{"name":"District","type":"district"}"#,
    ),
    (
        "orgs",
        false,
        "s1",
        r#"{"name":"First","type":"school","parentSourcedId":"district"}"#,
    ),
    (
        "orgs",
        false,
        "s2",
        r#"{"name":"second","type":"school","parentSourcedId":"district"}"#,
    ),
    (
        "orgs",
        true,
        "s3",
        r#"{"name":"Third","type":"school","parentSourcedId":"district"}"#,
    ),
    (
        "academicSessions",
        false,
        "t1",
        r#"{"title":"Term","type":"term","startDate":"2026-01-01","endDate":"2026-07-01","schoolYear":"2026"}"#,
    ),
    (
        "academicSessions",
        false,
        "g1",
        r#"{"title":"Period","type":"gradingPeriod","startDate":"2026-01-01","endDate":"2026-04-01","parentSourcedId":"t1"}"#,
    ),
    (
        "courses",
        false,
        "k",
        r#"{"title":"Maths","orgSourcedId":"s1"}"#,
    ),
    (
        "classes",
        false,
        "c1",
        r#"{"title":"One","courseSourcedId":"k","schoolSourcedId":"s1","termSourcedIds":"t1","subjects":"Maths,Art"}"#,
    ),
    (
        "classes",
        false,
        "c2",
        r#"{"title":"Two","schoolSourcedId":"s2"}"#,
    ),
    (
        "users",
        false,
        "a",
        r#"{"givenName":"Élodie","familyName":"O'Brien","role":"student","orgSourcedIds":"s1,s2","enabledUser":"true","userIds":"{uuid:7},{id:x}","password":"no"}"#,
    ),
    (
        "users",
        false,
        "b",
        r#"{"givenName":"Ben","familyName":"Abel","role":"teacher","orgSourcedIds":"s1","enabledUser":"false","agentSourcedIds":"a"}"#,
    ),
    (
        "users",
        true,
        "c",
        r#"{"givenName":"Cem","familyName":"Zed","role":"student","orgSourcedIds":"s1"}"#,
    ),
    ("users", true, "d", ""),
    (
        "enrollments",
        false,
        "e1",
        r#"{"userSourcedId":"a","classSourcedId":"c1","schoolSourcedId":"s1","role":"student","primary":""}"#,
    ),
    (
        "enrollments",
        false,
        "e2",
        r#"{"userSourcedId":"b","classSourcedId":"c1","schoolSourcedId":"s1","role":"teacher","primary":"true"}"#,
    ),
    (
        "enrollments",
        true,
        "e3",
        r#"{"userSourcedId":"c","classSourcedId":"c1","schoolSourcedId":"s1","role":"student"}"#,
    ),
];

fn roster() -> Roster {
    let known = RosterEntity::ALL.into_iter();
    let known: Vec<RosterEntity> = known
        .filter(|one| *one != RosterEntity::Demographics)
        .collect();
    let mut roster = Roster::new(&known);
    // The mirror gives them in the order of their fingerprints.
    for (number, (file, is_removed, id, row)) in ROWS.iter().enumerate().rev() {
        let entity = RosterEntity::of_file(&format!("{file}.csv")).expect("an entity");
        let changed = format!("2026-03-{:02}T07:00:00.000Z", number + 1);
        let row = (!row.is_empty()).then(|| {
            let mut row: Map<String, Value> = serde_json::from_str(row).expect("JSON");
            for column in entity.required_columns() {
                row.entry(*column).or_insert(Value::Null);
            }
            Value::Object(row).to_string()
        });
        let id = format!("{{\"sourcedId\":\"{id}\"}}");
        let added = roster.add(entity, (&changed, *is_removed), &id, row.as_deref());
        added.expect("it has an id");
    }
    roster.finish();
    roster
}

/// The ids of a list, or why there is none.
fn ids(path: &str, query: &str) -> Result<String, CodeMinor> {
    let roster = roster();
    let route = RosterRoute::of(path).expect(path);
    let parameters = ListParameters::of(query).expect(query);
    let found = roster.list(&route, &parameters);
    let found = found.map_err(|refused| refused.code_minor)?;
    let ids: Vec<&str> = found.rows.iter().map(|row| found.table.id(*row)).collect();
    Ok(ids.join(" ") + if found.is_unsorted { " unsorted" } else { "" })
}

#[test]
fn each_path_has_its_rows() {
    for (path, expected) in [
        ("/orgs", "district s1 s2 s3"),
        ("/schools", "s1 s2 s3"),
        ("/academicSessions", "g1 t1"),
        ("/terms", "t1"),
        ("/gradingPeriods", "g1"),
        ("/users", "a b c d"),
        ("/students", "a c"),
        ("/teachers", "b"),
        ("/enrollments", "e1 e2 e3"),
        ("/schools/s1/courses", "k"),
        ("/schools/s1/enrollments", "e1 e2 e3"),
        ("/schools/s1/classes", "c1"),
        ("/schools/s1/students", "a c"),
        ("/schools/s2/students", "a"),
        ("/schools/s2/teachers", ""),
        ("/schools/s1/terms", "t1"),
        ("/schools/s2/terms", ""),
        ("/schools/s1/classes/c1/enrollments", "e1 e2 e3"),
        ("/schools/s1/classes/c1/students", "a"),
        ("/schools/s1/classes/c1/teachers", "b"),
        ("/terms/t1/classes", "c1"),
        ("/terms/t1/gradingPeriods", "g1"),
        ("/courses/k/classes", "c1"),
        ("/classes/c1/students", "a"),
        ("/classes/c2/students", ""),
        ("/students/a/classes", "c1"),
        ("/students/c/classes", ""),
        ("/teachers/b/classes", "c1"),
        ("/users/b/classes", "c1"),
    ] {
        assert_eq!(ids(path, "").as_deref(), Ok(expected), "{path}");
    }
    for path in [
        "/demographics",
        "/schools/district/classes",
        "/schools/x/classes",
        "/schools/s2/classes/c1/students",
        "/terms/g1/classes",
        "/teachers/a/classes",
        "/students/d/classes",
    ] {
        assert_eq!(ids(path, ""), Err(CodeMinor::UnknownObject), "{path}");
    }
    for path in [
        "",
        "/",
        "/users/",
        "/users//classes",
        "/Users",
        "/users/a/b",
        "/orgs/s1/classes",
        "/schools/s1/terms/t1/classes",
        "/users/%zz",
        "/schools/s1/classes/c1/courses",
        "/resources",
    ] {
        assert_eq!(RosterRoute::of(path), None, "{path}");
    }
    let odd = RosterRoute::of("/users/a%2Fb+%C3%A9").expect("a user");
    assert!(matches!(odd, RosterRoute::One(_, id) if id == "a/b+é"));
}

#[test]
fn a_filter_is_one_condition_or_two() {
    for (path, filter, expected) in [
        ("/users", "givenName='élodie'", Ok("a")),
        ("/users", "givenName='ÉLODIE'", Ok("a")),
        ("/users", "givenName~'EN'", Ok("b")),
        ("/users", "familyName='O''Brien'", Ok("a")),
        (
            "/users",
            "familyName='o''brien' AND role='student'",
            Ok("a"),
        ),
        ("/users", "familyName='x AND y' OR sourcedId='b'", Ok("b")),
        ("/users", "familyName>'abel'", Ok("a c")),
        ("/users", "familyName<='Abel'", Ok("b")),
        ("/users", "role!='student'", Ok("b d")),
        ("/users", "status='tobedeleted'", Ok("c d")),
        ("/users", "enabledUser='true'", Ok("a")),
        ("/users", "enabledUser!='true'", Ok("b c d")),
        ("/users", "orgs.sourcedId~'s2,x'", Ok("a")),
        ("/users", "orgs.sourcedId='s2,s1'", Ok("a")),
        ("/users", "orgs.sourcedId='s1'", Ok("b c")),
        ("/users", "orgs.sourcedId!='s1'", Ok("a d")),
        ("/users", "agents.type='user'", Ok("b")),
        ("/users", "userIds.identifier~'7'", Ok("a")),
        ("/users", "userIds.type~'ID'", Ok("a")),
        (
            "/users",
            "dateLastModified>='2026-03-12T07:00:00Z'",
            Ok("c d"),
        ),
        ("/users", "dateLastModified<'2026-03-11'", Ok("a")),
        (
            "/users",
            "dateLastModified='2026-03-11T08:00:00.000+01:00'",
            Ok("b"),
        ),
        ("/classes", "school.sourcedId='S1'", Ok("c1")),
        ("/classes", "subjects~'art'", Ok("c1")),
        ("/academicSessions", "endDate>'2026-06-30'", Ok("t1")),
        ("/orgs", "children.sourcedId='s1,s2'", Ok("district")),
        (
            "/orgs",
            "parent.sourcedId='district' AND status='active'",
            Ok("s1 s2"),
        ),
        ("/enrollments", "primary='true'", Ok("e2")),
        (
            "/users",
            "password='no'",
            Err(CodeMinor::InvalidFilterField),
        ),
        ("/users", "orgs='s1'", Err(CodeMinor::InvalidFilterField)),
        (
            "/users",
            "givenname='a'",
            Err(CodeMinor::InvalidFilterField),
        ),
        (
            "/users",
            "givenName.x='a'",
            Err(CodeMinor::InvalidFilterField),
        ),
        (
            "/users",
            "sourcedId='a' AND colour='b'",
            Err(CodeMinor::InvalidFilterField),
        ),
        ("/users", "", Err(CodeMinor::InvalidData)),
        ("/users", "givenName", Err(CodeMinor::InvalidData)),
        ("/users", "givenName=a", Err(CodeMinor::InvalidData)),
        ("/users", "givenName='a", Err(CodeMinor::InvalidData)),
        ("/users", "givenName = 'a'", Err(CodeMinor::InvalidData)),
        ("/users", "givenName=='a'", Err(CodeMinor::InvalidData)),
        ("/users", "givenName='a'b'", Err(CodeMinor::InvalidData)),
        (
            "/users",
            "role='a' and role='b'",
            Err(CodeMinor::InvalidData),
        ),
        (
            "/users",
            "role='a'  AND role='b'",
            Err(CodeMinor::InvalidData),
        ),
        (
            "/users",
            "role='a' AND role='b' OR role='c'",
            Err(CodeMinor::InvalidData),
        ),
        ("/users", "role='a' AND", Err(CodeMinor::InvalidData)),
        ("/users", "='a'", Err(CodeMinor::InvalidData)),
        ("/users", "orgs.sourcedId>'a'", Err(CodeMinor::InvalidData)),
        ("/users", "enabledUser='TRUE'", Err(CodeMinor::InvalidData)),
        (
            "/users",
            "dateLastModified>'yesterday'",
            Err(CodeMinor::InvalidData),
        ),
        (
            "/academicSessions",
            "endDate='2026-02-30'",
            Err(CodeMinor::InvalidData),
        ),
        (
            "/academicSessions",
            "endDate~'2026-02-03'",
            Err(CodeMinor::InvalidData),
        ),
    ] {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("filter", filter)
            .finish();
        assert_eq!(
            ids(path, &query).as_deref(),
            expected.as_ref().copied(),
            "{filter}"
        );
    }
}

#[test]
fn rows_are_sorted_by_a_value_then_by_their_ids() {
    for (query, expected) in [
        ("sort=sourcedId", "a b c d"),
        ("sort=sourcedId&orderBy=desc", "d c b a"),
        ("sort=familyName", "d b a c"),
        ("sort=familyName&orderBy=desc", "c a b d"),
        ("sort=role", "d a c b"),
        ("sort=role&orderBy=desc", "b a c d"),
        ("sort=enabledUser", "c d b a"),
        ("sort=dateLastModified&orderBy=desc", "d c b a"),
        ("sort=status", "a b c d"),
        ("sort=colour", "a b c d unsorted"),
        ("sort=orgs.sourcedId", "a b c d unsorted"),
        ("orderBy=desc", "a b c d"),
    ] {
        assert_eq!(ids("/users", query).as_deref(), Ok(expected), "{query}");
    }
    assert_eq!(
        ids("/orgs", "sort=name").as_deref(),
        Ok("district s1 s2 s3"),
        "without regard to case"
    );
}

#[test]
fn an_object_has_its_values_as_json() {
    let roster = roster();
    let json = |collection: &str, id: &str, wanted: Option<&[String]>| {
        let route = RosterRoute::of(&format!("/{collection}/{id}")).expect("a path");
        let RosterRoute::One(collection, id) = route else {
            panic!("an object");
        };
        let (table, row) = roster.object(collection, &id).expect("it is there");
        table.json(row, "http://h/v1p1", wanted)
    };
    let reference = |path: &str, id: &str, kind: &str| serde_json::json!({"href": format!("http://h/v1p1/{path}/{id}"), "sourcedId": id, "type": kind});
    assert_eq!(
        json("users", "a", None),
        serde_json::json!({
            "sourcedId": "a", "status": "active", "dateLastModified": "2026-03-10T07:00:00.000Z",
            "givenName": "Élodie", "familyName": "O'Brien", "role": "student", "enabledUser": true,
            "orgs": [reference("orgs", "s1", "org"), reference("orgs", "s2", "org")],
            "userIds": [{"type": "uuid", "identifier": "7"}, {"type": "id", "identifier": "x"}],
        })
    );
    assert_eq!(
        json("orgs", "district", None)["children"],
        serde_json::json!([
            reference("orgs", "s1", "org"),
            reference("orgs", "s2", "org")
        ]),
        "without those that left"
    );
    assert_eq!(
        json("users", "d", None),
        serde_json::json!({"sourcedId": "d", "status": "tobedeleted", "dateLastModified": "2026-03-13T07:00:00.000Z"}),
        "its values were erased"
    );
    let wanted = ["role", "sourcedId"].map(str::to_owned);
    assert_eq!(
        json("teachers", "b", Some(&wanted)),
        serde_json::json!({"sourcedId": "b", "role": "teacher"})
    );
}

#[test]
fn a_bundle_of_another_layout_is_no_roster() {
    let mut roster = Roster::new(&[RosterEntity::User]);
    let row = r#"{"username":"a","givenName":"A","familyName":"B","enabledUser":"true"}"#;
    let time = ("2026-03-01T07:00:00.000Z", false);
    let error = roster.add(RosterEntity::User, time, r#"{"sourcedId":"a"}"#, Some(row));
    assert_eq!(
        error.expect_err("OneRoster 1.2 has roles.csv").to_string(),
        "the file users has no column `role`, which OneRoster 1.1 requires"
    );
    assert!(
        roster
            .add(RosterEntity::User, time, r#"{"id":"a"}"#, None)
            .is_err()
    );
    assert!(
        roster
            .add(RosterEntity::User, time, r#"{"sourcedId":"a"}"#, None)
            .is_ok()
    );
    assert!(
        roster.add(RosterEntity::Org, time, "", None).is_ok(),
        "not served"
    );
}
