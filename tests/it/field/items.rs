//! S10: lists of items that say when they moved.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;

use super::harness::{Config, Harness};
use super::server::{Reply, VendorRequest};
use crate::queries;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The logs of a vendor: when each moved, and what it holds.
type Logs = BTreeMap<String, (Option<String>, Vec<String>)>;

#[derive(Clone, Default)]
struct Vendor(Arc<Mutex<Logs>>);

impl Vendor {
    fn set(&self, log: &str, moved: Option<&str>, holds: &[&str]) {
        let holds = holds.iter().map(|one| (*one).to_owned()).collect();
        self.edit(|logs| {
            logs.insert(log.to_owned(), (moved.map(str::to_owned), holds));
        });
    }

    fn edit<T>(&self, act: impl FnOnce(&mut Logs) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn answer(&self, request: &VendorRequest) -> Reply {
        self.edit(|logs| {
            if request.list() == "logs" {
                let row = |(id, (moved, _)): (&String, &(Option<String>, Vec<String>))| json!({"id": id, "moved": moved});
                return Reply::json(&json!({"rows": logs.iter().map(row).collect::<Vec<_>>()}));
            }
            match logs.get(request.list()) {
                Some((_, holds)) => {
                    let rows: Vec<_> = holds.iter().map(|id| json!({"id": id})).collect();
                    Reply::json(&json!({"rows": rows}))
                }
                None => Reply::status(404),
            }
        })
    }
}

fn plan() -> Config {
    Config::of(
        "[streams.logs]\npath = \"/logs\"\nrows = \"rows\"\nkey = [\"id\"]\nremoved = { absence = true, confirm = 1 }\n\
         [streams.logs.columns]\nid = \"id : text\"\nmoved = \"moved : text\"\n\
         [streams.values]\npath = \"/values/{log}\"\nrows = \"rows\"\nkey = [\"id\"]\nremoved = { absence = true, confirm = 1 }\n\
         for_each = { stream = \"logs\", take = { log = \"id\", moved = \"moved\" }, skip_while_same = [\"moved\"] }\n\
         [streams.values.columns]\nid = \"id : text\"\nlog = \"= {log} : text\"\n",
    )
}

/// The logs whose values were asked for since the last look.
fn asked(harness: &Harness) -> String {
    let log = harness.vendor.log();
    let logs = log
        .iter()
        .filter_map(|one| one.path.split("/values/").nth(1));
    let mut logs: Vec<&str> = logs.collect();
    logs.sort_unstable();
    logs.join(" ")
}

fn values(harness: &Harness) -> String {
    queries::one(
        &harness.installation.mirror(),
        "SELECT group_concat(id, ' ') FROM (SELECT id FROM own_values ORDER BY id)",
    )
}

#[test]
fn s10_an_item_that_did_not_move_is_not_asked_for() {
    let vendor = Vendor::default();
    vendor.set("a", Some("1"), &["a1", "a2"]);
    vendor.set("b", Some("1"), &["b1"]);
    vendor.set("c", None, &["c1"]);
    let mut harness = Harness::new(&plan());
    let server = vendor.clone();
    harness
        .vendor
        .respond_with(move |request| server.answer(request));
    let step = |harness: &mut Harness, what: &str, expected: (&str, &str)| {
        harness.sync().ended("ok", what);
        let found = (asked(harness), values(harness));
        assert_eq!((found.0.as_str(), found.1.as_str()), expected, "{what}");
    };
    step(&mut harness, "the first time", ("a b c", "a1 a2 b1 c1"));
    // `c` never says when it moved: what it changes is found with all others once a day.
    step(&mut harness, "nothing moved", ("", "a1 a2 b1 c1"));
    vendor.set("a", Some("2"), &["a2", "a3"]);
    vendor.set("b", Some("1"), &["b1", "b2"]);
    step(
        &mut harness,
        "one moved, another one changed without a word",
        ("a", "a2 a3 b1 c1"),
    );
    // Other items are all read, and the one without a word is found.
    vendor.set("d", Some("1"), &["d1"]);
    step(&mut harness, "a new one", ("a b c d", "a2 a3 b1 b2 c1 d1"));
    vendor.edit(|logs| logs.remove("a"));
    step(&mut harness, "one is gone", ("b c d", "b1 b2 c1 d1"));
    vendor.set("b", Some("1"), &["b2"]);
    step(
        &mut harness,
        "one changed without a word",
        ("", "b1 b2 c1 d1"),
    );
    harness.advance(DAY);
    step(&mut harness, "a day later", ("b c d", "b2 c1 d1"));
    step(&mut harness, "and again", ("", "b2 c1 d1"));
    harness.full().ended("ok", "on request");
    assert_eq!(asked(&harness), "b c d", "on request all are read");
}
