//! Lists that are larger than what the program holds of a response at once.

use serde_json::{Value, json};

use super::harness::{Config, Harness, each, id};
use super::server::Reply;

const ROWS: usize = 1_500;

/// 4.5 MB of people.
fn people() -> Vec<Value> {
    let about = "about this person ".repeat(160);
    (0..ROWS)
        .map(|number| json!({"id": id(number), "about": about, "tags": [number, [1, 2]]}))
        .collect()
}

fn plan() -> Config {
    Config::people("", "about = \"about : text\"\ntags = \"tags : json\"")
}

#[test]
fn l16_a_list_that_arrives_in_pieces() {
    let rows = people();
    let numbered: serde_json::Map<String, Value> = (0..)
        .map(|number: usize| number.to_string())
        .zip(rows.clone())
        .collect();
    let debug = vec!["a line of a log"; 100_000];
    each(
        &[
            ("an array", json!({"rows": rows})),
            ("numbered rows", json!({"rows": numbered})),
            (
                "members beside it",
                json!({"debug": debug, "rows": rows, "z": debug}),
            ),
        ],
        |(what, _)| (*what).to_owned(),
        |(what, body)| {
            let mut harness = Harness::new(&plan());
            let body = body.to_string();
            let whole = body.clone();
            harness
                .vendor
                .respond_with(move |_| Reply::raw(200, whole.clone()));
            let record = harness.sync().ended("ok", what);
            assert_eq!(record.people().new, ROWS as u64, "{what}");
            assert_eq!(
                harness.cell("p1499", "tags").as_deref(),
                Some("[1499,[1,2]]")
            );
            let record = harness.sync().ended("ok", what);
            let found = record.people();
            assert_eq!(
                (found.new, found.changed, found.removed),
                (0, 0, 0),
                "{what}"
            );
            // The connection ends, or another program answers in the middle.
            for (cut, with) in [(body.len() / 2, ""), (body.len() - 3, "<html>")] {
                let broken = format!("{}{with}", &body[..cut]);
                harness
                    .vendor
                    .respond_with(move |_| Reply::raw(200, broken.clone()));
                harness
                    .sync()
                    .ended("failed", (what, cut))
                    .removed_none(what);
                assert_eq!(harness.ids().len(), ROWS, "{what}");
            }
        },
    );
}

/// One row far behind that cannot be taken: no other is taken for missing.
#[test]
fn l16_a_reject_in_a_later_piece_removes_nothing() {
    let mut rows = people();
    let mut harness = Harness::new(&plan());
    let body = json!({ "rows": rows });
    harness.vendor.respond_with(move |_| Reply::json(&body));
    harness.sync().ended("ok", "all of them");
    rows[ROWS - 2] = json!({"about": "nobody"});
    rows.remove(3);
    let body = json!({ "rows": rows });
    harness.vendor.respond_with(move |_| Reply::json(&body));
    for reading in 1..=3 {
        let record = harness.sync().removed_none(reading);
        assert_eq!(record.people().rejected, 1, "{record:?}");
    }
    assert_eq!(harness.ids().len(), ROWS);
}
