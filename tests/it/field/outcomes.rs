//! L15, T10 and the outcomes of runs: approvals, `why`, exit codes, `not_served`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::harness::{Config, Harness, each, id, people, person, persons};
use super::server::{Pages, Reply, Shared, Style, VendorRequest, pages};

const CHANGES: &str = "name = \"name : text\"\nchanged = \"changed : timestamp\"\n";

/// A stream that is read by its changes.
fn changes(style: Pages, default: bool, job: &str) -> Config {
    let since = format!(
        "since = {{ column = \"changed\", query = {{ since = \"{{since}}\" }}, overlap = \"1s\", default = {default}, full_every = \"30d\" }}"
    );
    Config::of(&people(&style.toml(), &since, CHANGES)).job(job)
}

fn stamped(number: usize) -> Value {
    json!({"id": id(number), "name": "N", "changed": "2026-03-01T01:00:00Z"})
}

fn changed_since(style: Pages, request: &VendorRequest, list: &Shared) -> Reply {
    let since = request.query.get("since").cloned().unwrap_or_default();
    let rows: Vec<Value> = list
        .rows()
        .into_iter()
        .filter(|row| row["changed"].as_str().unwrap_or_default() >= since.as_str())
        .collect();
    style.page(request, &rows)
}

/// L15: an approval of a held full reading, of a stream that is read by its changes, reads it in full.
#[test]
fn l15_an_approved_run_reads_held_streams_in_full() {
    let one = pages(Style::None, 0);
    let cases = [
        ("by the connector", changes(one, true, ""), one),
        (
            "by the job",
            changes(one, false, "[stream.people]\nmode = \"incremental\"\n"),
            one,
        ),
        (
            "in pages",
            changes(pages(Style::Offset, 15), true, "[guard]\nconfirm = 1\n"),
            pages(Style::Offset, 15),
        ),
        (
            "together",
            changes(one, true, "apply = \"together\"\n"),
            one,
        ),
    ];
    each(
        &cases,
        |(name, ..)| (*name).to_owned(),
        |(name, plan, style)| {
            let style = *style;
            let mut harness = Harness::new(plan);
            let list = Shared::of((0..40).map(stamped).collect());
            let ours = list.clone();
            harness
                .vendor
                .respond_with(move |request| changed_since(style, request, &ours));
            harness.sync().ended("ok", "first");
            list.edit(|rows| rows.truncate(20));
            harness.advance(Duration::from_secs(60));
            let held = harness
                .full()
                .ended("held", name)
                .reports(&["20", "40"], name);
            harness.advance(Duration::from_secs(60));
            let ran = harness.approve(&held).ended("ok", name);
            assert_eq!(
                (ran.people().reading.as_str(), ran.people().removed),
                ("full", 20),
                "{ran:?}"
            );
            assert_eq!(harness.ids().len(), 20);
            for _ in 0..2 {
                harness.advance(Duration::from_secs(60));
                harness.full().ended("ok", "the next full one is not held");
            }
            harness.advance(Duration::from_secs(60));
            assert_eq!(
                harness.sync().ended("ok", name).people().reading,
                "incremental"
            );
        },
    );
}

/// L15: only held streams are read in full; another difference is held again.
#[test]
fn l15_an_approval_is_for_the_held_difference() {
    let since = "since = { column = \"changed\", query = { since = \"{since}\" }, overlap = \"1s\", default = true, full_every = \"30d\" }";
    let stream =
        |name: &str| people("page = { by = \"none\" }", since, CHANGES).replace("people", name);
    let mut harness = Harness::new(&Config::of(&[stream("people"), stream("pupils")].concat()));
    let (style, list, other) = (
        pages(Style::None, 0),
        Shared::of((0..40).map(stamped).collect()),
        Shared::of((0..40).map(stamped).collect()),
    );
    let (ours, others) = (list.clone(), other.clone());
    harness
        .vendor
        .respond_with(move |request| match request.list() {
            "people" => changed_since(style, request, &ours),
            _ => changed_since(style, request, &others),
        });
    harness.sync().ended("ok", "first");
    list.edit(|rows| rows.truncate(20));
    harness.advance(Duration::from_secs(60));
    let held = harness.full().ended("held", "half of them");
    list.edit(|rows| rows.truncate(19));
    harness.advance(Duration::from_secs(60));
    let again = harness.approve(&held).ended("held", "one more");
    assert_eq!(again.part("pupils").reading, "incremental", "{again:?}");
    assert_eq!(harness.ids().len(), 40);
    harness.advance(Duration::from_secs(60));
    harness.approve(&again).ended("ok", "what was approved");
    assert_eq!(harness.ids().len(), 19);
}

