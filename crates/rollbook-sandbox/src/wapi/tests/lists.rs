//! Lists over real sockets: every row once, the right rows, edits between pages.

use std::collections::BTreeSet;

use super::{rows, signed_in, walk, with};
use crate::Change;
use crate::wapi::Switches;
use crate::wapi::{WAC, WOC};

#[tokio::test]
async fn every_described_row_is_served_once() {
    let harness = signed_in(with(Switches::default())).await;
    let described = harness.sandbox.describe().vendors["wapi"].clone();
    let account = format!("/{WAC}");
    for (stream, path, paged) in [
        ("organizations", "/Organization/My".to_owned(), false),
        ("business_accounts", "/BusinessAccount".to_owned(), false),
        (
            "infrastructures",
            format!("{account}/Infrastructure"),
            false,
        ),
        ("ltus", format!("{account}/LTU"), true),
        ("fluxes", format!("{account}/Flux"), true),
        ("datas", "/json/reply/GetDatas".to_owned(), true),
        ("reflections", format!("{account}/Reflection"), true),
        ("reflection_states", "/ReflectionState".to_owned(), false),
        ("wevents", format!("{account}/WEvent"), true),
        ("wevents", format!("/Organization/{WOC}/WEvent"), true),
        ("wevent_categories", "/WEventCategory".to_owned(), false),
        ("wevent_types", "/WEventType".to_owned(), false),
        ("wum_unit_items", "/WUM/UnitItem".to_owned(), false),
        ("wum_units", "/WUM/Unit".to_owned(), false),
        ("wum_unit_families", "/WUM/UnitFamily".to_owned(), false),
        ("wum_unit_categories", "/WUM/UnitCategory".to_owned(), false),
        ("wum_functions", "/WUM/Function".to_owned(), false),
        ("wum_materials", "/WUM/Material".to_owned(), false),
        ("wum_types", "/json/reply/GetWUMTypes".to_owned(), false),
        ("ltu_files", format!("{account}/FileLTU"), true),
        (
            "command_groups",
            format!("{account}/Reflection/CommandGroup"),
            true,
        ),
        (
            "reflection_templates",
            format!("{account}/ReflectionTemplate"),
            false,
        ),
        (
            "extended_properties",
            format!("{account}/LTU/ExtendProperty"),
            false,
        ),
        ("countries", "/Country".to_owned(), false),
        ("cultures", "/json/reply/GetCultures".to_owned(), false),
    ] {
        let found = if paged {
            walk(&harness, &path, 7).await
        } else {
            rows(&harness.get(&path).await)
        };
        let ids: BTreeSet<i64> = found
            .iter()
            .map(|row| row["id"].as_i64().unwrap())
            .collect();
        assert_eq!(
            (found.len(), ids.len()),
            (described[stream] as usize, described[stream] as usize),
            "{path}"
        );
        assert!(!ids.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn every_record_of_every_reflection_is_served() {
    let harness = signed_in(with(Switches::default())).await;
    let mut records = 0;
    for reflection in rows(&harness.get(&format!("/{WAC}/Reflection")).await) {
        let id = reflection["id"].as_i64().unwrap();
        let found = walk(&harness, &format!("/{WAC}/Reflection/{id}/Data"), 11).await;
        assert_eq!(reflection["datasCount"], found.len(), "{id}");
        records += found.len() as u64;
    }
    assert_eq!(
        harness.sandbox.describe().vendors["wapi"]["reflection_datas"],
        records
    );
}

#[tokio::test]
async fn errors_have_their_codes() {
    let harness = signed_in(with(Switches {
        max_points: 100,
        ..Switches::default()
    }))
    .await;
    for (path, status, code) in [
        (format!("/{WAC}/Flux/1"), 404, "NotExist"),
        (format!("/{WAC}/Flux/1/Data"), 404, "NotExist"),
        (
            format!("/{WAC}/Point/9001,1?From=2026-03-02T00:00:00Z"),
            404,
            "NotExist",
        ),
        (format!("/{WAC}/Flux/x"), 400, "ArgumentException"),
        (
            format!("/{WAC}/Point/9001?From=yesterday"),
            400,
            "ArgumentException",
        ),
        (
            format!("/{WAC}/Point/9001?From=2026-03-01T00:00:00Z"),
            400,
            "TooManyRequested",
        ),
        (
            format!("/{WAC}/PointGroup/Split/9001?Split=2001"),
            400,
            "TooManyRequested",
        ),
        ("/WAC999/Flux".to_owned(), 403, "Forbidden"),
        (format!("/{WAC}/Pump"), 404, "NotFound"),
    ] {
        let reply = harness.get(&path).await;
        assert_eq!(
            (
                reply.status,
                reply.json()["responseStatus"]["errorCode"]
                    .as_str()
                    .unwrap()
            ),
            (status, code),
            "{path}"
        );
    }
}

#[tokio::test]
async fn every_format_encodes_the_same_record() {
    let harness = signed_in(with(Switches::default())).await;
    let zone = |suffix: &str| format!("/{WAC}/{suffix}");
    for (path, accept, media, wanted) in [
        (
            zone("Flux/2188"),
            "*/*",
            "application/json",
            "{\"wType\":\"Flux\",\"parentFluxID\":2107,\"level\":\"Ventilated\",\"classID\":0,",
        ),
        (
            zone("Flux/2107.xml"),
            "application/json",
            "application/xml",
            "<ID>2107</ID><Name>Boiler house log</Name><Picture i:nil=\"true\"/><Description>",
        ),
        (
            zone("Data/9001?format=jsv"),
            "application/json",
            "text/jsv",
            "wum:{wType:WUM,wumUnitItemID:58",
        ),
        (
            zone("Data/9001"),
            "text/csv",
            "text/csv",
            "WUMUnitItemID,WUMFunctionID,WUMMaterialID,WUMTypeID\r\n58,4,2,1\r\n",
        ),
        (
            "/csv/reply/GetInfrastructures".to_owned(),
            "*/*",
            "text/csv",
            "31,,GYM,2021-08-01,2024-02-01,33,,Gymnasium",
        ),
        (
            zone("Point/9031.xml"),
            "*/*",
            "application/xml",
            "<ArrayOfEntity",
        ),
    ] {
        let request = harness
            .client
            .get(harness.url(&path))
            .bearer_auth(&harness.token)
            .header("accept", accept);
        let reply = harness.send(request).await.unwrap();
        assert_eq!(reply.header("content-type"), media, "{path}");
        assert!(
            reply.body.contains(wanted),
            "{path}: no {wanted} in {}",
            reply.body
        );
    }
}

#[tokio::test]
async fn edits_between_pages_are_permanent() {
    let harness = signed_in(with(Switches::default())).await;
    let edits = &harness.sandbox.control("wapi").unwrap().edits;
    edits.after_page("ltus", 1, Change::Delete(0));
    assert_eq!(walk(&harness, &format!("/{WAC}/LTU"), 1).await.len(), 2);
    assert_eq!(harness.sandbox.describe().vendors["wapi"]["ltus"], 2);
}
