//! S1, S2, S8: what a server does not serve as requested is remembered, also by the next process.

use std::time::Duration;

use rollbook_engine::sync::Cause;
use serde_json::json;

use super::harness::{Config, Harness, people, persons, reads};
use super::server::{Reply, Style, Total, VendorRequest, pages};

const NAMES: &str = "name = \"name : text\"\n";
const DAY: Duration = Duration::from_secs(24 * 3600);

fn sizes(harness: &Harness) -> Vec<usize> {
    let log = harness.vendor.log();
    let limit = |name: &str| name.parse().unwrap_or_default();
    log.iter().map(|one| limit(&one.query["limit"])).collect()
}

/// S2: 504 for pages of 1,000; pages of 500 work. They are requested from then on, and 1,000 again a week later.
#[test]
fn s2_the_page_size_that_worked_is_remembered() {
    let style = pages(Style::Offset, 1000).with(Total::InBody);
    let mut harness = Harness::new(&Config::people(&style.toml(), NAMES));
    harness
        .vendor
        .respond_with(move |request| match request.number("limit") {
            Some(limit) if limit > 500 => Reply::status(504),
            _ => style.page(request, &persons(1200)),
        });
    let run = harness.sync();
    assert_eq!(run.outcome, "ok", "{run:?}");
    assert!(run.reported.contains("pages of 500 rows"), "{run:?}");
    assert_eq!(harness.ids().len(), 1200);
    let seen = sizes(&harness);
    assert_eq!(
        seen.iter().filter(|size| **size > 500).count(),
        1,
        "{seen:?}"
    );
    for what in ["the same process", "another process"] {
        if what == "another process" {
            harness.close();
        }
        assert_eq!(harness.sync().outcome, "ok", "{what}");
        let seen = sizes(&harness);
        assert!(seen.iter().all(|size| *size <= 500), "{what}: {seen:?}");
    }
    harness.advance(7 * DAY);
    assert_eq!(harness.sync().outcome, "ok");
    assert_eq!(sizes(&harness)[0], 1000);
}

/// A refused `sort` and the path that is served are known to the next process as well.
#[test]
fn l6_what_was_refused_is_known_to_the_next_process() {
    let streams = people(
        &pages(Style::Offset, 100).toml_and("optional = [\"sort\"]"),
        "query = { sort = \"id\" }",
        NAMES,
    );
    let streams = streams.replace("path = \"/people\"", "path = [\"/old\", \"/people\"]");
    let mut harness = Harness::new(&Config::of(&streams));
    let style = pages(Style::Offset, 100);
    harness
        .vendor
        .respond_with(move |request| match request.list() {
            "old" => Reply::status(404),
            _ if request.query.contains_key("sort") => Reply::status(400),
            _ => style.page(request, &persons(40)),
        });
    assert_eq!(harness.sync().outcome, "ok");
    assert_eq!(harness.ids().len(), 40);
    harness.close();
    let _ = harness.vendor.log();
    assert_eq!(harness.sync().outcome, "ok");
    let log = harness.vendor.log();
    assert!(log.iter().all(|one| one.status == 200), "{log:?}");
}