/// T10: `why` of a rejected row, or of a row with a rejected cell, names column and reason.
#[test]
fn t10_why_of_a_rejected_row() {
    // Columns, the second response, the row of `why`, its output.
    let cases = [
        (
            "name = \"name : text required\"\n",
            json!({"name": null}),
            3,
            "name",
        ),
        (
            "name = \"name : text required\"\n",
            json!({"name": ["a"]}),
            3,
            "name",
        ),
        (
            "name = \"name : text\"\nday = \"day : date\"\n",
            json!({"name": "N", "day": "2025-02-30"}),
            3,
            "day",
        ),
        (
            "name = \"name : text required\"\n",
            json!({"name": null}),
            50,
            "name",
        ),
    ];
    let style = pages(Style::None, 0);
    each(
        &cases,
        |(columns, odd, number, _)| format!("{columns:?} {odd} {number}"),
        |(columns, odd, number, messages)| {
            let (mut harness, list) =
                Harness::of_list(style, &Config::people(&style.toml(), columns), persons(40));
            harness.sync().ended("ok", "first");
            let mut row = odd.clone();
            row["id"] = json!(id(*number));
            list.edit(|rows| match *number < rows.len() {
                true => rows[*number] = row,
                false => rows.push(row),
            });
            let ran = harness.sync().ended("ok_with_rejects", messages);
            let (_, reason, _) = ran.rejects.first().expect("a reject").clone();
            let why = harness.binary(&["why", "own.people", &id(*number)]);
            assert!(why.out.contains(messages), "{messages}: {why:?}");
            let first_words: String = reason.split(',').next().unwrap_or_default().to_owned();
            assert!(why.out.contains(&first_words), "{reason}: {why:?}");
            assert!(
                !why.out.contains("removed") && !why.out.contains("removed"),
                "{why:?}"
            );
            assert!(!why.out.contains("2025-02-30"), "never a value: {why:?}");
        },
    );
}

