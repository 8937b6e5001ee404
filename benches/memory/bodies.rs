//! The vendor: one path for each case, with the whole list in one response, and lists of many pages.

use std::fmt::Write as _;
use std::time::Duration;

use crate::vendor;

/// One list, with columns for what the cases send.
pub const CONNECTOR: &str = r#"
title = "Memory"
base_url = "{base_url}"
[settings]
base_url = { required = true, help = "address" }
token_url = { required = true, help = "address" }
case = { required = true, help = "path", account = false }
[auth.client_credentials]
token_url = "{token_url}"
[limits]
in_flight = 2
per_second = 1000
[streams.users]
title = "a user"
path = "/{case}"
rows = "users"
key = ["id"]
page = { by = "offset", offset = "offset", limit = "limit", size = 5000, total_member = ["total"] }
[streams.users.columns]
id = "id : text"
text = "text : text"
number = "number : integer"
list = "list : json"
role = "role : text"
email = "email : text"
phone = "phone : text"
school = "school : text"
"#;

/// A case.
pub struct Case {
    pub what: &'static str,
    pub path: &'static str,
}

pub const CASES: [Case; 19] = [
    case("45 MB, texts of 450 KB", "long-texts"),
    case("45 MB, texts of 5 KB", "texts"),
    case("45 MB, one text", "one-text"),
    case("45 MB of JSON in a column", "json"),
    case("45 MB with NaN in each row: repaired", "nan"),
    case("60 MB of short rows in any order", "short"),
    case("60 MB of rows without a key", "rejects"),
    case("60 MB of rows with a bad value", "bad"),
    case("60 MB of numbers instead of rows", "numbers"),
    case("60 MB of a member that no column names", "skipped"),
    case("60 MB of a web page", "page"),
    case("60 MB, one text of escapes", "escapes"),
    case(
        "60 MB, one text of escapes, in no column",
        "skipped-escapes",
    ),
    case("60 MB, one row", "one-row"),
    case("60 MB, the name of a member", "name"),
    case("60 MB of brackets in a column", "deep"),
    case("60 MB of brackets outside the rows", "skipped-deep"),
    case("3 million new keys, in order", "sorted"),
    case("3 million new keys, in any order", "shuffled"),
];

const fn case(what: &'static str, path: &'static str) -> Case {
    Case { what, path }
}

/// Serves the cases, with so many hundredths of their size, until its parent kills it.
pub fn serve(percent: usize) {
    vendor::serve(move |path, query, answer| {
        let number = |name| vendor::parameter(query, name)?.parse::<usize>().ok();
        let (offset, limit) = (
            number("offset").unwrap_or(0),
            number("limit").unwrap_or(5000),
        );
        let body = match path {
            "/token" => vendor::TOKEN.to_owned(),
            "/sorted" => keys(30_000 * percent, offset, limit, |number| number),
            "/shuffled" => {
                let many = 30_000 * percent;
                keys(many, offset, limit, |number| number * 7_919_993 % many)
            }
            // The whole list is in the first response.
            _ if offset > 0 => r#"{"users":[]}"#.to_owned(),
            path => whole(path, percent * 10_000),
        };
        vendor::write(answer, "200 OK", "", &[&body]);
        Duration::ZERO
    });
}

fn keys(many: usize, offset: usize, limit: usize, key: impl Fn(usize) -> usize) -> String {
    let ids = (offset..many.min(offset + limit)).map(key);
    rows(ids.map(|id| format!(r#"{{"id":"{id:08}"}}"#)), many)
}

fn rows(rows: impl Iterator<Item = String>, total: usize) -> String {
    let mut body = String::from(r#"{"users":["#);
    for (number, row) in rows.enumerate() {
        body.push_str(if number == 0 { "" } else { "," });
        body.push_str(&row);
    }
    let _ = write!(body, r#"],"total":{total}}}"#); // memory does not fail
    body
}

/// A body of about 45 or 60 of these units.
fn whole(path: &str, unit: usize) -> String {
    let list = |bytes: usize, row: &dyn Fn(usize) -> String| {
        let many = bytes / row(1_000_000).len();
        rows((0..many).map(row), many)
    };
    match path {
        "/long-texts" => text_rows(45 * unit, 100),
        "/texts" => text_rows(45 * unit, 9_000),
        "/one-text" => text_rows(45 * unit, 1),
        "/json" => {
            let list_text = vec!["1.5"; 1200].join(",");
            list(45 * unit, &|id| {
                format!(r#"{{"id":"{id:07}","list":{{"b":[{list_text}],"a":1}}}}"#)
            })
        }
        "/nan" => {
            let text = "x".repeat(5000);
            list(45 * unit, &|id| {
                format!(r#"{{"id":"{id:07}","number":NaN,"text":"{text}"}}"#)
            })
        }
        "/short" => list(60 * unit, &|id| format!(r#"{{"id":"{id}"}}"#)),
        "/rejects" => list(60 * unit, &|id| format!(r#"{{"x":"{id}"}}"#)),
        "/bad" => list(60 * unit, &|id| format!(r#"{{"id":"{id}","number":"zz"}}"#)),
        "/numbers" => list(60 * unit, &|id| id.to_string()),
        "/skipped" => {
            let text = "y".repeat(60 * unit);
            format!(r#"{{"debug":"{text}","users":[{{"id":"1"}}],"total":1}}"#)
        }
        "/escapes" => one_row(&format!(r#""text":"{}""#, escapes(60 * unit))),
        "/skipped-escapes" => one_row(&format!(r#""debug":"{}""#, escapes(60 * unit))),
        "/one-row" => {
            let members = (0..60 * unit / 22).map(|id| format!(r#""m{id:07}":{id:09}"#));
            one_row(&members.collect::<Vec<_>>().join(","))
        }
        "/name" => one_row(&format!(r#""{}":1"#, "n".repeat(60 * unit))),
        "/deep" => one_row(&format!(r#""list":{}"#, "[".repeat(60 * unit))),
        "/skipped-deep" => format!(r#"{{"debug":{}"#, "[".repeat(60 * unit)),
        _ => format!("<html>{}", "z".repeat(60 * unit)),
    }
}

/// Characters that are six bytes each in JSON.
fn escapes(bytes: usize) -> String {
    "\\u00e9".repeat(bytes / 6)
}

/// A row with these members too.
fn one_row(members: &str) -> String {
    format!(r#"{{"users":[{{"id":"1"}},{{"id":"2",{members}}},{{"id":"3"}}],"total":3}}"#)
}

/// So many texts that have this many bytes together.
fn text_rows(bytes: usize, many: usize) -> String {
    let text = "x".repeat(bytes / many);
    let row = |id| format!(r#"{{"id":"{id:07}","text":"{text}"}}"#);
    rows((0..many).map(row), many)
}
