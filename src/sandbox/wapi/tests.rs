//! WAPI over real sockets: grants, routes, points, formats, and a row for every switch.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;

use super::switches::Switches;
use super::{WAC, WOC};
use crate::sandbox::testing::{Bench, Reply};
use crate::sandbox::{Change, Options, switches};

const CLIENT: [(&str, &str); 2] = [
    ("client_id", "rollbook"),
    ("client_secret", "wapi-client-secret-of-the-sandbox"),
];
const PASSWORD: [(&str, &str); 3] = [
    ("grant_type", "password"),
    ("username", "mirror"),
    ("password", "wapi-password-of-the-sandbox"),
];

fn with(wapi: Switches) -> Options {
    Options {
        students: 20,
        wapi,
        ..Options::default()
    }
}

async fn token(bench: &Bench, form: &[(&str, &str)]) -> Reply {
    bench.post("/OAuth/token", &[&CLIENT, form].concat()).await
}

async fn signed_in(options: Options) -> Bench {
    let mut bench = Bench::start("wapi", options).await;
    bench.token = text(&token(&bench, &PASSWORD).await, "access_token");
    bench
}

fn text(reply: &Reply, member: &str) -> String {
    reply.json()[member].as_str().unwrap_or_default().to_owned()
}

/// Rows of a container or a bare array.
fn rows(reply: &Reply) -> Vec<Value> {
    assert_eq!(reply.status, 200, "{}", reply.body);
    match reply.json() {
        Value::Array(rows) => rows,
        Value::Object(members) => members
            .into_iter()
            .find_map(|(_, value)| value.as_array().cloned())
            .unwrap(),
        _ => panic!("no rows"),
    }
}

async fn walk(bench: &Bench, path: &str, take: usize) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let page = rows(
            &bench
                .get(&format!("{path}?skip={}&TAKE={take}", all.len()))
                .await,
        );
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

