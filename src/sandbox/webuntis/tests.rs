//! WebUntis over real sockets: tokens, walks, days, and a row for every switch.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;

use super::switches::Switches;
use crate::sandbox::testing::{Bench, Reply};
use crate::sandbox::{Change, Options, switches};

const TOKEN: &str = "/WebUntis/api/sso/v3/4711/token";
const BASE: &str = "/ims/oneroster/v1p1";

fn small(students: u64, webuntis: Switches) -> Options {
    Options {
        students,
        webuntis,
        ..Options::default()
    }
}

async fn ask_token(bench: &Bench, path: &str, password: &str) -> Reply {
    let request = bench
        .client
        .post(bench.url(path))
        .basic_auth("rollbook", Some(password));
    bench
        .send(request.form(&[("grant_type", "client_credentials")]))
        .await
        .unwrap()
}

async fn signed_in(options: Options) -> Bench {
    let mut bench = Bench::start("webuntis", options).await;
    let reply = ask_token(&bench, TOKEN, &bench.endpoint.secrets["webuntis_password"]).await;
    bench.token = reply.json()["access_token"].as_str().unwrap().to_owned();
    bench
}

async fn standard(options: Options) -> Bench {
    let mut bench = Bench::start("oneroster", options).await;
    let secret = bench.endpoint.secrets["oneroster_client_secret"].clone();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "rollbook"),
        ("client_secret", &secret),
    ];
    bench.token = bench.post("/standard/token", &form).await.json()["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    bench
}

/// Every row of a list, page by page until an empty one.
async fn walk(bench: &Bench, list: &str, limit: usize) -> Vec<Value> {
    let mut rows: Vec<Value> = Vec::new();
    loop {
        let reply = bench
            .get(&format!(
                "{list}?limit={limit}&offset={}&sort=sourcedId",
                rows.len()
            ))
            .await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let Value::Object(mut body) = reply.json() else {
            panic!("no object")
        };
        let page = body.values_mut().next().unwrap().as_array_mut().unwrap();
        if page.is_empty() {
            return rows;
        }
        rows.append(page);
    }
}