/// Outcomes and exit codes.
#[test]
fn outcomes_and_exit_codes() {
    type Second = fn(&VendorRequest) -> Reply;
    let good: Second = |_| Reply::json(&json!({"rows": persons(40)}));
    // Whether the stream is optional, whether it had rows, the response, outcome of stream and job, exit code.
    let cases: [(&str, bool, bool, Second, &str, &str, i32); 13] = [
        ("well", false, true, good, "ok", "ok", 0),
        ("optional and served", true, true, good, "ok", "ok", 0),
        (
            "an odd cell",
            false,
            true,
            |_| {
                let mut rows = persons(40);
                rows[3]["day"] = json!("soon");
                Reply::json(&json!({"rows": rows}))
            },
            "ok_with_rejects",
            "ok_with_rejects",
            0,
        ),
        (
            "too few",
            false,
            true,
            |_| Reply::json(&json!({"rows": persons(3)})),
            "held",
            "held",
            1,
        ),
        (
            "400",
            false,
            true,
            |_| Reply::status(400),
            "failed",
            "failed",
            1,
        ),
        (
            "404, not optional",
            false,
            false,
            |_| Reply::status(404),
            "failed",
            "failed",
            1,
        ),
        (
            "404, optional, never had rows",
            true,
            false,
            |_| Reply::status(404),
            "not_served",
            "not_served",
            0,
        ),
        (
            "403, optional, never had rows",
            true,
            false,
            |_| Reply::status(403),
            "not_served",
            "not_served",
            0,
        ),
        (
            "405, optional, never had rows",
            true,
            false,
            |_| Reply::status(405),
            "not_served",
            "not_served",
            0,
        ),
        (
            "404, optional, had rows",
            true,
            true,
            |_| Reply::status(404),
            "failed",
            "failed",
            1,
        ),
        (
            "403, optional, had rows",
            true,
            true,
            |_| Reply::status(403),
            "failed",
            "failed",
            1,
        ),
        (
            "405, optional, had rows",
            true,
            true,
            |_| Reply::status(405),
            "failed",
            "failed",
            1,
        ),
        (
            "400, optional, never had rows",
            true,
            false,
            |_| Reply::status(400),
            "failed",
            "failed",
            1,
        ),
    ];
    each(
        &cases,
        |(name, ..)| (*name).to_owned(),
        |(name, optional, had_rows, second, stream, job, code)| {
            // A sibling that is always ok, because a job with refusals only is another case.
            let mut plan = Config::of(&format!(
                "{}{}",
                people(
                    "page = { by = \"none\" }",
                    &format!("optional = {optional}"),
                    "name = \"name : text\"\nday = \"day : date\"\n"
                ),
                people("page = { by = \"none\" }", "", "name = \"name : text\"\n")
                    .replace("people", "schools")
            ));
            plan.jobs[0].1 = super::harness::reads(&["schools", "people"]);
            let mut harness = Harness::new(&plan);
            let always = |request: &VendorRequest| {
                (request.list() == "schools").then(|| Reply::json(&json!({"rows": persons(5)})))
            };
            harness
                .vendor
                .respond_with(move |request| always(request).unwrap_or_else(|| good(request)));
            if *had_rows {
                harness.sync().ended("ok", "first");
            }
            let second = *second;
            harness
                .vendor
                .respond_with(move |request| always(request).unwrap_or_else(|| second(request)));
            let ran = harness.sync();
            assert_eq!(ran.people().outcome, *stream, "{name}: {ran:?}");
            let jobs = if *job == "not_served" {
                &["ok", "not_served"][..]
            } else {
                std::slice::from_ref(job)
            };
            let ran = ran.ended_in(jobs, name).removed_none(name);
            assert_eq!(ran.part("schools").outcome, "ok");
            assert_eq!(harness.binary(&["sync"]).code, Some(*code), "{name}");
        },
    );
}

/// A2: some servers throttle with 403. A right that is missing names no end.
#[test]
fn a2_a_403_that_asks_to_wait_is_throttling() {
    let cases = [
        ("retry-after", true),
        ("x-retry-after", true),
        ("retry-after", false),
    ];
    each(
        &cases,
        |(header, optional)| format!("{header}, optional: {optional}"),
        |(header, optional)| {
            let plan = Config::of(&people(
                "page = { by = \"none\" }",
                &format!("optional = {optional}"),
                "name = \"name : text\"\nday = \"day : date\"\n",
            ));
            let mut harness = Harness::new(&plan);
            let (header, throttled) = ((*header).to_owned(), AtomicBool::new(true));
            harness
                .vendor
                .respond_with(move |_| match throttled.swap(false, Ordering::SeqCst) {
                    true => Reply::status(403).header(&header, "2"),
                    false => Reply::json(&json!({"rows": persons(40)})),
                });
            harness.sync().ended("ok", "throttled once");
            assert_eq!(harness.ids().len(), 40);
        },
    );
}

/// A job in which no stream could be read is failed, also when all its streams are optional.
#[test]
fn a_job_in_which_nothing_could_be_read_is_failed() {
    for status in [403, 404] {
        let stream = |name: &str| {
            people(
                "page = { by = \"none\" }",
                "optional = true",
                "name = \"name : text\"\n",
            )
            .replace("people", name)
        };
        let streams = ["people", "schools", "courses"];
        let mut harness = Harness::new(&Config::of(&streams.map(stream).concat()));
        harness.vendor.respond_with(move |_| Reply::status(status));
        harness.sync().ended("failed", status);
        assert_eq!(harness.binary(&["sync"]).code, Some(1), "{status}");
    }
}

