//! One row for every switch: its effect on the wire.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{BASE, TOKEN, request_token, signed_in, small, standard};
use crate::switches;
use crate::testing::{Harness, Reply, assert_effects};
use crate::webuntis::Switches;
use crate::webuntis::people;

/// Sends a fixed series of requests and records all responses, one per line.
async fn transcript(webuntis: Switches) -> String {
    let mut harness = Harness::start("webuntis", small(30, webuntis)).await;
    let mut text = String::new();
    let mut note = |label: &str, reply: &Reply| {
        let headers: Vec<String> = ["location", "link", "x-total-count", "retry-after"]
            .iter()
            .map(|name| format!("{name}={}", reply.header(name)))
            .collect();
        writeln!(
            text,
            "{label} {} {} {}",
            reply.status,
            headers.join(" "),
            reply.body
        )
        .unwrap();
    };
    let good = harness.endpoint.secrets["webuntis_password"].clone();
    let token = request_token(&harness, TOKEN, &good).await;
    harness.token = token.json()["access_token"].as_str().unwrap().to_owned();
    note(
        "token",
        &Reply {
            body: token.body.replace(&harness.token, "TOKEN"),
            ..token
        },
    );
    note(
        "wrong",
        &request_token(&harness, TOKEN, "oidc-secret").await,
    );
    note(
        "unknown",
        &request_token(&harness, &TOKEN.replace("4711", "1"), &good).await,
    );
    let request = harness
        .client
        .post(harness.url(&format!("{TOKEN}?grant_type=client_credentials")));
    let reply = harness
        .send(request.basic_auth("rollbook", Some(&good)))
        .await
        .unwrap();
    note(
        "bodiless",
        &Reply {
            body: String::new(),
            ..reply
        },
    );
    let request = harness
        .client
        .get(harness.url(&format!("{BASE}/orgs")))
        .bearer_auth("old");
    note("expired", &harness.send(request).await.unwrap());
    let org = people::uuid(1, "org", 0);
    let teacher = people::user_id(1, crate::school::Role::Teacher, 0);
    for (label, path) in [
        ("users.1", "/users?limit=3".to_owned()),
        ("users.2", "/users?limit=3&offset=3".to_owned()),
        ("users.end", "/users?limit=10&offset=40".to_owned()),
        ("users.full", "/users?limit=22&offset=22".to_owned()),
        ("users.default", "/users".to_owned()),
        ("users.fields", "/users?fields=sourcedId&limit=2".to_owned()),
        (
            "users.filter",
            "/users?filter=role%3D%27parent%27&limit=2".to_owned(),
        ),
        (
            "users.sorted",
            "/users?sort=username&orderBy=desc&limit=2".to_owned(),
        ),
        ("user", format!("/users/{teacher}")),
        ("sessions", "/academicSessions".to_owned()),
        ("orgs", "/orgs".to_owned()),
        ("slash", "/orgs/".to_owned()),
        ("org", format!("/orgs/{org}")),
        ("classes", "/classes?limit=2".to_owned()),
        ("enrollments", "/enrollments?limit=2".to_owned()),
        ("enrollments.all", "/enrollments?limit=100000".to_owned()),
    ] {
        note(label, &harness.get(&format!("{BASE}{path}")).await);
    }
    harness.sandbox.advance().unwrap();
    note(
        "next.users",
        &harness.get(&format!("{BASE}/users?limit=1000")).await,
    );
    note(
        "next.sessions",
        &harness.get(&format!("{BASE}/academicSessions")).await,
    );
    let text = text.replace(&harness.endpoint.origin, "http://127.0.0.1:ORIGIN");
    harness.sandbox.stop().await;
    text
}

