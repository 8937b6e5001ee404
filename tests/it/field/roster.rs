//! R5, R10, R11, L3, L5, L6 with the shipped OneRoster connector.

use serde_json::{Value, json};

use super::harness::{Config, Harness, each};
use super::server::{Reply, Shared, VendorRequest};
use crate::people::{class, key, user, users};

/// The shipped connector, with these streams.
fn plan(streams: &[&str]) -> Config {
    let mut plan = Config::of("");
    plan.extends = Some("oneroster");
    plan.top = String::new();
    plan.source = "token_url = \"ORIGIN/token\"\n".to_owned();
    plan.base = "/ims/oneroster/v1p1".to_owned();
    plan.auth = "grant = \"client_credentials\"\nclient_id = \"rollbook\"\nclient_secret = { credential = \"secret\" }\n".to_owned();
    plan.jobs = vec![("job".to_owned(), super::harness::reads(streams))];
    plan
}

/// A school with these users, in the requested pages.
fn school(harness: &mut Harness, users: Vec<Value>, behind: fn() -> Reply) -> Shared {
    let list = Shared::of(users);
    let ours = list.clone();
    harness
        .vendor
        .respond_with(move |request| respond(request, &ours.rows(), behind));
    list
}

fn respond(request: &VendorRequest, rows: &[Value], behind: fn() -> Reply) -> Reply {
    let (start, limit) = (
        request.number("offset").unwrap_or(0),
        request.number("limit").unwrap_or(100),
    );
    let page: Vec<&Value> = rows.iter().skip(start).take(limit).collect();
    match page.is_empty() && start > 0 {
        true => behind(),
        false => Reply::json(&json!({request.list(): page})),
    }
}

fn empty() -> Reply {
    Reply::json(&json!({"users": []}))
}

fn harness() -> Harness {
    Harness::new(&plan(&["users"]))
}

fn cell(harness: &Harness, number: usize, column: &str) -> Option<String> {
    harness.cell_of("own_users", "sourced_id", &key(number), column)
}

fn live(harness: &Harness) -> u64 {
    crate::queries::count(&harness.installation.mirror(), "own_users")
}