fn ids(rows: &[Value]) -> BTreeSet<String> {
    rows.iter()
        .map(|row| row["sourcedId"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_walk_gives_every_described_row_once() {
    for (bench, base) in [
        (
            signed_in(small(90, Switches::default())).await,
            BASE.to_owned(),
        ),
        (
            standard(small(90, Switches::default())).await,
            format!("/standard{BASE}"),
        ),
    ] {
        let described = bench.sandbox.describe().vendors[&bench.endpoint.vendor].clone();
        for (stream, rows) in described {
            let list = if stream == "academic_sessions" {
                "academicSessions"
            } else {
                &stream
            };
            let found = walk(&bench, &format!("{base}/{list}"), 37).await;
            assert_eq!(
                (found.len(), ids(&found).len()),
                (rows as usize, rows as usize),
                "{stream}"
            );
            assert!(rows > 0, "{stream}");
        }
        bench.sandbox.stop().await;
    }
}

#[tokio::test]
async fn every_reference_leads_to_a_row() {
    let bench = signed_in(small(60, Switches::default())).await;
    let users = ids(&walk(&bench, &format!("{BASE}/users"), 1000).await);
    let classes = ids(&walk(&bench, &format!("{BASE}/classes"), 1000).await);
    for row in walk(&bench, &format!("{BASE}/enrollments"), 1000).await {
        assert!(
            users.contains(row["user"]["sourcedId"].as_str().unwrap()),
            "{row}"
        );
        assert!(
            classes.contains(row["class"]["sourcedId"].as_str().unwrap()),
            "{row}"
        );
        let href = row["class"]["href"]
            .as_str()
            .unwrap()
            .replace(&bench.endpoint.origin, "");
        assert_eq!(
            bench.get(&href).await.json()["class"]["sourcedId"],
            row["class"]["sourcedId"]
        );
    }
    bench.sandbox.stop().await;
}

#[tokio::test]
async fn paths_below_others_choose_their_rows() {
    let untis = signed_in(small(60, Switches::default())).await;
    let plain = standard(small(60, Switches::default())).await;
    let org = walk(&untis, &format!("{BASE}/orgs"), 10).await[0]["sourcedId"]
        .as_str()
        .unwrap()
        .to_owned();
    let class = "20000";
    for (path, untis_rows, plain_rows) in [
        (format!("/schools/{org}/students"), Some(60), Some(60)),
        (format!("/schools/{org}/teachers"), Some(5), Some(5)),
        (format!("/classes/{class}/students"), Some(20), Some(20)),
        (format!("/classes/{class}/teachers"), Some(1), Some(1)),
        (
            format!("/schools/{org}/classes/{class}/enrollments"),
            Some(21),
            Some(21),
        ),
        (format!("/schools/{org}/classes"), None, Some(24)),
        ("/terms/18-1/classes".to_owned(), None, Some(24)),
        ("/courses/c-de-5/classes".to_owned(), None, Some(1)),
        ("/gradingPeriods".to_owned(), None, Some(0)),
        ("/schools/nobody/students".to_owned(), None, None),
        ("/lineItems".to_owned(), None, None),
    ] {
        for (bench, path, rows) in [
            (&untis, format!("{BASE}{path}"), untis_rows),
            (&plain, format!("/standard{BASE}{path}"), plain_rows),
        ] {
            match rows {
                Some(rows) => assert_eq!(walk(bench, &path, 50).await.len(), rows, "{path}"),
                None => assert_eq!(bench.get(&path).await.status, 404, "{path}"),
            }
        }
    }
}

#[tokio::test]
async fn tokens_open_one_tenant_until_they_expire() {
    let mut bench = signed_in(small(60, Switches::default())).await;
    let control = bench.sandbox.control("webuntis").unwrap();
    let orgs = format!("{BASE}/orgs");
    let first = bench.get(&orgs).await;
    control.clock.advance(Duration::from_secs(181));
    let expired = bench.get(&orgs).await;
    assert_eq!((first.status, expired.status), (200, 401));
    assert_eq!(
        expired.header("www-authenticate"),
        "Bearer error=\"invalid_token\""
    );

    let other = ask_token(
        &bench,
        &TOKEN.replace("4711", "4712"),
        "q1V9-Zebra-77x-4712",
    )
    .await;
    bench.token = other.json()["access_token"].as_str().unwrap().to_owned();
    assert_ne!(bench.get(&orgs).await.body, first.body);
    assert_eq!(
        ask_token(&bench, TOKEN, "q1V9-Zebra-77x-4712").await.status,
        401
    );
    control.tokens.revoke_all();
    assert_eq!(bench.get(&orgs).await.status, 401);
    assert_eq!(control.counters.unauthorized(), 3);
    assert_eq!(control.counters.token_requests(), 3);
}

#[tokio::test]
async fn writes_are_refused_and_counted() {
    let bench = signed_in(small(20, Switches::default())).await;
    for method in [
        reqwest::Method::POST,
        reqwest::Method::PUT,
        reqwest::Method::DELETE,
    ] {
        let request = bench
            .client
            .request(method, bench.url(&format!("{BASE}/users")))
            .bearer_auth(&bench.token);
        assert_eq!(bench.send(request).await.unwrap().status, 405);
    }
    let counters = &bench.sandbox.control("webuntis").unwrap().counters;
    assert_eq!((counters.writes(), counters.requests_under(BASE)), (3, 3));
}

#[tokio::test]
async fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let mut bodies = Vec::new();
    for seed in [5, 5, 6] {
        let bench = signed_in(Options {
            seed,
            ..small(40, Switches::default())
        })
        .await;
        let body = bench.get(&format!("{BASE}/users?limit=1000")).await.body;
        bodies.push(body.replace(&bench.endpoint.origin, ""));
        bench.sandbox.stop().await;
    }
    assert_eq!(bodies[0], bodies[1]);
    assert_ne!(bodies[0], bodies[2]);
}

#[tokio::test]
async fn a_day_changes_only_what_it_says_it_changed() {
    let bench = signed_in(small(300, Switches::default())).await;
    for list in ["users", "classes", "enrollments"] {
        let path = format!("{BASE}/{list}");
        let day = bench.sandbox.describe().day;
        let before = walk(&bench, &path, 1000).await;
        let latest = before
            .iter()
            .map(|row| row["dateLastModified"].as_str().unwrap())
            .max()
            .unwrap()
            .to_owned();
        bench.sandbox.advance().unwrap();
        let after = walk(&bench, &path, 1000).await;
        let changed: Vec<&Value> = after.iter().filter(|row| !before.contains(row)).collect();
        assert!(
            !changed.is_empty() && changed.len() * 25 < after.len(),
            "{list}: {}",
            changed.len()
        );
        for row in changed {
            assert!(
                row["dateLastModified"].as_str().unwrap() > latest.as_str(),
                "{list} after day {day}: {row}"
            );
        }
        assert_eq!(
            bench.sandbox.describe().vendors["webuntis"][list],
            after.len() as u64
        );
    }
}

#[tokio::test]
async fn rows_move_after_the_page_that_was_named() {
    let bench = signed_in(small(40, Switches::default())).await;
    let edits = &bench.sandbox.control("webuntis").unwrap().edits;
    edits.after_page("users", 2, Change::Delete(0));
    let path = format!("{BASE}/users");
    let before = bench.sandbox.describe().vendors["webuntis"]["users"] as usize;
    assert_eq!(
        walk(&bench, &path, 10).await.len(),
        before - 1,
        "a row moved over the reader's head"
    );
    edits.after_page("users", 0, Change::Insert(3));
    edits.after_page("users", 0, Change::Touch(5));
    let after = walk(&bench, &path, 10).await;
    assert_eq!(
        bench.sandbox.describe().vendors["webuntis"]["users"] as usize,
        after.len()
    );
    assert_eq!(after[3]["sourcedId"], "inserted-1");
    assert_eq!(after[5]["dateLastModified"], "2026-03-02T06:00:00.002Z");
}

/// Asks a fixed series of questions and writes down all answers, one a line.
async fn transcript(webuntis: Switches) -> String {
    let mut bench = Bench::start("webuntis", small(30, webuntis)).await;
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
    let good = bench.endpoint.secrets["webuntis_password"].clone();
    let token = ask_token(&bench, TOKEN, &good).await;
    bench.token = token.json()["access_token"].as_str().unwrap().to_owned();
    note(
        "token",
        &Reply {
            body: token.body.replace(&bench.token, "TOKEN"),
            ..token
        },
    );
    note("wrong", &ask_token(&bench, TOKEN, "oidc-secret").await);
    note(
        "nobody",
        &ask_token(&bench, &TOKEN.replace("4711", "1"), &good).await,
    );
    let request = bench
        .client
        .post(bench.url(&format!("{TOKEN}?grant_type=client_credentials")));
    let reply = bench
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
    let request = bench
        .client
        .get(bench.url(&format!("{BASE}/orgs")))
        .bearer_auth("old");
    note("expired", &bench.send(request).await.unwrap());
    let org = super::people::uuid(1, "org", 0);
    let teacher = super::people::user_id(1, crate::sandbox::school::Role::Teacher, 0);
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
        note(label, &bench.get(&format!("{BASE}{path}")).await);
    }
    bench.sandbox.advance().unwrap();
    note(
        "next.users",
        &bench.get(&format!("{BASE}/users?limit=1000")).await,
    );
    note(
        "next.sessions",
        &bench.get(&format!("{BASE}/academicSessions")).await,
    );
    let text = text.replace(&bench.endpoint.origin, "http://127.0.0.1:ORIGIN");
    bench.sandbox.stop().await;
    text
}

/// Switch, value, and text that appears with it; with a leading `!`, text that disappears.
const ROWS: &[(&str, &str, &str)] = &[
    ("token_seconds", "60", "\"expires_in\":60"),
    ("token_requests", "1", "users.2 401"),
    ("token_refusal", "invalid_grant", "wrong 400"),
    ("token_needs_body", "true", "bodiless 400"),
    ("unknown_tenant", "401", "nobody 401"),
    ("expires_in", "text", "\"expires_in\":\"180\""),
    ("expires_in", "missing", "!expires_in"),
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
        "trouble",
        "empty_page",
        "users.2 200 location= link= x-total-count= retry-after= {\"users\":[]}",
    ),
    ("trouble", "partial_page", ""),
    ("trouble", "no_key", "{\"unavailable\":"),
    (
        "trouble",
        "html",
        "users.2 200 location= link= x-total-count= retry-after= <!DOCTYPE",
    ),
    (
        "trouble",
        "busy",
        "users.2 429 location= link= x-total-count= retry-after= ",
    ),
    ("trouble", "busy_seconds", "retry-after=1 "),
    ("trouble", "busy_date", " GMT "),
    ("trouble", "bad_gateway", "users.2 502"),
    ("trouble", "unavailable", "users.2 503"),
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
    ("class_terms", "absent", "!\"terms\":["),
    ("enrollment_dates", "absent", "!beginDate"),
    ("deletion", "marked", "tobedeleted"),
    ("past_year", "inactive", "\"inactive\""),
    ("past_year", "tobedeleted", "tobedeleted"),
    ("roll_over", "1", "2028-07-04"),
];

