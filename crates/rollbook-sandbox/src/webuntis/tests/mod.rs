//! WebUntis over real sockets: helpers of its tests.

mod lists;
mod quirks;
mod tokens;

use std::collections::BTreeSet;

use serde_json::Value;

use super::Switches;
use crate::Options;
use crate::testing::{Harness, Reply};

const TOKEN: &str = "/WebUntis/api/sso/v3/4711/token";

const BASE: &str = "/ims/oneroster/v1p1";

fn small(students: u64, webuntis: Switches) -> Options {
    Options {
        students,
        webuntis,
        ..Options::default()
    }
}

async fn request_token(harness: &Harness, path: &str, password: &str) -> Reply {
    let request = harness
        .client
        .post(harness.url(path))
        .basic_auth("rollbook", Some(password));
    harness
        .send(request.form(&[("grant_type", "client_credentials")]))
        .await
        .unwrap()
}

async fn signed_in(options: Options) -> Harness {
    let mut harness = Harness::start("webuntis", options).await;
    let reply = request_token(
        &harness,
        TOKEN,
        &harness.endpoint.secrets["webuntis_password"],
    )
    .await;
    harness.token = reply.json()["access_token"].as_str().unwrap().to_owned();
    harness
}

async fn standard(options: Options) -> Harness {
    standard_of("oneroster", options).await
}

async fn standard_of(vendor: &str, options: Options) -> Harness {
    let mut harness = Harness::start(vendor, options).await;
    let secret = harness.endpoint.secrets[&format!("{vendor}_client_secret")].clone();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "rollbook"),
        ("client_secret", &secret),
    ];
    harness.token = harness.post("/standard/token", &form).await.json()["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    harness
}

/// Every row of a list, page by page until an empty one.
async fn walk(harness: &Harness, list: &str, limit: usize) -> Vec<Value> {
    let mut rows: Vec<Value> = Vec::new();
    loop {
        let reply = harness
            .get(&format!(
                "{list}?limit={limit}&offset={}&sort=sourcedId",
                rows.len()
            ))
            .await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let Value::Object(mut body) = reply.json() else {
            panic!("no object")
        };
        let page = body.values_mut().next().unwrap().as_array_mut().unwrap();
        if page.is_empty() {
            return rows;
        }
        rows.append(page);
    }
}

fn ids(rows: &[Value]) -> BTreeSet<String> {
    rows.iter()
        .map(|row| row["sourcedId"].as_str().unwrap().to_owned())
        .collect()
}
