//! The knobs of wapi.md 10, and the assumptions of wapi.md 12 that are visible on the wire.

use super::expect::Expected::{Except, Fails, Noted, Same};
use super::expect::{Quirk, Table, check, quirk};
use super::harness::{ClockKind, Pairs};

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
        quirk(&[("separator", ";")], Same),
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
