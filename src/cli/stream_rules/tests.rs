//! The rules of streams in words, from a connector written for it.

use std::collections::BTreeMap;

use super::*;
use crate::cli::table::many;
use rollbook_core::connector::api::streams;
use rollbook_core::connector::file::Connector;
use rollbook_core::model::StreamName;
use rollbook_core::model::scalar::display_time;

fn specs() -> BTreeMap<StreamName, StreamSpec> {
    let text = r#"
connector = "north"
title = "North"
base_url = "https://north.example"

[streams.orgs]
path = "/orgs"
rows = "orgs"
key = ["id"]
removed = { absence = true }
history = "off"
columns = { id = "id : text" }

[streams.users]
path = "/users"
rows = "users"
key = ["id"]
page = { by = "offset", offset = "offset", limit = "limit", size = 200 }
since = { column = "changed", query = { since = "{since}" } }
removed = { status = { column = "status", is = ["removed", "inactive"] }, absence = true }
columns = { id = "id : text", status = "status : text", changed = "changed : timestamp" }

[streams.values]
path = "/users/{id}/values"
rows = "values"
key = ["user", "at"]
window = { from = "from", to = "to", column = "at", start = "-30d", step = "7d", reread = { every = "7d", span = "35d" } }
for_each = { stream = "users", take = { id = "id" } }
columns = { user = "= {id} : text", at = "at : timestamp" }

[streams.deleted]
path = "/deleted"
rows = "rows"
key = ["id"]
columns = { id = "id : text", kind = "kind : text" }

[streams.classes]
path = "/classes"
rows = "rows"
key = ["id"]
page = { by = "watermark", column = "changed", offset = "skip", limit = "take", size = 50 }
since = { column = "changed", query = { since = "{since}" }, default = true }
removed = { feed = { stream = "deleted", key = "id", where = { kind = "class" } } }
columns = { id = "id : text", changed = "changed : timestamp" }
"#;
    let connector: Connector = toml::from_str(text).expect("a connector");
    streams(&connector).expect("right")
}

fn job(rest: serde_json::Value) -> JobConfig {
    let mut job =
        serde_json::json!({ "source": "north", "streams": ["users"], "schedule": "0 6 * * *" });
    for (name, value) in rest.as_object().expect("a table") {
        job[name] = value.clone();
    }
    serde_json::from_value(job).expect("a job")
}

#[test]
fn rules_in_words() {
    let plain = job(serde_json::json!({}));
    let twice = job(serde_json::json!({
        "guard": { "confirm": 3 },
        "stream": { "users": { "mode": "incremental", "history": "30 days" } },
    }));
    let rows = [
        (
            "orgs",
            &plain,
            "id / one page / - / all each time / when absent / not kept",
        ),
        (
            "users",
            &plain,
            "id / pages of 200 by offset / - / all each time, could be changes by changed / \
             when status = removed/inactive, absent (2 times in a row if read in several pages) / kept 400d",
        ),
        (
            "users",
            &twice,
            "id / pages of 200 by offset / - / changes by changed, all every 7d / \
             when status = removed/inactive, absent 3 times in a row / kept 30d",
        ),
        (
            "values",
            &plain,
            "user, at / one page / each row of users / new at, 7d at a time, the last 35d again every 7d / \
             never / kept 400d",
        ),
        (
            "classes",
            &plain,
            "id / pages of 50 along changed / - / changes by changed, all every 7d / \
             when listed in deleted / kept 400d",
        ),
    ];
    let specs = specs();
    for (stream, job, expected) in rows {
        let rules = rules(&specs[stream], Some(job));
        let found = [
            rules.key.join(", "),
            rules.paging,
            rules.read_for.unwrap_or("-".to_owned()),
            rules.changes,
            rules.removed,
            rules.history,
        ];
        assert_eq!(found.join(" / "), expected, "{stream}");
    }
}

#[test]
fn times_and_numbers() {
    assert_eq!(
        display_time("2026-01-31T06:00:14.250Z"),
        "2026-01-31 06:00:14"
    );
    assert_eq!(display_time("soon"), "soon");
    assert_eq!(many(1, "row", "rows"), "1 row");
    assert_eq!(many(0, "row", "rows"), "0 rows");
    assert_eq!(many(1200, "row", "rows"), "1,200 rows");
}
