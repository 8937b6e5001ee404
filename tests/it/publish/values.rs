//! Values and names that databases dislike: none stops a source.

use serde_json::{Value, json};

use super::school::{assert_same, message, publish, sync, verify};
use crate::database::{Database, Server};
use crate::installation::{Installation, NO_TICK};
use crate::queries;
use crate::replay::Replay;
use crate::server::{Paging, Server as Vendor};
use crate::wire::HttpResponse;

/// A program that reads one stream `rows` with the key `sourced_id`, a text `name`, and further columns.
pub fn small(vendor: &Vendor, columns: &str) -> Installation {
    small_at(vendor.origin(), columns)
}

fn small_at(origin: &str, columns: &str) -> Installation {
    let installation = Installation::empty();
    connect_at(&installation, origin, "key = [\"sourced_id\"]", columns);
    installation.write(
        "jobs/roster.toml",
        &format!("source = \"own\"\nstreams = [\"rows\"]\nschedule = \"{NO_TICK}\"\n"),
    );
    installation
}

/// Writes its connector and its source.
pub fn connect(installation: &Installation, vendor: &Vendor, key: &str, columns: &str) {
    connect_at(installation, vendor.origin(), key, columns);
}

fn connect_at(installation: &Installation, origin: &str, key: &str, columns: &str) {
    installation.write(
        "config/connectors/own.toml",
        &format!(
            "connector = \"own\"\ntitle = \"the tests' own vendor\"\nbase_url = \"{}\"\n[limits]\nper_second = 1000.0\n[auth.api_key]\nheader = \"X-Api-Key\"\n\
             [streams.rows]\npath = \"/v1p1/rows\"\nrows = \"rows\"\n{key}\nremoved = {{ absence = true }}\n\
             [streams.rows.columns]\nsourced_id = \"sourcedId : text verbatim\"\nname = \"name : text verbatim\"\n{columns}",
            origin
        ),
    );
    if !installation.path("config/rollbook.toml").exists() {
        installation.secret("key", "k3y-of-the-source");
        let auth = "grant = \"api_key\"\napi_key = { file = \"key\" }\n";
        installation.write(
            "config/rollbook.toml",
            &format!("[sources.own]\nconnector = \"own\"\n[sources.own.auth]\n{auth}"),
        );
    }
}

fn count(database: &Database) -> String {
    database.query("SELECT count(*) FROM rollbook.own_rows")[0][0].clone()
}

#[test]
fn odd_values_are_published_as_they_are() {
    let Some(server) = Server::get() else { return };
    let database = server.database();
    let texts = [
        "",
        "'",
        "\"",
        "\\",
        "\\N",
        "\\\\'",
        "NULL",
        "null",
        "{a,b}",
        "(1,2)",
        "$1",
        "$$",
        "%s",
        "\u{fffd}",
        "😀👩‍👩‍👧",
        "a\nb\r\n\tc",
        "e\u{301}",
        "\u{feff}x",
        "\u{200b}",
        "ﷺ",
        "--",
        "/*",
        ";",
        "\u{7f}\u{1b}[31m",
    ];
    let mut rows: Vec<Value> = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        rows.push(json!({"sourcedId": format!("t{number}-{text}"), "name": text, "json": {"text": text, (*text): [text]}}));
    }
    rows.push(
        json!({"sourcedId": "large", "name": "ä".repeat(1 << 20), "json": ["x".repeat(1 << 20)]}),
    );
    for (number, value) in [
        json!(0.1),
        json!(-0.0),
        json!(5e-324),
        json!(1e300),
        json!(2.2250738585072014e-308),
        json!(9007199254740993_i64),
        json!(123456789.12345679),
        json!(1e23),
        json!(-1e-7),
    ]
    .into_iter()
    .enumerate()
    {
        rows.push(json!({"sourcedId": format!("n{number}"), "name": null, "real": value, "json": [value, {"n": value}]}));
    }
    for number in [i64::MIN, i64::MAX, 0, -1] {
        rows.push(
            json!({"sourcedId": format!("i{number}"), "name": "", "whole": number, "json": number}),
        );
    }
    for date in [
        "0000-01-01",
        "0000-02-29",
        "0001-01-01",
        "1582-10-10",
        "1899-12-31",
        "9999-12-31",
    ] {
        rows.push(json!({"sourcedId": format!("d{date}"), "day": date, "at": format!("{date}T23:59:59.999Z")}));
    }
    let vendor = Vendor::start(Paging::Silent, [("rows", rows.clone())]);
    let installation = small(
        &vendor,
        "real = \"real : real\"\nwhole = \"whole : integer\"\nday = \"day : date\"\nat = \"at : timestamp\"\njson = \"json : json\"\n",
    );
    publish(&installation, &database.url, "");
    let ran = installation.sync();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_same(&installation, &database, "the first time");
    assert_eq!(count(&database), rows.len().to_string());
    vendor.edit("rows", |list| {
        for row in list.iter_mut() {
            row["json"] = json!({"changed": row["json"]});
        }
    });
    let ran = installation.sync();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_same(&installation, &database, "changed");
}

