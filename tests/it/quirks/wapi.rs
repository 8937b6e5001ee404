//! The knobs of wapi.md 10, and the assumptions of wapi.md 12 that are visible on the wire.

use std::collections::BTreeSet;

use rollbook_engine::sync::Outcome;
use tempfile::TempDir;

use super::expect::Expected::{Except, Fails, Noted, Same};
use super::expect::{Quirk, Table, check, quirk};
use super::harness::{Checked, ClockKind, ComboLists, Content, Harness, Pairs};

/// The latest points suffice for quirks that do not concern old ones.
const RECENT: Pairs = &[("points_since", "2026-02-28T00:00:00Z")];

#[tokio::test(flavor = "multi_thread")]
async fn every_knob_of_wapi() {
    check(Table {
        vendor: "wapi",
        settings: RECENT,
        switches: &[],
        clock_kind: ClockKind::School,
        quirks: knobs(),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_points_of_wapi() {
    check(Table {
        vendor: "wapi",
        settings: &[],
        switches: &[],
        clock_kind: ClockKind::School,
        quirks: old_points(),
    })
    .await;
}

fn knobs() -> Vec<Quirk> {
    vec![
        quirk(&[("token_requests", "20")], Same),
        quirk(&[("bad_token", "400"), ("token_requests", "20")], Same),
        quirk(&[("bad_token", "403"), ("token_requests", "20")], Same),
        quirk(&[("auth.rotation", "keep"), ("token_requests", "20")], Same),
        quirk(
            &[("auth.rotation", "detect_reuse"), ("token_requests", "20")],
            Same,
        ),
        quirk(
            &[("auth.refresh_lost", "1"), ("token_requests", "20")],
            Same,
        ),
        quirk(&[("auth.refresh_seconds", "1")], Same),
        quirk(&[("client_refresh", "true")], Same),
        quirk(
            &[("password_grant", "unauthorized")],
            Fails("unauthorized_client"),
        ),
        quirk(&[("container", "array")], Same),
        quirk(&[("container", "odd_names")], Same),
        quirk(&[("default_take", "3")], Same),
        quirk(&[("point_keys", "tv")], Same),
        quirk(&[("point_keys", "long")], Same),
        quirk(&[("point_id_key", "d")], Same),
        quirk(&[("point_id_key", "DataID")], Same),
        quirk(
            &[("separator", ";")],
            Noted("each item is requested by itself", &[]),
        ),
        quirk(&[("bounds", "from_exclusive")], Same),
        quirk(&[("bounds", "to_exclusive")], Same),
        quirk(&[("bounds", "exclusive")], Same),
        quirk(&[("error_body", "wca"), ("max_points", "100")], Same),
        // The error code is in a text for people only, so a status for passing faults decides.
        quirk(
            &[("error_body", "html"), ("max_points", "100")],
            Fails("returned 400"),
        ),
        quirk(
            &[
                ("error_body", "html"),
                ("max_points", "100"),
                ("too_many", "500"),
            ],
            Same,
        ),
        quirk(
            &[("error_body", "ResponseStatus"), ("max_points", "100")],
            Same,
        ),
        quirk(&[("max_points", "100")], Same),
        quirk(&[("max_points", "100"), ("too_many", "500")], Same),
        quirk(&[("max_points", "100"), ("too_many", "413")], Same),
        quirk(&[("max_points", "3")], Fails("TooManyRequested")),
        quirk(&[("max_events", "10")], Same),
        quirk(&[("routes", "reply_only")], Same),
        quirk(
            &[("several", "untold")],
            Noted("each item is requested by itself", &[]),
        ),
        quirk(
            &[("several", "first")],
            Noted("each item is requested by itself", &[]),
        ),
        quirk(
            &[("several", "refused")],
            Noted("each item is requested by itself", &[]),
        ),
        quirk(&[("points_route", "data_point")], Same),
        quirk(&[("short_lists", "false")], Except(&["fluxes"])),
        quirk(&[("dates", "seven_digits")], Same),
        quirk(&[("dates", "no_zone")], Same),
        quirk(&[("dates", "framework")], Same),
        quirk(&[("unset_dates", "null")], Same),
        quirk(&[("gmt_offset", "minutes")], Except(&["ltus.gmt_offset"])),
        quirk(&[("period", "clock")], Except(&["fluxes.period"])),
        quirk(&[("period", "seconds")], Except(&["fluxes.period"])),
        quirk(&[("late_batch", "false")], Except(&["points"])),
        quirk(&[("future_point", "true")], Except(&["points"])),
        quirk(&[("duplicate_point", "true")], Same),
        quirk(
            &[("substitution", "pending")],
            Except(&["ltus.wid_substitution"]),
        ),
        quirk(&[("substitution", "done")], Except(&["ltus.wid"])),
        quirk(&[("renames", "false")], Except(&["ltus.name"])),
        quirk(&[("flux_state", "obsolete")], Except(&["fluxes.status"])),
    ]
}

fn old_points() -> Vec<Quirk> {
    vec![
        // A cell without a value, and no reason to reject a point.
        quirk(
            &[("nan", "true")],
            Noted("`v`: NaN or Infinity was stored as null", &["points.v"]),
        ),
        quirk(&[("corrected", "1")], Except(&["points"])),
        quirk(
            &[("back_dated", "1")],
            Except(&["points", "datas", "fluxes"]),
        ),
    ]
}

fn ids(content: &Content, stream: &str) -> BTreeSet<String> {
    let rows = content[stream].iter();
    rows.map(|row| row.get("id").to_owned()).collect()
}

/// Both lists of events are the same, and a run where nothing moved asks for lists only.
#[tokio::test(flavor = "multi_thread")]
async fn every_stream_of_wapi_is_read_and_costs_little() {
    let checked = Checked::load("wapi", RECENT, &[], ClockKind::School, ComboLists::Few);
    let folder = TempDir::new().expect("a folder");
    let harness = Harness::open(&checked, folder.path(), &[]).await;
    harness.run(false).await;
    let first = harness.content();
    assert_eq!(ids(&first, "organization_wevents"), ids(&first, "wevents"));
    let counters = &harness
        .sandbox
        .control("wapi")
        .expect("its control")
        .counters;
    let before = counters.requests();
    let reports = harness.run(false).await;
    let after = counters.requests();
    let changed = reports.iter().flat_map(|run| &run.streams);
    let changed: Vec<String> = changed
        .filter(|part| part.record.new + part.record.changed + part.record.removed > 0)
        .map(|part| part.record.stream.to_string())
        .collect();
    assert_eq!(changed, Vec::<String>::new(), "nothing moved");
    let asked = |part: &str| {
        let of = |counts: &std::collections::BTreeMap<String, u64>| -> u64 {
            let found = counts.iter().filter(|(path, _)| path.contains(part));
            found.map(|(_, count)| count).sum()
        };
        of(&after) - of(&before)
    };
    for part in ["/Point/", "/Data", "/CommandGroup/"] {
        assert_eq!(asked(part), 0, "{part}");
    }
    harness.close().await;
}

/// The setting makes an installation answer in JSON that ignores `Accept`; without it every list fails and says so.
#[tokio::test(flavor = "multi_thread")]
async fn the_format_can_be_asked_for_by_a_parameter() {
    let forced: Pairs = &[
        ("points_since", "2026-03-01T00:00:00Z"),
        ("force_format_param", "json"),
    ];
    for (settings, is_read) in [(RECENT, false), (forced, true)] {
        let checked = Checked::load("wapi", settings, &[], ClockKind::School, ComboLists::Few);
        let folder = TempDir::new().expect("a folder");
        let switches = &[("xml_unless_named", "true"), ("places", "false")];
        let harness = Harness::open(&checked, folder.path(), switches).await;
        let reports = harness.run(false).await;
        let parts = reports.iter().flat_map(|run| &run.streams);
        for part in parts.map(|part| &part.record) {
            let is_place = ["countries", "cultures"].contains(&part.stream.as_str());
            let expected = match (is_place, is_read) {
                (true, _) => part.outcome == Outcome::NotServed,
                (false, true) => part.outcome == Outcome::Ok,
                (false, false) => part.outcome != Outcome::Ok,
            };
            // Without the rows that they are read for there is nothing to request.
            let nothing = part.rows_read == 0 && !is_read;
            assert!(expected || nothing, "{} {:?}", part.stream, part.outcome);
        }
        harness.close().await;
    }
}
