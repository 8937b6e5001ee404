//! One row for every switch: its effect on the wire.

use std::fmt::Write as _;
use std::time::Duration;

use super::{CLIENT, PASSWORD, signed_in, text, token, with};
use crate::switches;
use crate::testing::{Harness, Reply, assert_effects};
use crate::wapi::Switches;
use crate::wapi::WAC;

async fn transcript(wapi: Switches) -> String {
    let mut harness = Harness::start("wapi", with(wapi)).await;
    let mut text_of_all = String::new();
    let mut note = |label: &str, reply: &Reply| {
        writeln!(text_of_all, "{label} {} {}", reply.status, reply.body).unwrap()
    };
    let password = token(&harness, &PASSWORD).await;
    let client = token(&harness, &[("grant_type", "client_credentials")]).await;
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
    harness
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
        match harness
            .send(harness.client.post(harness.url("/OAuth/token")).form(&form))
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
    harness.token = if client.status == 200 {
        text(&client, "access_token")
    } else {
        String::new()
    };
    note("unknown", &harness.get("/BusinessAccount").await);
    harness.token = "old".to_owned();
    note("old", &harness.get("/BusinessAccount").await);
    harness.token = if password.status == 200 {
        text(&password, "access_token")
    } else {
        harness.token
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
        ("countries", "/Country".to_owned()),
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
        note(label, &harness.get(&path).await);
    }
    harness.sandbox.advance().unwrap();
    note(
        "next.first",
        &harness.get(&format!("/{WAC}/Data/9002")).await,
    );
    note(
        "next.points",
        &harness
            .get(&format!(
                "/{WAC}/Point/9001?From=2026-01-31T06:00:00Z&To=2026-01-31T06:00:00Z"
            ))
            .await,
    );
    note("next.ltus", &harness.get(&format!("/{WAC}/LTU")).await);
    harness.sandbox.stop().await;
    text_of_all
}

/// Rows for [`assert_effects`].
const ROWS: &[(&str, &str, &str)] = &[
    ("token_seconds", "60", "\"expires_in\":60"),
    ("token_requests", "1", "fluxs 401"),
    (
        "client_refresh",
        "true",
        "client 200 {\"access_token\":\"HIDDEN\",\"expires_in\":3600,\"refresh_token\"",
    ),
    ("auth.rotation", "keep", "refresh.2 200"),
    ("auth.rotation", "detect_reuse", "after 401"),
    ("auth.refresh_seconds", "50", "refresh.1 400"),
    ("auth.refresh_lost", "1", "refresh.1 0 lost"),
    ("password_grant", "unauthorized", "unauthorized_client"),
    ("bad_token", "403", "old 403"),
    ("no_user", "401", "unknown 401"),
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
    ("flux_state", "obsolete", "Obsolete"),
    ("flux_state", "deleted", "flux.2 404"),
    ("places", "false", "countries 404"),
    ("xml_unless_named", "true", "fluxs 200 <"),
    ("several", "untold", ""),
    ("several", "first", ""),
    ("several", "refused", ""),
];

#[tokio::test]
async fn every_switch_has_an_effect() {
    assert_effects(ROWS, transcript).await;
}

#[test]
fn every_switch_has_a_row() {
    let all = switches::names(&Switches::default());
    for name in all.iter().filter(|name| !name.starts_with("auth.")) {
        assert!(
            name == "too_many" || ROWS.iter().any(|(row, _, _)| *row == name),
            "{name}"
        );
    }
}

#[tokio::test]
async fn the_status_of_too_many_is_a_switch() {
    let harness = signed_in(with(Switches {
        max_points: 2,
        too_many: 500,
        ..Switches::default()
    }))
    .await;
    assert_eq!(
        harness
            .get(&format!("/{WAC}/Point/9001?From=2026-03-02T00:00:00Z"))
            .await
            .status,
        500
    );
}
