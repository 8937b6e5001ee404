//! Drafts of samples and descriptions: what is guessed, and that every draft loads.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

mod addresses;
mod circles;
mod descriptions;
mod people;

fn sample(body: &Value, address: &str) -> DraftSample {
    DraftSample {
        bytes: body.to_string().into_bytes(),
        origin: "api.school.example".to_owned(),
        address: (!address.is_empty()).then(|| address.to_owned()),
        stem: "people".to_owned(),
        ..DraftSample::default()
    }
}

fn drafted(sample: &DraftSample) -> String {
    let (text, _) = draft(sample, "school", &[]).unwrap_or_else(|why| panic!("{why}"));
    text
}

/// The lines of a draft from a table on, without the guesses' reasons.
fn lines(text: &str, table: &str) -> Vec<String> {
    let after = text.lines().skip_while(|line| *line != table).skip(1);
    let own = after
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let bare = own.map(|line| line.split("    # ASSUMPTION").next().unwrap_or_default());
    bare.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn a_sample_becomes_columns_in_its_order() {
    let body = json!({"meta": {"total": 2}, "data": [
        {"id": 7, "givenName": "Kim", "born": "2010-05-03", "at": "2026-01-01T08:00:00", "height": 1.5, "left": null,
         "address": {"city": "Graz", "geo": {"lat": 1, "deep": {"er": 1}}}, "tags": ["a"], "isActive": true, "ref": "1",
         "loginToken": "x", "odd.name": 1, "mixed": 1},
        {"id": 8, "givenName": "Lee", "born": "", "at": null, "height": 2, "left": null, "address": {"city": "Linz", "geo": {"lat": 2, "deep": {"er": 1}}}, "tags": [],
         "isActive": false, "ref": 2, "late": {"er": 1}, "mixed": [1]},
    ]});
    let text = drafted(&sample(
        &body,
        "https://api.school.example/v1/Students?sort=id&limit=5&offset=0&key=x#top",
    ));
    assert!(
        text.contains("base_url = { default = \"https://api.school.example/v1\", "),
        "{text}"
    );
    assert!(
        !text.contains("Kim") && !text.contains("Graz") && !text.contains("\"er\""),
        "{text}"
    );
    assert!(
        text.contains("# ASSUMPTION: left out: the parameter key, which looks like a secret"),
        "{text}"
    );
    let stream = [
        "path = \"/Students\"",
        "query = { \"sort\" = \"id\" }",
        "rows = \"data\"",
        "key = [\"id\"]",
        "page = { by = \"offset\", offset = \"offset\", limit = \"limit\", size = 100, total_member = [\"meta.total\"] }",
        "person = true",
        "ignore = [\"loginToken\"]",
    ];
    assert_eq!(lines(&text, "[streams.students]"), stream);
    // serde_json sorts the members of `json!`.
    let mut columns = lines(&text, "[streams.students.columns]");
    columns.sort();
    let expected = [
        "address_city = \"address.city : text\"",
        "address_geo_deep = \"address.geo.deep : json\"",
        "address_geo_lat = \"address.geo.lat : integer\"",
        "at = \"at : timestamp\"",
        "born = \"born : date\"",
        "given_name = \"givenName : text\"",
        "height = \"height : real\"",
        "id = \"id : integer\"",
        "is_active = \"isActive : boolean\"",
        "late = \"late : json\"",
        "left = \"left : text\"",
        "mixed = \"mixed : json\"",
        "ref = \"ref : text\"",
        "tags = \"tags : json\"",
    ];
    assert_eq!(columns, expected);
    for uncertainty in [
        "times without a zone are taken as UTC",
        "the sample has no value of it",
        "1 more members are not listed",
    ] {
        assert!(text.contains(uncertainty), "{uncertainty}: {text}");
    }
}

#[test]
fn no_secret_of_the_address_is_written() {
    const SECRET: &str = "mellon";
    let rows = json!([{"id": 1, "name": "x"}]);
    for query in [
        "code=mellon",
        "auth=mellon",
        "pwd=mellon",
        "pass=mellon",
        "jwt=mellon",
        "sid=mellon",
        "session=mellon",
        "apikey2=mellon",
        "access_token=mellon",
        "unheard_of=mellon",
        "filter=email%20eq%20%27mellon%27",
        "fields=a7f3mellon91",
        "limit=mellon%40school.example",
        "user=mellon",
        "sort=mellon",
        "fields=id,mellon",
        "mellon",
        "cursor=mellon",
        "mellon99182",
        "mellon%40school=1",
    ] {
        let address = format!("https://s.example/users?sort=id&{query}");
        let text = drafted(&sample(&rows, &address));
        assert!(!text.contains(SECRET), "{query}: {text}");
        assert!(text.contains("# ASSUMPTION: left out: "), "{query}: {text}");
        assert!(text.contains(r#"query   = { "sort" = "id" }"#), "{text}");
        let name = query.split_once('=').map_or("", |(name, _)| name);
        let is_named = text.contains(&format!("the parameter {name}"));
        assert!(
            is_named || ["", "apikey2", "unheard_of"].contains(&name) || name.contains(SECRET),
            "{query}: {text}"
        );
    }
    // Short numbers are harmless, if not by such names.
    let address = "https://s.example/users?pwd=123456&pin=4711&k=4711&user=4711&year=2026&$select=id,givenName&_all=true&$expand=orgs($top)";
    let text = drafted(&sample(&rows, address));
    assert!(!text.contains("123456") && !text.contains("4711"), "{text}");
    let query = r#"query = { "year" = "2026", "$select" = "id,givenName", "_all" = "true", "$expand" = "orgs($top)" }"#;
    assert!(
        lines(&text, "[streams.users]").contains(&query.to_owned()),
        "{text}"
    );
}

#[test]
fn columns_keep_the_order_of_the_text() {
    let sample = DraftSample {
        bytes: br#"[{"zone":1,"year":2,"id":3}]"#.to_vec(),
        ..sample(&json!(null), "")
    };
    let columns = [
        "zone = \"zone : integer\"",
        "year = \"year : integer\"",
        "id = \"id : integer\"",
    ];
    assert_eq!(
        lines(&drafted(&sample), "[streams.people.columns]"),
        columns
    );
}

#[test]
fn the_next_page_is_guessed_from_what_the_answer_shows() {
    let row = json!({"id": 1, "name": "x"});
    let answer = |rows: &str, more: Value| {
        let mut body = more;
        body[rows] = json!([row]);
        body
    };
    for (body, address, page) in [
        (json!([row]), "", None),
        (json!([row]), "https://s.example/users?per_page=5", None),
        (
            json!([row]),
            "https://s.example/users?page=1&per_page=5",
            Some("by = \"number\", number = \"page\", limit = \"per_page\", size = 100"),
        ),
        (
            json!({"Resources": [row], "totalResults": 9}),
            "https://s.example/Users?startIndex=1&count=2",
            Some(
                "by = \"offset\", offset = \"startIndex\", first = 1, limit = \"count\", size = 100, total_member = [\"totalResults\"]",
            ),
        ),
        (
            json!({"records": [row], "results": 9}),
            "https://s.example/records/users?page=1,50",
            Some("by = \"number\", number = \"page\", value = \"{number},{size}\", size = 100"),
        ),
        (
            answer(
                "value",
                json!({"@odata.nextLink": "https://s.example/users?$skip=1", "@odata.count": 3}),
            ),
            "https://s.example/users",
            Some(
                "by = \"next_url\", next = \"@odata.nextLink\", total_member = [\"@odata.count\"]",
            ),
        ),
        (
            answer("courses", json!({"nextPageToken": "abc"})),
            "https://s.example/courses?pageSize=2",
            Some(
                "by = \"cursor\", cursor = \"pageToken\", next = \"nextPageToken\", limit = \"pageSize\", size = 100",
            ),
        ),
        (
            answer(
                "data",
                json!({"paging": {"next": "/v3/users?after=1", "prev": ""}}),
            ),
            "https://s.example/v3/users",
            Some("by = \"next_url\", next = \"paging.next\""),
        ),
        (
            answer(
                "data",
                json!({"links": [{"rel": "self", "uri": "/a"}, {"rel": "next", "uri": "/b"}]}),
            ),
            "https://s.example/v3/users",
            Some("by = \"next_url\", next = \"links[rel=next].uri\""),
        ),
        (
            answer(
                "items",
                json!({"_links": {"next": {"href": "https://s.example/b"}}}),
            ),
            "",
            Some("by = \"next_url\", next = \"_links.next.href\""),
        ),
        (
            answer("items", json!({"pagination": {"next_page": 2, "total": 9}})),
            "https://s.example/items?page=1",
            Some(
                "by = \"cursor\", cursor = \"page\", next = \"pagination.next_page\", total_member = [\"pagination.total\"]",
            ),
        ),
    ] {
        let text = drafted(&sample(&body, address));
        let line = text.lines().find(|line| line.starts_with("page "));
        let found = line.map(|line| {
            line.split_once("{ ")
                .and_then(|(_, rest)| rest.split_once(" }"))
                .unwrap_or_default()
                .0
        });
        assert_eq!(found, page, "{text}");
    }
    let linked = DraftSample {
        has_next_link: true,
        total_header: Some("X-Total-Count".to_owned()),
        ..sample(&json!([row]), "https://s.example/users?per_page=5")
    };
    let page = "page = { by = \"link\", limit = \"per_page\", size = 100, total_header = \"X-Total-Count\" }";
    assert!(lines(&drafted(&linked), "[streams.users]").contains(&page.to_owned()));
}

#[test]
fn the_key_is_what_differs() {
    for (rows, key) in [
        (json!([{"name": "a", "id": 1}]), "\"id\""),
        (
            json!([{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]),
            "\"name\"",
        ),
        (
            json!([{"code": "x", "person_id": 1}, {"code": "y", "person_id": 2}]),
            "\"person_id\"",
        ),
        (
            json!([{"course_id": 1, "user_id": 1}, {"course_id": 1, "user_id": 2}, {"course_id": 2, "user_id": 1}]),
            "\"course_id\", \"user_id\"",
        ),
        (
            json!([{"a": {"id": 4}, "title": "x"}, {"a": {"id": 5}, "title": "x"}]),
            "\"a_id\"",
        ),
    ] {
        let text = drafted(&sample(&rows, ""));
        let stream = lines(&text, "[streams.people]");
        assert!(stream.contains(&format!("key = [{key}]")), "{text}");
    }
    let rows = json!([{"kind": "x"}, {"kind": "x"}]);
    assert!(drafted(&sample(&rows, "")).contains("NOT unique in the sample"));
}

#[test]
fn rows_in_an_envelope_are_unwrapped() {
    let body = json!({"data": [{"data": {"id": "a", "name": "x"}, "uri": "/a"}, {"data": {"id": "b", "name": "y"}, "uri": "/b"}]});
    let text = drafted(&sample(&body, "https://s.example/v3/users"));
    assert!(
        lines(&text, "[streams.users]").contains(&"envelope = \"data\"".to_owned()),
        "{text}"
    );
    assert_eq!(
        lines(&text, "[streams.users.columns]"),
        ["id = \"id : text\"", "name = \"name : text\""]
    );
}

#[test]
fn what_is_no_sample_is_refused_with_advice() {
    for (bytes, words) in [
        (&b""[..], "it is empty"),
        (b"<html>", "looks like HTML"),
        (b"openapi: 3.0.0\n", "YAML"),
        (b"{\"a\": [", "is it complete?"),
        (b"[]", "no list of objects"),
        (b"[1.5, 2]", "no list of objects"),
        (b"{\"rows\": []}", "is empty: take a page that has rows"),
        (b"[{\"a\": []}]", "no member of its rows can identify a row"),
        (
            b"{\"swagger\": \"2.0\", \"paths\": {}}",
            "convert it to OpenAPI 3",
        ),
        (
            b"{\"openapi\": \"3.1.0\", \"paths\": {}}",
            "no list that a stream can be made of",
        ),
    ] {
        let sample = DraftSample {
            bytes: bytes.to_vec(),
            ..sample(&json!(null), "")
        };
        let why = draft(&sample, "school", &[]).expect_err("refused");
        assert!(why.contains(words), "{words}: {why}");
    }
}

#[test]
fn rows_may_be_members_of_an_object_or_bare_values() {
    let body = json!({"ocs": {"meta": {"statuscode": 200}, "data": {"users": {
        "kim": {"id": "kim", "email": "k@x"}, "lee": {"id": "lee", "email": null},
    }}}});
    let text = drafted(&sample(&body, ""));
    let stream = lines(&text, "[streams.people]");
    assert_eq!(
        stream[1..3],
        ["rows = \"ocs.data.users.{*}\"", "key = [\"id\"]"]
    );
    let columns = [
        "key = \"@key : text\"",
        "email = \"email : text\"",
        "id = \"id : text\"",
    ];
    assert_eq!(lines(&text, "[streams.people.columns]"), columns);
    let one = json!({"id": 1, "name": "x", "groups": ["5a", "5b"], "places": {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 2}}});
    assert!(
        drafted(&sample(&one, "")).contains("rows    = \"{}\""),
        "one thing with a name"
    );
    let text = drafted(&sample(&json!({"data": {"groups": ["5a", "5b"]}}), ""));
    let stream = lines(&text, "[streams.people]");
    assert_eq!(stream[1..3], ["rows = \"data.groups\"", "key = [\"id\"]"]);
    assert_eq!(
        lines(&text, "[streams.people.columns]"),
        ["id = \"@value : text\""]
    );
}

#[test]
fn a_key_is_sent_as_it_was() {
    for (prefix, value) in [
        ("", None),
        ("Bearer", Some("value  = \"Bearer {api_key}\"")),
    ] {
        let sample = DraftSample {
            key_header: Some(("Authorization".to_owned(), prefix.to_owned())),
            ..sample(&json!([{"id": 1}]), "https://s.example/users")
        };
        let text = drafted(&sample);
        assert!(
            text.contains("[auth.api_key]\nheader = \"Authorization\"\n"),
            "{text}"
        );
        assert_eq!(
            text.lines().find(|line| line.starts_with("value ")),
            value,
            "{text}"
        );
    }
}

fn description() -> Value {
    let list = |name: &str| json!({"200": {"content": {"application/json": {"schema": {"$ref": format!("#/components/schemas/{name}")}}}}});
    json!({
        "openapi": "3.0.3",
        "info": {"title": "School API"},
        "servers": [{"url": "https://{host}/v2", "variables": {"host": {"default": "api.school.example"}}}],
        "paths": {
            "/courses": {"get": {"summary": "List the courses. All of them.", "responses": list("Courses"), "parameters": [
                {"name": "offset", "in": "query", "schema": {"type": "integer"}},
                {"$ref": "#/components/parameters/limit"},
                {"name": "X-Trace", "in": "header"},
            ]}, "post": {}},
            "/courses/{courseId}": {"get": {"responses": list("Course")}},
            "/courses/{courseId}/members": {"get": {"responses": list("Members")}},
            "/orgs/{a}/users/{b}": {"get": {"responses": list("Members")}},
            "/health": {"get": {"responses": {"204": {}}}},
        },
        "components": {
            "parameters": {"limit": {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 250}}},
            "securitySchemes": {
                "oauth": {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "https://api.school.example/token", "scopes": {"read": ""}}}},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
            "schemas": {
                "Course": {"allOf": [{"$ref": "#/components/schemas/Base"}, {"type": "object", "properties": {
                    "title": {"type": "string", "description": "What it is\ncalled. And more."},
                    "start": {"type": "string", "format": "date"},
                    "hours": {"type": ["number", "null"]},
                    "parent": {"$ref": "#/components/schemas/Course"},
                    "children": {"type": "array", "items": {"$ref": "#/components/schemas/Course"}},
                    "password": {"type": "string", "writeOnly": true},
                    "teachers": {"type": "array", "items": {"type": "string"}},
                }}]},
                "Base": {"type": "object", "properties": {"courseId": {"type": "integer"}, "modified": {"type": "string", "format": "date-time"}}},
                "Courses": {"type": "object", "properties": {"total": {"type": "integer"}, "courses": {"type": "array", "items": {"$ref": "#/components/schemas/Course"}}}},
                "Members": {"type": "array", "items": {"type": "object", "properties": {"userId": {"type": "string", "format": "uuid"}, "role": {"enum": ["a"], "type": "string"}}}},
            },
        },
    })
}

#[test]
fn a_description_becomes_streams() {
    let text = drafted(&sample(
        &description(),
        "https://docs.school.example/openapi.json",
    ));
    assert!(text.contains("title     = \"School API\""), "{text}");
    assert!(
        text.contains("default = \"https://api.school.example/v2\""),
        "{text}"
    );
    assert!(
        text.contains(
            "# ASSUMPTION: left out: /orgs/{a}/users/{b}: it is read for several things at once"
        ),
        "{text}"
    );
    assert_eq!(
        lines(&text, "[auth.client_credentials]"),
        [
            "token_url = \"https://api.school.example/token\"",
            "scope = \"read\""
        ]
    );
    let courses = [
        "title = \"List the courses\"",
        "path = \"/courses\"",
        "rows = \"courses\"",
        "key = [\"course_id\"]",
        "page = { by = \"offset\", offset = \"offset\", limit = \"limit\", size = 250, total_member = [\"total\"] }",
    ];
    assert_eq!(lines(&text, "[streams.courses]"), courses);
    let columns = lines(&text, "[streams.courses.columns]");
    for column in [
        "title = { from = \"title : text\", help = \"What it is called\" }",
        "start = \"start : date\"",
        "hours = \"hours : real\"",
        "modified = \"modified : timestamp\"",
        "teachers = \"teachers : json\"",
        "parent = \"parent : json\"",
        "children = \"children : json\"",
        "course_id = \"courseId : integer\"",
    ] {
        assert!(columns.contains(&column.to_owned()), "{column}: {text}");
    }
    assert!(!text.contains("password"), "{text}");
    let members = lines(&text, "[streams.members]");
    let each = "for_each = { stream = \"courses\", take = { \"courseId\" = \"course_id\" } }";
    assert!(members.contains(&each.to_owned()), "{text}");
    assert!(
        members.contains(&"key = [\"course_id\", \"user_id\"]".to_owned()),
        "{text}"
    );
    let (text, streams) = draft(
        &sample(&description(), ""),
        "school",
        &["/courses/".to_owned()],
    )
    .unwrap_or_default();
    assert_eq!(
        (text.as_str(), streams),
        ("", 0),
        "members need the courses"
    );
    let (_, streams) = draft(
        &sample(&description(), ""),
        "school",
        &["/courses".to_owned()],
    )
    .expect("a draft");
    assert_eq!(streams, 2);
}

#[test]
fn names_are_those_of_the_address() {
    for (address, stem, name) in [
        ("https://www.api.shelf.school.example/v1", "", "school"),
        ("https://shelf.example/v1", "", "shelf"),
        ("http://localhost:80/v1", "", "localhost"),
        ("http://127.0.0.1:80/v1", "", "vendor"),
        ("", "Sample of Users-2026", "sample_of_users_2026"),
        ("", "2026", "x2026"),
    ] {
        let sample = DraftSample {
            address: (!address.is_empty()).then(|| address.to_owned()),
            stem: stem.to_owned(),
            ..DraftSample::default()
        };
        assert_eq!(draft_name(&sample), name, "{address}{stem}");
    }
}

/// Names that are hard on paths, TOML, SQL and templates.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z_@$. -]{0,12}",
        "\\PC{0,6}",
        prop::sample::select(vec![
            "id",
            "ID",
            "_id",
            "@odata.nextLink",
            "next",
            "links",
            "data",
            "total",
            "a.b",
            "a[]",
            "{x}",
            "= {y}",
            "../up",
            "a|b",
            "a : text",
            "password",
            "select",
            "",
            " ",
            "\"",
            "\\",
            "\u{202e}x",
            "\u{e0001}",
            "ä",
            "1",
            "first_name",
        ])
        .prop_map(str::to_owned),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!("2026-01-01")),
        Just(json!("https://x.example/?a={b}")),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A description around any schema, and any schema that looks like one.