/// S8: a stream that is not served costs no request until the next day, unless a person runs the job.
#[test]
fn s8_streams_that_are_not_served_are_asked_for_once_a_day() {
    let extra = |name: &str| {
        format!(
            "[streams.{name}]\npath = [\"/{name}\", \"/other/{name}\"]\nrows = \"rows\"\nkey = [\"id\"]\noptional = true\n\
             [streams.{name}.columns]\nid = \"id : text\"\n"
        )
    };
    let names = ["one", "two", "three"];
    let mut streams = people("", "", NAMES);
    names.iter().for_each(|name| streams.push_str(&extra(name)));
    let mut harness = Harness::new(&Config::of(&streams));
    let serve = |harness: &Harness, served: bool| {
        harness
            .vendor
            .respond_with(move |request: &VendorRequest| match request.list() {
                "people" => Reply::json(&json!({"rows": persons(3)})),
                _ if served => Reply::json(&json!({"rows": [{"id": "x"}]})),
                _ => Reply::status(404),
            });
    };
    serve(&harness, false);
    let run = harness.run("job", Cause::Schedule, false);
    assert_eq!(run.outcome, "ok", "{run:?}");
    assert_eq!(harness.vendor.log().len(), 1 + 3 * 2);
    for what in ["the same process", "another process"] {
        if what == "another process" {
            harness.close();
        }
        let run = harness.run("job", Cause::Schedule, false);
        assert_eq!(run.outcome, "ok", "{what}: {run:?}");
        assert_eq!(harness.vendor.log().len(), 1, "{what}");
        let one = &run.parts["one"];
        assert_eq!(one.outcome, "not_served", "{what}");
        assert!(one.reported.contains("404"), "{what}: {}", one.reported);
        assert!(
            one.reported.contains("asked once a day"),
            "{what}: {}",
            one.reported
        );
    }
    assert_eq!(harness.sync().parts["two"].outcome, "not_served");
    assert_eq!(harness.vendor.log().len(), 7, "a person's command asks");
    harness.advance(DAY);
    serve(&harness, true);
    let run = harness.run("job", Cause::Schedule, false);
    assert_eq!(run.parts["three"].outcome, "ok", "{run:?}");
    let _ = harness.vendor.log();
    let run = harness.run("job", Cause::Schedule, false);
    assert_eq!(run.parts["three"].outcome, "ok", "{run:?}");
    assert_eq!(harness.vendor.log().len(), 4);
}

/// S8: another account may serve what this one does not.
#[test]
fn s8_another_account_is_asked() {
    let streams = people("", "optional = true", NAMES);
    let mut config = Config::of(&streams);
    config.jobs[0].1 = reads(&["people"]);
    let mut harness = Harness::new(&config);
    harness.vendor.respond_with(|_| Reply::status(404));
    harness.run("job", Cause::Schedule, false);
    config.base = "/v2".to_owned();
    harness.write(&config);
    harness
        .vendor
        .respond_with(|_| Reply::json(&json!({"rows": persons(3)})));
    let run = harness.run("job", Cause::Schedule, false);
    assert_eq!(run.parts["people"].new, 3, "{run:?}");
}

/// The streams `one` to `four`, each a list without pages.
fn four() -> Config {
    let stream = |name: &str| {
        format!(
            "[streams.{name}]\npath = \"/{name}\"\nrows = \"rows\"\nkey = [\"id\"]\n[streams.{name}.columns]\nid = \"id : text\"\n"
        )
    };
    Config::of(&["one", "two", "three", "four"].map(stream).concat())
}

/// A4: 429 without `Retry-After` for everything: a few requests, one message with the vendor's word, and a person's
/// command asks again.
#[test]
fn a4_a_used_up_quota_costs_few_requests() {
    let mut harness = Harness::new(&four());
    harness
        .vendor
        .respond_with(|_| Reply::raw(429, "{\"message\":\"Limit Exceeded\"}"));
    let run = harness.run("job", Cause::Schedule, false);
    assert!(run.outcome.starts_with("failed"), "{run:?}");
    assert_eq!(run.parts.len(), 1, "one message for the source: {run:?}");
    assert!(run.reported.contains("Limit Exceeded"), "{run:?}");
    assert!(run.reported.contains("429"), "{run:?}");
    assert_eq!(harness.vendor.log().len(), 5);
    let run = harness.run("job", Cause::Schedule, false);
    assert!(run.reported.contains("none is sent before"), "{run:?}");
    assert_eq!(harness.vendor.log().len(), 0, "the source rests");
    harness
        .vendor
        .respond_with(|_| Reply::json(&json!({"rows": [{"id": "x"}]})));
    assert_eq!(harness.sync().outcome, "ok", "a person asks");
    harness.vendor.respond_with(|_| Reply::status(429));
    harness.run("job", Cause::Schedule, false);
    harness.advance(Duration::from_secs(5 * 60));
    harness
        .vendor
        .respond_with(|_| Reply::json(&json!({"rows": [{"id": "x"}]})));
    assert_eq!(harness.run("job", Cause::Schedule, false).outcome, "ok");
}