/// What the mirror can have and PostgreSQL cannot.
#[test]
fn values_that_postgresql_cannot_store_stop_nothing() {
    let Some(server) = Server::get() else { return };
    let database = server.database();
    // No two bytes alike, so that they cannot be packed.
    let mut random = fastrand::Rng::with_seed(7);
    let mut key =
        |length: usize| -> String { (0..length).map(|_| random.alphanumeric()).collect() };
    let rows = vec![
        json!({"sourcedId": "plain", "name": "One", "json": 1}),
        json!({"sourcedId": "nul", "name": "a\u{0}b", "json": {"a\u{0}": "b\u{0}c", "d": "\\u0000", "e": "\\\u{0}"}}),
        json!({"sourcedId": key(3_000), "name": "A long key", "json": 2}),
        json!({"sourcedId": key(2_400), "name": "Not too long", "json": 3}),
    ];
    let vendor = Vendor::start(Paging::Silent, [("rows", rows)]);
    let installation = small(&vendor, "json = \"json : json\"\n");
    publish(&installation, &database.url, "");
    let ran = installation.sync();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(message(&installation), "");
    assert_eq!(count(&database), "3", "all but the one with the long key");
    let left_out = || {
        let verified = installation.run(&["publish", "verify", "district", "--json"]);
        assert_eq!(verified.code, Some(0), "{verified:?}");
        let found: Value = serde_json::from_str(&verified.out).expect("JSON");
        [0, 1].map(|table| {
            found["own"]["tables"][table]["left_out"]
                .as_u64()
                .expect("a number")
        })
    };
    assert_eq!(left_out(), [1, 0]);
    let replaced = "SELECT json::text FROM rollbook.own_rows WHERE sourced_id = 'nul'";
    assert_eq!(
        database.query(replaced),
        [["{\"d\": \"\\\\u0000\", \"e\": \"\\\\\u{fffd}\", \"a\u{fffd}\": \"b\u{fffd}c\"}"]]
    );
    vendor.edit("rows", |list| {
        list.iter_mut().for_each(|row| row["name"] = "Two".into());
    });
    sync(&installation);
    vendor.edit("rows", |list| {
        list.retain(|row| {
            row["sourcedId"]
                .as_str()
                .is_some_and(|key| key.len() < 3_000)
        })
    });
    super::school::sync_twice(&installation);
    assert_eq!(count(&database), "3");
    let history = "SELECT count(*) FROM rollbook.own_rows_history";
    assert_eq!(database.query(history), [["3"]]);
    assert_eq!(left_out(), [0, 2], "its old versions");
}

#[test]
fn columns_may_have_any_name_and_be_many() {
    let Some(server) = Server::get() else { return };
    let database = server.database();
    let names = [
        "source", "user", "order", "select", "table", "group", "ctid", "xmin", "xmax", "cmin",
        "cmax", "tableoid", "old", "new", "kept", "gone", "excluded", "c0", "row", "n",
    ];
    let long = "a".repeat(63);
    let wide: Vec<String> = (0..200).map(|number| format!("column_{number}")).collect();
    let all: Vec<&str> = names
        .into_iter()
        .chain([long.as_str()])
        .chain(wide.iter().map(String::as_str))
        .collect();
    let columns: String = all
        .iter()
        .map(|name| format!("{name} = \"m.{name} : text\"\n"))
        .collect();
    let row = |number: usize, version: usize| {
        let members: serde_json::Map<String, Value> = all
            .iter()
            .map(|name| ((*name).to_owned(), json!(format!("{name} {version}"))))
            .collect();
        json!({"sourcedId": format!("row-{number}"), "name": "One", "m": members})
    };
    let vendor = Vendor::start(
        Paging::Silent,
        [("rows", (0..5).map(|number| row(number, 1)).collect())],
    );
    let installation = small(&vendor, &columns);
    publish(&installation, &database.url, "");
    sync(&installation);
    assert_same(&installation, &database, "the first time");
    vendor.edit("rows", |list| {
        *list = (0..5).map(|number| row(number, 2)).collect()
    });
    sync(&installation);
    assert_same(&installation, &database, "changed");
}

/// What no JSON library would send.
#[test]
fn an_answer_that_is_hardly_json_stops_nothing() {
    let Some(server) = Server::get() else { return };
    let database = server.database();
    let values = [
        r#""\ud800""#,
        r#"["\udc00x", "\ud83d\ude00"]"#,
        "1e400",
        "-1e-400",
        "1e999999",
        "[1e-999999]",
        "-0.0",
        "-0",
        "1E5",
        "123456789012345678901234567890.12345678901234567890",
        r#"{"a": 1, "a": 2}"#,
        r#"{"": {"": null}}"#,
        "NaN",
        "[Infinity]",
        r#""\u0000\u0001\u001f""#,
        "1.10",
    ];
    let row = |(number, value): (usize, &&str)| {
        format!(
            r#"{{"sourcedId": "row-{number:02}", "name": {value}, "json": {value}, "real": {value}}}"#
        )
    };
    let rows: Vec<String> = values.iter().enumerate().map(row).collect();
    let body = format!("{{\"rows\": [{}]}}", rows.join(","));
    let vendor = Replay::start(move |_, _| HttpResponse::new(200, body.clone()));
    let installation = small_at(
        vendor.origin(),
        "real = \"real : real\"\njson = \"json : json\"\n",
    );
    publish(&installation, &database.url, "");
    let ran = installation.sync();
    let rows = queries::count(&installation.mirror(), "own_rows");
    assert_eq!(rows, values.len() as u64, "{ran:?}");
    assert_eq!(message(&installation), "", "{ran:?}");
    assert_eq!(count(&database), values.len().to_string());
    let verified = verify(&installation);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    for (number, expected) in [(4, "\"1e999999\""), (5, "[\"1e-999999\"]")] {
        let sql = format!(
            "SELECT json::text FROM rollbook.own_rows WHERE sourced_id = 'row-{number:02}'"
        );
        assert_eq!(database.query(&sql), [[expected]]);
    }
}