fn descriptions() -> impl Strategy<Value = Value> {
    let place = prop::sample::select(vec!["header", "query", "cookie"]);
    (value(), prop::collection::vec((name(), value()), 1..5), "\\PC{0,10}", place).prop_map(|(odd, members, title, place)| {
        let properties: serde_json::Map<String, Value> = members
            .into_iter()
            .map(|(name, value)| match value {
                Value::Object(_) => (name, value),
                _ => (name, json!({"type": "string", "description": title})),
            })
            .collect();
        json!({
            "openapi": "3.1.0",
            "info": {"title": title},
            "servers": [{"url": format!("https://{title}")}],
            "paths": {
                "/a": {"get": {"summary": title, "parameters": [odd, {"in": place, "name": title, "required": true}], "responses": {"200": {"content": {"application/json": {"schema": {"type": "array", "items": {"properties": properties}}}}}}}},
                format!("/a/{{{title}}}/b"): {"get": {"responses": {"200": {"content": {"application/json": {"schema": {"items": {"properties": properties}}}}}}}},
            },
            "components": {"securitySchemes": {"x": {"type": "apiKey", "in": place, "name": title}, "y": odd}},
        })
    })
}

proptest! {
    #[test]
    fn every_draft_loads(
        rows in prop::collection::vec(value(), 1..4),
        more in value(),
        at in name(),
        address in "(https://s\\.example(/[a-z{}]{0,5}){0,2}(\\?[a-z{}%=&\\[]{0,12})?)?",
        description in descriptions(),
    ) {
        let mut body = more;
        if let Value::Object(members) = &mut body {
            members.insert(at, Value::from(rows));
        } else {
            body = Value::from(rows);
        }
        for body in [body, description] {
            if let Err(why) = draft(&sample(&body, &address), "school", &[]) {
                prop_assert!(!why.contains("would not load"), "{why}\n{body}");
            }
        }
    }
}