/// R5: one name holds half an emoji.
#[test]
fn r5_half_an_emoji_in_a_name() {
    let mut harness = harness();
    let body = json!({"users": users(40)}).to_string();
    let odd = body.replacen("\"Given 7\"", r#""Given \ud83d""#, 1);
    assert_ne!(body, odd);
    harness
        .vendor
        .respond_with(move |request| match request.number("offset") {
            Some(0) | None => Reply::raw(200, odd.clone()),
            _ => empty(),
        });
    harness
        .sync()
        .ended("ok_with_rejects", "half an emoji")
        .reports(&["given_name"], "half an emoji");
    assert_eq!(live(&harness), 40);
    assert_eq!(
        cell(&harness, 7, "given_name").as_deref(),
        Some("Given \u{fffd}")
    );
}

/// R10: the reference lists of the shipped file are sets.
#[test]
fn r10_reference_lists_in_another_order() {
    let mut harness = harness();
    let several = |number: usize| {
        let mut user = user(number, 1);
        for list in ["orgs", "agents"] {
            user[list] = json!([
                {"sourcedId": "b", "type": "x", "href": "http://x/1"},
                {"sourcedId": "a", "type": "x", "href": "http://x/2"},
                {"sourcedId": "c", "type": "x", "href": "http://x/3"},
            ]);
        }
        user
    };
    let list = school(&mut harness, (0..30).map(several).collect(), empty);
    harness.sync().ended("ok", "first");
    for turn in 1..=4 {
        list.edit(|rows| {
            for row in rows {
                for list in ["orgs", "agents", "userIds"] {
                    let elements = row[list].as_array_mut().expect("a list");
                    let by = turn % elements.len();
                    elements.rotate_left(by);
                }
            }
        });
        let ran = harness.sync().ended("ok", turn);
        assert_eq!(ran.part("users").changed, 0, "{ran:?}");
    }
    let history = crate::queries::count(&harness.installation.mirror(), "own_users_history");
    assert_eq!(history, 0);
    list.edit(|rows| drop(rows[3]["orgs"].as_array_mut().expect("a list").pop()));
    assert_eq!(
        harness.sync().ended("ok", "one less").part("users").changed,
        1
    );
}

/// R10: the other lists of references: children of sessions and of organisations, terms of classes.
#[test]
fn r10_other_reference_lists_in_another_order() {
    let references = |one: &str, two: &str| json!([{"sourcedId": one}, {"sourcedId": two}]);
    let cases: [(&str, &str, &str); 3] = [
        ("academic_sessions", "academicSessions", "children"),
        ("orgs", "orgs", "children"),
        ("classes", "classes", "terms"),
    ];
    each(
        &cases,
        |(stream, ..)| (*stream).to_owned(),
        |(stream, path, member)| {
            let mut harness = Harness::new(&plan(&[*stream]));
            let row = |number: usize| {
                let mut row = class(number, "s");
                row["title"] = json!("T");
                row["name"] = json!("T");
                row[*member] = references("b", "a");
                row
            };
            let list = Shared::of((0..5).map(row).collect());
            let (ours, wrapper) = (list.clone(), (*path).to_owned());
            harness
                .vendor
                .respond_with(move |request| match request.number("offset") {
                    Some(0) | None => Reply::json(&json!({&wrapper: ours.rows()})),
                    _ => Reply::json(&json!({&wrapper: []})),
                });
            harness.sync().ended("ok", "first");
            list.edit(|rows| {
                rows.iter_mut()
                    .for_each(|row| row[*member] = references("a", "b"))
            });
            let ran = harness.sync().ended("ok", "another order");
            assert_eq!(ran.part(stream).changed, 0, "{ran:?}");
        },
    );
}

/// R11: a name that is the word NULL is a name; in other columns the word means no value.
#[test]
fn r11_a_family_name_that_is_null() {
    // Member, column, what is sent, what is stored.
    let cases = [
        ("familyName", "family_name", "NULL", "NULL"),
        ("givenName", "given_name", "NULL", "NULL"),
        ("middleName", "middle_name", "NULL", "NULL"),
        ("familyName", "family_name", "Null", "Null"),
        ("familyName", "family_name", "null", "null"),
        ("familyName", "family_name", "", "null"),
        ("email", "email", "NULL", "null"),
        ("phone", "phone", "NULL", "null"),
        ("identifier", "identifier", "NULL", "null"),
        ("email", "email", "", "null"),
    ];
    let mut harness = harness();
    let list = school(&mut harness, users(30), empty);
    each(
        &cases,
        |(member, _, sent, _)| format!("{member} = {sent:?}"),
        |(member, column, sent, there)| {
            list.edit(|rows| {
                *rows = users(30);
                rows[3][*member] = json!(sent);
            });
            harness.sync().ended("ok", member);
            assert_eq!(cell(&harness, 3, column).as_deref(), Some(*there));
        },
    );
}

/// R11: in a connector of one's own: `verbatim` keeps the words for "no value", and a required cell emptied by them is reported.
#[test]
fn r11_verbatim_and_required_columns() {
    // Modifiers, what is sent, what is stored (nothing: no row), rejects.
    let cases = [
        ("", "NULL", Some("null"), 0),
        ("", "n/a", Some("null"), 0),
        ("", "", Some("null"), 0),
        ("verbatim", "NULL", Some("NULL"), 0),
        ("verbatim", "n/a", Some("n/a"), 0),
        ("verbatim", "", Some("null"), 0),
        ("required", "NULL", None, 1),
        ("required", "", None, 1),
        ("required", "N", Some("N"), 0),
        ("required verbatim", "NULL", Some("NULL"), 0),
        ("verbatim required", "NULL", Some("NULL"), 0),
        ("required verbatim", "", None, 1),
        ("lower verbatim", "NULL", Some("null"), 0),
    ];
    each(
        &cases,
        |(modifiers, sent, ..)| format!("{modifiers} {sent:?}"),
        |(modifiers, sent, there, rejects)| {
            let mut plan = Config::people(
                "page = { by = \"none\" }",
                &format!("name = \"name : text {modifiers}\"\n"),
            );
            plan.top = "nulls = [\"\", \"NULL\", \"n/a\"]\n".to_owned();
            let mut harness = Harness::new(&plan);
            harness.vendor.respond_with(super::harness::all(&[
                json!({"id": "a", "name": sent}),
                json!({"id": "b", "name": "B"}),
            ]));
            let ran = harness.sync().ended(
                if *rejects > 0 {
                    "ok_with_rejects"
                } else {
                    "ok"
                },
                sent,
            );
            assert_eq!(harness.cell("a", "name").as_deref(), *there);
            let other = harness.cell("b", "name").unwrap_or_default();
            assert_eq!(other.to_uppercase(), "B");
            assert_eq!(ran.rejects_of("name"), *rejects, "{ran:?}");
        },
    );
}

/// L3: a permanent duplicate does not prevent removals.
#[test]
fn l3_a_teacher_who_is_a_permanent_duplicate() {
    let mut harness = harness();
    let mut rows = users(40);
    rows.push(user(0, 1));
    let list = school(&mut harness, rows, empty);
    harness.sync();
    harness.sync().ended("ok", "a habit");
    list.edit(|rows| drop(rows.remove(20)));
    for reading in 1..=2 {
        harness.sync().ended("ok", reading);
    }
    assert_eq!(live(&harness), 39);
}

/// L5: a Go server after the last row.
#[test]
fn l5_null_after_the_last_row() {
    let mut harness = harness();
    school(&mut harness, users(40), || {
        Reply::raw(200, "{\"users\": null}\n")
    });
    for reading in 1..=2 {
        harness.sync().ended("ok", reading);
        assert_eq!(live(&harness), 40);
    }
}

/// L6: the shipped connector requests an order, which a server need not support.
#[test]
fn l6_a_server_without_sorting() {
    for refused in ["sort", "orderBy"] {
        let mut harness = harness();
        harness
            .vendor
            .respond_with(move |request| match request.query.contains_key(refused) {
                true => Reply::status(400),
                false => respond(request, &users(40), empty),
            });
        harness
            .sync()
            .ended("ok", refused)
            .reports(&[refused], refused);
        assert_eq!(live(&harness), 40);
    }
}