/// A maintenance page for everything ends the run after a few lists; one broken list does not.
#[test]
fn s4_a_broken_source_is_left_alone_and_a_broken_list_is_not() {
    let mut harness = Harness::new(&four());
    harness.vendor.respond_with(|_| Reply::status(503));
    let run = harness.run("job", Cause::Schedule, false);
    assert!(run.outcome.starts_with("failed"), "{run:?}");
    let requests = harness.vendor.log().len();
    assert!(requests <= 15, "{requests}");
    assert!(run.reported.contains("every request fails"), "{run:?}");
    let mut harness = Harness::new(&four());
    harness.vendor.respond_with(|request| match request.list() {
        "one" | "two" => Reply::raw(200, "<html>We will be back</html>"),
        _ => Reply::json(&json!({"rows": [{"id": "x"}]})),
    });
    let run = harness.run("job", Cause::Schedule, false);
    assert_eq!(run.parts["four"].outcome, "ok", "{run:?}");
    assert_eq!(run.parts["two"].outcome, "failed", "{run:?}");
}

/// At most five attempts at one page, also where it identifies the account first.
#[test]
fn s4_the_page_of_the_account_is_tried_five_times_at_most() {
    let config = four().top("identity = { stream = \"one\", column = \"id\" }\n");
    let mut harness = Harness::new(&config);
    harness
        .vendor
        .respond_with(|_| Reply::raw(200, "<html>We will be back</html>"));
    let run = harness.run("job", Cause::Schedule, false);
    assert!(run.outcome.starts_with("failed"), "{run:?}");
    let log = harness.vendor.log();
    let of_one = log.iter().filter(|request| request.path.ends_with("/one"));
    assert_eq!(of_one.count(), 5);
}

/// A5: a key that was good and is revoked: 403 for every stream.
#[test]
fn a5_a_key_that_is_revoked_is_one_fault() {
    let mut harness = Harness::new(&four());
    let good = |_: &VendorRequest| Reply::json(&json!({"rows": [{"id": "x"}]}));
    harness.vendor.respond_with(good);
    assert_eq!(harness.sync().outcome, "ok");
    harness.vendor.respond_with(|_| Reply::status(403));
    let run = harness.sync();
    assert!(run.outcome.starts_with("failed"), "{run:?}");
    assert_eq!(run.parts.len(), 2, "{run:?}");
    assert_eq!(harness.vendor.log().len(), 2);
    assert!(run.reported.contains("no other was requested"), "{run:?}");
    // A right that is missing for some streams stops no other.
    harness
        .vendor
        .respond_with(move |request| match request.list() {
            "one" | "three" => Reply::status(403),
            _ => good(request),
        });
    let run = harness.sync();
    assert_eq!(run.parts["two"].outcome, "ok", "{run:?}");
    assert_eq!(run.parts["four"].outcome, "ok", "{run:?}");
}

/// A5: a revoked key: 403 for all 168 lists of one stream.
#[test]
fn a5_a_revoked_key_costs_few_requests() {
    let items: Vec<String> = (0..168).map(|n| format!("{{ list = \"l{n}\" }}")).collect();
    let streams = format!(
        "[streams.lists]\npath = \"/lists/{{list}}\"\nrows = \"rows\"\nkey = [\"list\", \"id\"]\nfor_each = {{ list = [{}] }}\n\
         removed = {{ absence = true }}\n[streams.lists.columns]\nlist = \"= {{list}} : text\"\nid = \"id : text\"\n",
        items.join(", ")
    );
    let mut harness = Harness::new(&Config::of(&streams));
    let good = |_: &VendorRequest| Reply::json(&json!({"rows": [{"id": "x"}]}));
    harness.vendor.respond_with(good);
    assert_eq!(harness.sync().parts["lists"].new, 168);
    harness
        .vendor
        .respond_with(|_| Reply::raw(403, "{\"error\":\"key_revoked\"}"));
    let run = harness.sync();
    assert!(run.outcome.starts_with("failed"), "{run:?}");
    assert!(run.reported.contains("key_revoked"), "{run:?}");
    assert!(!run.reported.contains("is accepted"), "{run:?}");
    let requests = harness.vendor.log().len();
    assert!(requests <= 12, "{requests}");
    // One list of them is another matter.
    harness
        .vendor
        .respond_with(move |request| match request.list() {
            "l7" => Reply::status(403),
            _ => good(request),
        });
    let run = harness.sync();
    assert!(run.reported.contains("l7"), "{run:?}");
    assert_eq!(harness.vendor.log().len(), 168);
}