#[tokio::test]
async fn every_described_row_is_served_once() {
    let bench = signed_in(with(Switches::default())).await;
    let described = bench.sandbox.describe().vendors["wapi"].clone();
    let account = format!("/{WAC}");
    for (stream, path, paged) in [
        ("organizations", "/Organization/My".to_owned(), false),
        ("business_accounts", "/BusinessAccount".to_owned(), false),
        (
            "infrastructures",
            format!("{account}/Infrastructure"),
            false,
        ),
        ("ltus", format!("{account}/LTU"), true),
        ("fluxes", format!("{account}/Flux"), true),
        ("datas", "/json/reply/GetDatas".to_owned(), true),
        ("reflections", format!("{account}/Reflection"), true),
        ("reflection_states", "/ReflectionState".to_owned(), false),
        ("wevents", format!("{account}/WEvent"), true),
        ("wevents", format!("/Organization/{WOC}/WEvent"), true),
        ("wevent_categories", "/WEventCategory".to_owned(), false),
        ("wevent_types", "/WEventType".to_owned(), false),
        ("wum_unit_items", "/WUM/UnitItem".to_owned(), false),
        ("wum_units", "/WUM/Unit".to_owned(), false),
        ("wum_unit_families", "/WUM/UnitFamily".to_owned(), false),
        ("wum_unit_categories", "/WUM/UnitCategory".to_owned(), false),
        ("wum_functions", "/WUM/Function".to_owned(), false),
        ("wum_materials", "/WUM/Material".to_owned(), false),
        ("wum_types", "/json/reply/GetWUMTypes".to_owned(), false),
    ] {
        let found = if paged {
            walk(&bench, &path, 7).await
        } else {
            rows(&bench.get(&path).await)
        };
        let ids: BTreeSet<i64> = found
            .iter()
            .map(|row| row["id"].as_i64().unwrap())
            .collect();
        assert_eq!(
            (found.len(), ids.len()),
            (described[stream] as usize, described[stream] as usize),
            "{path}"
        );
        assert!(!ids.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn every_record_of_every_reflection_is_served() {
    let bench = signed_in(with(Switches::default())).await;
    let mut records = 0;
    for reflection in rows(&bench.get(&format!("/{WAC}/Reflection")).await) {
        let id = reflection["id"].as_i64().unwrap();
        let found = walk(&bench, &format!("/{WAC}/Reflection/{id}/Data"), 11).await;
        assert_eq!(reflection["datasCount"], found.len(), "{id}");
        records += found.len() as u64;
    }
    assert_eq!(
        bench.sandbox.describe().vendors["wapi"]["reflection_datas"],
        records
    );
}

#[tokio::test]
async fn windows_together_give_every_point_once() {
    let bench = signed_in(with(Switches::default())).await;
    let mut points = 0;
    for data in rows(&bench.get("/json/reply/GetDatas").await) {
        let id = data["id"].as_i64().unwrap();
        let whole = rows(
            &bench
                .get(&format!("/{WAC}/Point/{id}?From=2020-01-01T00:00:00Z"))
                .await,
        );
        points += whole.len();
        let mut parts = Vec::new();
        for week in [
            "2026-01-30",
            "2026-02-06",
            "2026-02-13",
            "2026-02-20",
            "2026-02-27",
        ] {
            let from: jiff::civil::Date = week.parse().unwrap();
            let to = from.checked_add(jiff::Span::new().days(6)).unwrap();
            let path = format!(
                "/{WAC}/Point/{id}?From={week}T00%3A00%3A00.000Z&To={to}T23%3A59%3A59.999Z"
            );
            parts.extend(rows(&bench.get(&path).await));
        }
        assert_eq!(parts, whole, "{id}");
        let times: Vec<&str> = whole
            .iter()
            .map(|point| point["T"].as_str().unwrap())
            .collect();
        assert!(times.is_sorted());
        let last = times
            .last()
            .copied()
            .unwrap_or("0001-01-01T00:00:00.0000000Z");
        assert_eq!(data["lastDataDate"], last, "{id}");
    }
    assert_eq!(
        points as u64,
        bench.sandbox.describe().vendors["wapi"]["points"]
    );
    assert!((50_000..53_000).contains(&points), "{points}");
}

#[tokio::test]
async fn a_day_brings_its_points_and_late_ones() {
    let bench = signed_in(with(Switches::default())).await;
    let path = format!("/{WAC}/Point/9021?From=2026-01-01T00:00:00Z");
    let before = rows(&bench.get(&path).await);
    let ltus = rows(&bench.get(&format!("/{WAC}/LTU")).await);
    let events = rows(&bench.get(&format!("/{WAC}/WEvent")).await);
    bench.sandbox.advance().unwrap();
    let after = rows(&bench.get(&path).await);
    assert!(before.iter().all(|point| after.contains(point)));
    let newest = before.last().unwrap()["T"].as_str().unwrap();
    let new: Vec<&Value> = after
        .iter()
        .filter(|point| !before.contains(point))
        .collect();
    let late = new
        .iter()
        .filter(|point| point["T"].as_str().unwrap() < newest)
        .count();
    assert_eq!((new.len(), late), (144, 12));
    let now = rows(&bench.get(&format!("/{WAC}/LTU")).await);
    let renamed: Vec<&Value> = now
        .iter()
        .zip(&ltus)
        .filter(|(new, old)| new["name"] != old["name"])
        .map(|(new, _)| &new["name"])
        .collect();
    assert_eq!(renamed, ["Ventilation controller (1)"]);
    let now = rows(&bench.get(&format!("/{WAC}/WEvent?Take=1000")).await);
    let same = now.iter().filter(|event| events.contains(event)).count();
    assert_eq!(
        (now.len(), same),
        (events.len() + 4, events.len() - 4),
        "yesterday's events have ended"
    );
}

#[tokio::test]
async fn a_refresh_token_rotates_and_refuses_to_be_used_again() {
    let mut bench = Bench::start("wapi", with(Switches::default())).await;
    let first = text(&token(&bench, &PASSWORD).await, "refresh_token");
    let refresh = |text: &str| {
        [
            ("grant_type", "refresh_token".to_owned()),
            ("refresh_token", text.to_owned()),
        ]
    };
    let form = refresh(&first);
    let form: Vec<(&str, &str)> = form
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let second = token(&bench, &form).await;
    assert_ne!(text(&second, "refresh_token"), first);
    let again = token(&bench, &form).await;
    assert_eq!(
        (again.status, text(&again, "error").as_str()),
        (400, "invalid_grant")
    );
    bench.token = text(&second, "access_token");
    assert_eq!(bench.get("/BusinessAccount").await.status, 200);
    bench
        .sandbox
        .control("wapi")
        .unwrap()
        .tokens
        .revoke_consent();
    assert_eq!(bench.get("/BusinessAccount").await.status, 401);
}

#[tokio::test]
async fn tokens_are_given_and_taken_as_the_contract_says() {
    let mut bench = signed_in(with(Switches::default())).await;
    for (form, error) in [
        (
            vec![
                ("grant_type", "password"),
                ("username", "mirror"),
                ("password", "no"),
            ],
            "invalid_grant",
        ),
        (vec![("grant_type", "guess")], "unsupported_grant_type"),
        (
            vec![("grant_type", "client_credentials"), ("scope", "elsewhere")],
            "invalid_scope",
        ),
    ] {
        let reply = token(&bench, &form).await;
        assert_eq!((reply.status, text(&reply, "error").as_str()), (400, error));
    }
    let basic = bench
        .client
        .post(bench.url("/OAuth/token"))
        .basic_auth("rollbook", Some(CLIENT[1].1));
    let reply = bench
        .send(basic.form(&[("grant_type", "client_credentials")]))
        .await
        .unwrap();
    assert_eq!(text(&reply, "error"), "invalid_client");

    let good = bench.token.clone();
    bench.token.clear();
    for name in ["access_token", "oauth_token"] {
        assert_eq!(
            bench
                .get(&format!("/BusinessAccount?{name}={good}"))
                .await
                .status,
            200
        );
    }
    let client = token(&bench, &[("grant_type", "client_credentials")]).await;
    assert_eq!(text(&client, "refresh_token"), "");
    bench.token = text(&client, "access_token");
    for (path, status) in [
        ("/WUM/UnitItem", 200),
        ("/ReflectionState", 200),
        ("/BusinessAccount", 403),
    ] {
        assert_eq!(bench.get(path).await.status, status, "{path}");
    }
    bench
        .sandbox
        .control("wapi")
        .unwrap()
        .clock
        .advance(Duration::from_secs(3600));
    let old = bench.get("/WUM/UnitItem").await;
    assert_eq!(
        (old.status, old.header("www-authenticate")),
        (401, "Bearer error=\"invalid_token\"")
    );
}

#[tokio::test]
async fn a_refresh_token_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let options = || Options {
        state: Some(folder.path().join("sandbox.json")),
        ..with(Switches::default())
    };
    let bench = Bench::start("wapi", options()).await;
    let refresh = text(&token(&bench, &PASSWORD).await, "refresh_token");
    bench.sandbox.stop().await;
    let bench = Bench::start(
        "wapi",
        Options {
            advance: true,
            ..options()
        },
    )
    .await;
    assert_eq!(bench.sandbox.describe().day, 1);
    let reply = token(
        &bench,
        &[("grant_type", "refresh_token"), ("refresh_token", &refresh)],
    )
    .await;
    assert_eq!(reply.status, 200);
    bench.sandbox.advance().unwrap();
    bench.sandbox.stop().await;
    let bench = Bench::start("wapi", options()).await;
    assert_eq!(bench.sandbox.describe().day, 2);
    let reply = token(
        &bench,
        &[("grant_type", "refresh_token"), ("refresh_token", &refresh)],
    )
    .await;
    assert_eq!(reply.status, 400, "spent before the restart");
}

#[tokio::test]
async fn writes_are_refused_and_counted_also_in_disguise() {
    let bench = signed_in(with(Switches::default())).await;
    assert_eq!(
        bench
            .get("/json/reply/DeleteFlux?WAC=x&FluxID=2107")
            .await
            .status,
        405
    );
    let request = bench
        .client
        .post(bench.url(&format!("/{WAC}/Reflection/640/CommandText")));
    assert_eq!(
        bench
            .send(request.bearer_auth(&bench.token))
            .await
            .unwrap()
            .status,
        405
    );
    assert_eq!(bench.sandbox.control("wapi").unwrap().counters.writes(), 2);
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let bench = signed_in(with(Switches {
        max_points: 100,
        ..Switches::default()
    }))
    .await;
    for (path, status, code) in [
        (format!("/{WAC}/Flux/1"), 404, "NotExist"),
        (format!("/{WAC}/Flux/1/Data"), 404, "NotExist"),
        (
            format!("/{WAC}/Point/9001,1?From=2026-03-02T00:00:00Z"),
            404,
            "NotExist",
        ),
        (format!("/{WAC}/Flux/x"), 400, "ArgumentException"),
        (
            format!("/{WAC}/Point/9001?From=yesterday"),
            400,
            "ArgumentException",
        ),
        (
            format!("/{WAC}/Point/9001?From=2026-03-01T00:00:00Z"),
            400,
            "TooManyRequested",
        ),
        (
            format!("/{WAC}/PointGroup/Split/9001?Split=2001"),
            400,
            "TooManyRequested",
        ),
        ("/WAC999/Flux".to_owned(), 403, "Forbidden"),
        (format!("/{WAC}/Pump"), 404, "NotFound"),
    ] {
        let reply = bench.get(&path).await;
        assert_eq!(
            (
                reply.status,
                reply.json()["responseStatus"]["errorCode"]
                    .as_str()
                    .unwrap()
            ),
            (status, code),
            "{path}"
        );
    }
}

#[tokio::test]
async fn every_format_spells_the_same_record() {
    let bench = signed_in(with(Switches::default())).await;
    let zone = |suffix: &str| format!("/{WAC}/{suffix}");
    for (path, accept, media, wanted) in [
        (
            zone("Flux/2188"),
            "*/*",
            "application/json",
            "{\"wType\":\"Flux\",\"parentFluxID\":2107,\"level\":\"Ventilated\",\"classID\":0,",
        ),
        (
            zone("Flux/2107.xml"),
            "application/json",
            "application/xml",
            "<ID>2107</ID><Name>Boiler house log</Name><Picture i:nil=\"true\"/><Description>",
        ),
        (
            zone("Data/9001?format=jsv"),
            "application/json",
            "text/jsv",
            "wum:{wType:WUM,wumUnitItemID:58",
        ),
        (
            zone("Data/9001"),
            "text/csv",
            "text/csv",
            "WUMUnitItemID,WUMFunctionID,WUMMaterialID,WUMTypeID\r\n58,4,2,1\r\n",
        ),
        (
            "/csv/reply/GetInfrastructures".to_owned(),
            "*/*",
            "text/csv",
            "31,,GYM,2021-08-01,2024-02-01,33,,Gymnasium",
        ),
        (
            zone("Point/9031.xml"),
            "*/*",
            "application/xml",
            "<ArrayOfEntity",
        ),
    ] {
        let request = bench
            .client
            .get(bench.url(&path))
            .bearer_auth(&bench.token)
            .header("accept", accept);
        let reply = bench.send(request).await.unwrap();
        assert_eq!(reply.header("content-type"), media, "{path}");
        assert!(
            reply.body.contains(wanted),
            "{path}: no {wanted} in {}",
            reply.body
        );
    }
}

#[tokio::test]
async fn rows_move_between_pages_and_stay_moved() {
    let bench = signed_in(with(Switches::default())).await;
    let edits = &bench.sandbox.control("wapi").unwrap().edits;
    edits.after_page("ltus", 1, Change::Delete(0));
    assert_eq!(walk(&bench, &format!("/{WAC}/LTU"), 1).await.len(), 2);
    assert_eq!(bench.sandbox.describe().vendors["wapi"]["ltus"], 2);
}

async fn transcript(wapi: Switches) -> String {
    let mut bench = Bench::start("wapi", with(wapi)).await;
    let mut text_of_all = String::new();
    let mut note = |label: &str, reply: &Reply| {
        writeln!(text_of_all, "{label} {} {}", reply.status, reply.body).unwrap()
    };
    let password = token(&bench, &PASSWORD).await;
    let client = token(&bench, &[("grant_type", "client_credentials")]).await;
    let refresh = if password.status == 200 {
        text(&password, "refresh_token")
    } else {
        String::new()
    };
    let hide = |reply: &Reply| {
        let mut body = reply.json();
        for name in ["access_token", "refresh_token"] {
            if let Some(token) = body.get_mut(name) {
                *token = "HIDDEN".into();
            }
        }
        Reply {
            body: body.to_string(),
            ..reply.clone()
        }
    };
    note("password", &hide(&password));
    note("client", &hide(&client));
    bench
        .sandbox
        .control("wapi")
        .unwrap()
        .clock
        .advance(Duration::from_secs(50));
    for label in ["refresh.1", "refresh.2"] {
        let form = [
            &CLIENT[..],
            &[("grant_type", "refresh_token"), ("refresh_token", &refresh)],
        ]
        .concat();
        match bench
            .send(bench.client.post(bench.url("/OAuth/token")).form(&form))
            .await
        {
            Ok(reply) => note(label, &hide(&reply)),
            Err(_) => note(
                label,
                &Reply {
                    status: 0,
                    headers: Default::default(),
                    body: "lost".to_owned(),
                },
            ),
        }
    }
    bench.token = if client.status == 200 {
        text(&client, "access_token")
    } else {
        String::new()
    };
    note("nobody", &bench.get("/BusinessAccount").await);
    bench.token = "old".to_owned();
    note("old", &bench.get("/BusinessAccount").await);
    bench.token = if password.status == 200 {
        text(&password, "access_token")
    } else {
        bench.token
    };
    for (label, path) in [
        ("after", "/BusinessAccount".to_owned()),
        ("fluxs", format!("/{WAC}/Flux")),
        ("flux", format!("/{WAC}/Flux/2107")),
        ("flux.2", format!("/{WAC}/Flux/2112")),
        ("flux.4", format!("/{WAC}/Flux/2188")),
        ("nothing", format!("/{WAC}/Flux/1")),
        ("datas", format!("/{WAC}/Flux/2107/Data")),
        ("ltus", format!("/{WAC}/LTU")),
        ("events", format!("/{WAC}/WEvent")),
        (
            "points",
            format!("/{WAC}/Point/9001?From=2026-01-31T06:00:00Z&To=2026-01-31T06:20:00Z"),
        ),
        (
            "points.two",
            format!("/{WAC}/Point/9001,9002?From=2026-03-01T06:00:00Z&To=2026-03-01T06:10:00Z"),
        ),
        (
            "points.bar",
            format!("/{WAC}/Point/9001%7C9002?From=2026-03-01T06:00:00Z&To=2026-03-01T06:10:00Z"),
        ),
        (
            "points.odd",
            format!("/{WAC}/Point/9003?From=2026-01-31T06:00:00Z&To=2026-01-31T06:30:00Z"),
        ),
        (
            "points.late",
            format!("/{WAC}/Point/9021?From=2026-03-01T07:50:00Z&To=2026-03-01T08:10:00Z"),
        ),
        (
            "points.ahead",
            format!("/{WAC}/Point/9003?From=2026-03-03T00:00:00Z&To=2026-03-09T00:00:00Z"),
        ),
        (
            "points.data",
            format!("/{WAC}/Data/9001/Point?From=2026-03-02T06:00:00Z"),
        ),
    ] {
        note(label, &bench.get(&path).await);
    }
    bench.sandbox.advance().unwrap();
    note("next.first", &bench.get(&format!("/{WAC}/Data/9002")).await);
    note(
        "next.points",
        &bench
            .get(&format!(
                "/{WAC}/Point/9001?From=2026-01-31T06:00:00Z&To=2026-01-31T06:00:00Z"
            ))
            .await,
    );
    note("next.ltus", &bench.get(&format!("/{WAC}/LTU")).await);
    bench.sandbox.stop().await;
    text_of_all
}

/// Switch, value, and text that appears with it; with a leading `!`, text that disappears.
const ROWS: &[(&str, &str, &str)] = &[
    ("token_seconds", "60", "\"expires_in\":60"),
    ("token_requests", "1", "fluxs 401"),
    (
        "client_refresh",
        "true",
        "client 200 {\"access_token\":\"HIDDEN\",\"expires_in\":3600,\"refresh_token\"",
    ),
    ("rotation", "keep", "refresh.2 200"),
    ("rotation", "family", "after 401"),
    ("refresh_seconds", "50", "refresh.1 400"),
    ("refresh_lost", "1", "refresh.1 0 lost"),
    ("password_grant", "unauthorized", "unauthorized_client"),
    ("bad_token", "403", "old 403"),
    ("no_user", "401", "nobody 401"),
    ("container", "array", "ltus 200 [{\"wType\":\"LTU\""),
    ("container", "odd_names", "\"countOfAll\":3"),
    ("default_take", "2", ""),
    ("point_keys", "tv", "{\"wType\":\"Point\",\"t\":"),
    (
        "point_keys",
        "long",
        "\"date\":\"2026-01-31T06:00:00.0000000Z\",\"value\":",
    ),
    ("point_id_key", "dataID", "\"dataID\":9002"),
    ("separator", "|", "points.bar 200"),
    (
        "bounds",
        "from_exclusive",
        "points 200 [{\"wType\":\"Point\",\"T\":\"2026-01-31T06:10",
    ),
    ("bounds", "to_exclusive", ""),
    ("bounds", "exclusive", "points.two 200 []"),
    (
        "error_body",
        "ResponseStatus",
        "{\"ResponseStatus\":{\"ErrorCode\"",
    ),
    ("error_body", "wca", "WCAExceptionResource"),
    ("error_body", "html", "<h1>401"),
    ("not_exist", "500", "nothing 500"),
    ("max_points", "2", "TooManyRequested"),
    ("max_events", "10", "events 400"),
    ("routes", "reply_only", "fluxs 404"),
    ("points_route", "data_point", "points.data 200"),
    ("short_lists", "false", "\"fluxs\":[{\"wType\":\"Flux\","),
    (
        "dates",
        "no_zone",
        "\"lastDataDate\":\"0001-01-01T00:00:00.0000000\"",
    ),
    ("dates", "framework", "/Date("),
    ("unset_dates", "null", "!0001-01-01"),
    ("gmt_offset", "minutes", "\"gmtOffset\":60"),
    ("period", "clock", "00:10:00\""),
    ("period", "seconds", "\"period\":\"600\""),
    ("late_batch", "false", "2026-03-01T08:00:00"),
    ("back_dated", "1", "\"firstDataDate\":\"2026-01-30T06:00:00"),
    ("corrected", "1", ""),
    ("future_point", "true", "2026-03-04T06:00:00"),
    ("duplicate_point", "true", ""),
    ("nan", "true", "NaN"),
    (
        "substitution",
        "pending",
        "\"widSubsitution\":\"31877-00999\"",
    ),
    ("substitution", "done", "\"wid\":\"31877-00999\""),
    ("renames", "false", "!Ventilation controller (1)"),
    ("flux_fate", "obsolete", "Obsolete"),
    ("flux_fate", "deleted", "flux.2 404"),
];

#[tokio::test]
async fn every_switch_does_something() {
    let usual = transcript(Switches::default()).await;
    assert_eq!(
        usual,
        transcript(Switches::default()).await,
        "the same questions get the same answers"
    );
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
    for name in switches::names(&Switches::default()) {
        assert!(
            name == "too_many" || ROWS.iter().any(|(row, _, _)| *row == name),
            "{name}"
        );
    }
}

#[tokio::test]
async fn the_status_of_too_many_is_a_switch() {
    let bench = signed_in(with(Switches {
        max_points: 2,
        too_many: 500,
        ..Switches::default()
    }))
    .await;
    assert_eq!(
        bench
            .get(&format!("/{WAC}/Point/9001?From=2026-03-02T00:00:00Z"))
            .await
            .status,
        500
    );
}