#[tokio::test]
async fn every_switch_does_something() {
    let usual = transcript(Switches::default()).await;
    let again = transcript(Switches::default()).await;
    assert_eq!(usual, again, "the same questions get the same answers");
    let mut wrong = Vec::new();
    for (name, value, wanted) in ROWS {
        let mut switches = Switches::default();
        switches.set(name, value).unwrap();
        let text = transcript(switches).await;
        let (with, without, needle) = match wanted.strip_prefix('!') {
            Some(gone) => (&usual, &text, gone),
            None => (&text, &usual, *wanted),
        };
        let seen = if needle.is_empty() {
            text != usual
        } else {
            with.contains(needle) && !without.contains(needle)
        };
        if !seen {
            wrong.push(format!("{name}={value}: {wanted}"));
        }
    }
    assert!(wrong.is_empty(), "without the promised effect: {wrong:#?}");
}

#[test]
fn every_switch_has_a_row() {
    let rows: BTreeSet<&str> = ROWS.iter().map(|(name, _, _)| *name).collect();
    let other = ["above_cap", "trouble_page", "forbidden_status"];
    for name in switches::names(&Switches::default()) {
        assert!(
            rows.contains(name.as_str()) || other.contains(&name.as_str()),
            "{name}"
        );
    }
}

#[tokio::test]
async fn switches_that_go_with_others_do_something() {
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
            [("trouble", "unavailable"), ("trouble_page", "1")],
            "/users",
            503,
        ),
    ] {
        let mut switches = Switches::default();
        for (name, value) in settings {
            switches.set(name, value).unwrap();
        }
        let bench = signed_in(small(20, switches)).await;
        assert_eq!(
            bench.get(&format!("{BASE}{path}")).await.status,
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
        "1"
    );
    let quiet = Switches {
        total: super::switches::Total::Absent,
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
fn a_wrong_switch_is_refused_with_the_known_ones() {
    let mut switches = Switches::default();
    let unknown = switches.set("colour", "red").unwrap_err();
    assert!(
        unknown.starts_with("no switch is called `colour`; known are above_cap, absent_text,"),
        "{unknown}"
    );
    let wrong = switches.set("offset", "rows").unwrap_err();
    assert!(
        wrong.contains("`offset` cannot be `rows`") && wrong.contains("`pages`"),
        "{wrong}"
    );
    assert_eq!(switches, Switches::default());
}