/// The message of a run is in `sync`, `runs` and `status` alike.
#[test]
fn commands_report_an_incomplete_run() {
    let style = pages(Style::Offset, 10).with(super::server::Total::InBody);
    let mut harness = Harness::new(&Config::people(&style.toml(), "name = \"name : text\"\n"));
    harness
        .vendor
        .respond_with(move |request| style.page_of(request, &persons(50), 53));
    harness.sync().ended("incomplete", "cut");
    for command in [&["status"][..], &["runs"], &["sync"]] {
        let ran = harness.binary(command);
        assert!(ran.out.contains("incomplete"), "{command:?}: {ran:?}");
    }
    let held = Shared::of(persons(50));
    held.edit(|rows| rows.push(person(50)));
    harness
        .vendor
        .respond_with(move |request| style.page(request, &held.rows()));
    harness.sync().ended("ok", "whole again");
    assert!(!harness.binary(&["status"]).out.contains("incomplete"));
}

/// A stream with removals from another stream is not `ok` while that one fails: refused, cut, or invalid.
#[test]
fn without_its_deletion_feed_a_stream_is_not_ok() {
    let since = "since = { column = \"changed\", query = { since = \"{since}\" }, overlap = \"1s\", default = true, full_every = \"30d\" }\n\
        removed = { absence = true, feed = { stream = \"audit\", key = \"person\", where = { action = \"D\" } } }";
    let none = "page = { by = \"none\" }";
    let audit = people(
        none,
        "",
        "person = \"person : text\"\naction = \"action : text\"\n",
    )
    .replace("people", "audit")
    .replace("removed = { absence = true }", "");
    let fed = people(none, since, CHANGES).replacen("removed = { absence = true }", "", 1);
    let plan = Config::of(&[audit, fed].concat());
    let deleted = json!({"rows": [{"id": "A1", "person": id(7), "action": "D"}]});
    type Answer = fn() -> Reply;
    let bad: [(&str, Answer); 3] = [
        ("refused", || Reply::status(403)),
        ("an error", || Reply::status(500)),
        ("no rows in it", || Reply::json(&json!({"error": "later"}))),
    ];
    each(
        &bad,
        |(name, _)| (*name).to_owned(),
        |(name, answer)| {
            let mut harness = Harness::new(&plan);
            let list = Shared::of((0..40).map(stamped).collect());
            let ours = list.clone();
            harness
                .vendor
                .respond_with(move |request| match request.list() {
                    "audit" => Reply::json(&json!({"rows": []})),
                    _ => changed_since(pages(Style::None, 0), request, &ours),
                });
            harness.sync().ended("ok", "first");
            list.edit(|rows| drop(rows.remove(7)));
            let (ours, answer) = (list.clone(), *answer);
            harness
                .vendor
                .respond_with(move |request| match request.list() {
                    "audit" => answer(),
                    _ => changed_since(pages(Style::None, 0), request, &ours),
                });
            harness.advance(Duration::from_secs(60));
            let ran = harness.sync();
            assert_eq!(ran.people().reading, "incremental", "{ran:?}");
            assert_eq!(ran.people().outcome, "incomplete", "{name}: {ran:?}");
            assert!(ran.people().reported.contains("audit"), "{ran:?}");
            assert_eq!(harness.ids().len(), 40);
            let (ours, deleted) = (list.clone(), deleted.clone());
            harness
                .vendor
                .respond_with(move |request| match request.list() {
                    "audit" => Reply::json(&deleted),
                    _ => changed_since(pages(Style::None, 0), request, &ours),
                });
            harness.advance(Duration::from_secs(60));
            harness.sync().ended("ok", name);
            assert_eq!(harness.ids().len(), 39);
        },
    );
}