/// Rows for [`assert_effects`].
const ROWS: &[(&str, &str, &str)] = &[
    ("token_seconds", "60", "\"expires_in\":60"),
    ("token_requests", "1", "users.2 401"),
    ("token_refusal", "invalid_grant", "wrong 400"),
    ("token_needs_body", "true", "bodiless 400"),
    ("unknown_tenant", "401", "unknown 401"),
    ("auth.expires_in", "text", "\"expires_in\":\"180\""),
    ("auth.expires_in", "missing", "!expires_in"),
    ("bad_token", "403", "expired 403"),
    ("error_body", "errors", "{\"errors\":["),
    ("error_body", "flat", "{\"codeMajor\""),
    ("error_body", "imsx", "imsx_StatusInfo"),
    ("error_body", "framework", "{\"message\""),
    ("error_body", "html", "<h1>401"),
    ("error_body", "empty", "!unauthorized"),
    ("error_body", "untis", "traceId"),
    ("forbidden", "users", "users.1 403"),
    ("forbidden", "classes,enrollments", "enrollments 403"),
    ("limit_cap", "2", ""),
    ("default_limit", "2", ""),
    ("filter", "ignored", ""),
    ("filter", "rejected", "users.filter 400"),
    ("sort", "ignored", ""),
    ("order", "random", ""),
    ("total", "right", "x-total-count=44 "),
    (
        "total",
        "unfiltered",
        "users.filter 200 location= link= x-total-count=44",
    ),
    ("total", "one", "x-total-count=1 "),
    ("total", "blanks", "x-total-count=44"),
    ("link", "right", "; rel=\"next\", <"),
    ("link", "always_next", "offset=50>; rel=\"next\""),
    ("link", "trailing_comma", "rel=\"first\","),
    ("link", "no_brackets", "link=http://127"),
    ("link", "wrong_host", "https://10.0.0.7"),
    ("link", "odd_last", "limit=4&offset=40>; rel=\"last\""),
    ("link", "no_next", "rel=\"last\""),
    ("link", "next_at_end", "offset=44>; rel=\"next\""),
    ("offset", "pages", ""),
    ("offset", "ignored", ""),
    (
        "page_fault",
        "empty_page",
        "users.2 200 location= link= x-total-count= retry-after= {\"users\":[]}",
    ),
    ("page_fault", "partial_page", ""),
    ("page_fault", "no_key", "{\"unavailable\":"),
    (
        "page_fault",
        "html",
        "users.2 200 location= link= x-total-count= retry-after= <!DOCTYPE",
    ),
    (
        "page_fault",
        "too_many",
        "users.2 429 location= link= x-total-count= retry-after= ",
    ),
    ("page_fault", "too_many_seconds", "retry-after=1 "),
    ("page_fault", "too_many_date", " GMT "),
    ("page_fault", "bad_gateway", "users.2 502"),
    ("page_fault", "unavailable", "users.2 503"),
    ("wrapper", "bare", "retry-after= [{"),
    ("wrapper", "wrong_single", "{\"school\":{"),
    ("absent_text", "empty", "\"middleName\":\"\""),
    ("absent_text", "null_word", "\"NULL\""),
    ("absent_text", "null", ":null"),
    ("modified", "absent", "!dateLastModified"),
    ("booleans", "text", "\"enabledUser\":\"true\""),
    ("booleans", "upper", "\"TRUE\""),
    ("booleans", "number", "\"enabledUser\":1"),
    ("booleans", "number_text", "\"enabledUser\":\"1\""),
    ("timestamps", "blank", "2025-08-20 06:00:00.000Z"),
    ("timestamps", "no_fraction", "2025-08-20T06:00:00Z"),
    ("timestamps", "offset", "2025-08-20T07:00:00.000+01:00"),
    (
        "dates",
        "datetimes",
        "\"startDate\":\"2025-09-01T00:00:00.000Z\"",
    ),
    ("refs", "bare_id", "!href"),
    ("refs", "empty_parent", "\"parent\":{}"),
    ("refs", "plain", "\"user\":\""),
    ("roles", "capital", "\"role\":\"Teacher\""),
    ("roles", "newer", "districtAdministrator"),
    ("roles", "odd_enrollment", "\"role\":\"aide\""),
    ("dangling", "true", "e-20000-1900000"),
    ("duplicates", "true", "-again"),
    ("secrets", "true", "\"password\""),
    ("ids", "numbers", "\"sourcedId\":20000"),
    ("redirect", "slash", "slash 307"),
    ("redirect", "host", "location=http://localhost"),
    ("class_course", "dangling", "\"course\":{"),
    ("optional_members", "true", "external-person-id"),
    ("class_terms", "absent", "!\"terms\":["),
    ("enrollment_dates", "absent", "!beginDate"),
    ("deletion", "marked", "tobedeleted"),
    ("past_year", "inactive", "\"inactive\""),
    ("past_year", "tobedeleted", "tobedeleted"),
    ("roll_over", "1", "2028-07-04"),
];

#[tokio::test]
async fn every_switch_has_an_effect() {
    assert_effects(ROWS, transcript).await;
}

#[test]
fn every_switch_has_a_row() {
    let rows: BTreeSet<&str> = ROWS.iter().map(|(name, _, _)| *name).collect();
    let other = ["above_cap", "clock_off", "fault_page", "forbidden_status"];
    let all = switches::names(&Switches::default());
    for name in all.iter().filter(|name| !name.starts_with("auth.")) {
        assert!(
            rows.contains(name.as_str()) || other.contains(&name.as_str()),
            "{name}"
        );
    }
}

#[tokio::test]
async fn dependent_switches_have_an_effect() {
    for (settings, path, status) in [
        (
            [("limit_cap", "5"), ("above_cap", "reject")],
            "/users?limit=6",
            400,
        ),
        (
            [("forbidden", "users"), ("forbidden_status", "401")],
            "/users",
            401,
        ),
        (
            [("page_fault", "unavailable"), ("fault_page", "1")],
            "/users",
            503,
        ),
    ] {
        let mut switches = Switches::default();
        for (name, value) in settings {
            switches.set(name, value).unwrap();
        }
        let harness = signed_in(small(20, switches)).await;
        assert_eq!(
            harness.get(&format!("{BASE}{path}")).await.status,
            status,
            "{settings:?}"
        );
    }
    let plain = standard(small(20, Switches::default())).await;
    assert_eq!(
        plain
            .get(&format!("/standard{BASE}/orgs"))
            .await
            .header("x-total-count"),
        "3"
    );
    let quiet = Switches {
        total: crate::webuntis::switches::Total::Absent,
        ..Switches::default()
    };
    let plain = standard(small(20, quiet)).await;
    assert_eq!(
        plain
            .get(&format!("/standard{BASE}/orgs"))
            .await
            .header("x-total-count"),
        ""
    );
}

#[test]
fn an_unknown_switch_is_refused_with_the_known_ones() {
    let mut switches = Switches::default();
    let unknown = switches.set("colour", "red").unwrap_err();
    assert!(
        unknown.starts_with("unknown switch `colour`; known are above_cap, absent_text,"),
        "{unknown}"
    );
    let wrong = switches.set("offset", "rows").unwrap_err();
    assert!(
        wrong.contains("invalid value `rows` for switch `offset`") && wrong.contains("`pages`"),
        "{wrong}"
    );
    assert_eq!(switches, Switches::default());
}
