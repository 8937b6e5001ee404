//! Every column of the streams in the tables has a value from the simulated vendor in some row.

use std::collections::BTreeSet;

use super::tables::{ONEROSTER, ONEROSTER_1_2, WAPI, WEBUNTIS, WISENET};
use super::{Case, Mirrored, sandbox};
use crate::queries;

/// Columns of these streams that are null in every row, as stream and column.
fn without_value(
    mirrored: &Mirrored<'_>,
    streams: &[&'static str],
) -> BTreeSet<(&'static str, String)> {
    // One connection: each has to read the mirror's schema.
    let mirror = queries::open(&mirrored.installation.mirror());
    let of_stream = |stream: &&'static str| {
        let stream = *stream;
        let is_empty = |column: &String| {
            let sql = format!("SELECT count(\"{column}\") FROM own_{stream}");
            let values = mirror.query_row(&sql, [], |row| row.get::<_, u64>(0));
            values.expect("counted") == 0
        };
        let columns = mirrored.columns(stream).into_iter().filter(is_empty);
        columns.map(|column| (stream, column)).collect::<Vec<_>>()
    };
    streams.iter().flat_map(of_stream).collect()
}

/// Every column needs a value, or a value with one of the further sets of switches, for which only these streams are read.
async fn check(case: &'static Case, further: &[(&[&str], &[&'static str])]) {
    let all: Vec<&str> = case.streams.iter().map(|row| row.stream).collect();
    let vendor = sandbox(case.switches).await;
    let mirrored = Mirrored::new(case, &vendor);
    mirrored.sync(&[], "every stream");
    let mut missing = without_value(&mirrored, &all);
    vendor.stop().await;
    for (switches, streams) in further {
        let vendor = sandbox(&[case.switches, switches].concat()).await;
        let mirrored = Mirrored::new(case, &vendor);
        for stream in *streams {
            mirrored.sync(&["all", "--stream", stream], stream);
        }
        let here = without_value(&mirrored, streams);
        missing.retain(|column| !streams.contains(&column.0) || here.contains(column));
        vendor.stop().await;
    }
    assert!(
        missing.is_empty(),
        "{}: no value: {missing:#?}",
        case.connector
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_column_of_wisenet() {
    // A learner has columns of the college's country.
    const LEARNERS: &[&str] = &["learners", "learner_personals"];
    check(
        &WISENET,
        &[
            (&["wisenet.region=NZ"], LEARNERS),
            (&["wisenet.region=SG"], LEARNERS),
            (&["wisenet.region=SA"], LEARNERS),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_column_of_wapi() {
    check(
        &WAPI,
        &[
            // A list may have a short form, and an LTU's number is replaced with its hardware.
            (&["wapi.short_lists=false"], &["fluxes"]),
            (&["wapi.substitution=pending"], &["ltus", "ltu_details"]),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_column_of_oneroster() {
    check(&ONEROSTER, &[]).await;
    check(&ONEROSTER_1_2, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_column_of_webuntis() {
    // What the standard allows, and no page of Untis shows.
    const OPTIONAL: &[&str] = &["webuntis.optional_members=true"];
    let all = ["academic_sessions", "orgs", "users", "classes"];
    check(&WEBUNTIS, &[(OPTIONAL, &all)]).await;
}
