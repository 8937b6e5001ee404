//! WebUntis over real sockets: what all its tests lean on.

mod lists;
mod quirks;
mod tokens;

use std::collections::BTreeSet;

use serde_json::Value;

use super::Switches;
use crate::Options;
use crate::testing::{Bench, Reply};

const TOKEN: &str = "/WebUntis/api/sso/v3/4711/token";

const BASE: &str = "/ims/oneroster/v1p1";

fn small(students: u64, webuntis: Switches) -> Options {
    Options {
        students,
        webuntis,
        ..Options::default()
    }
}

async fn ask_token(bench: &Bench, path: &str, password: &str) -> Reply {
    let request = bench
        .client
        .post(bench.url(path))
        .basic_auth("rollbook", Some(password));
    bench
        .send(request.form(&[("grant_type", "client_credentials")]))
        .await
        .unwrap()
}

async fn signed_in(options: Options) -> Bench {
    let mut bench = Bench::start("webuntis", options).await;
    let reply = ask_token(&bench, TOKEN, &bench.endpoint.secrets["webuntis_password"]).await;
    bench.token = reply.json()["access_token"].as_str().unwrap().to_owned();
    bench
}

async fn standard(options: Options) -> Bench {
    let mut bench = Bench::start("oneroster", options).await;
    let secret = bench.endpoint.secrets["oneroster_client_secret"].clone();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "rollbook"),
        ("client_secret", &secret),
    ];
    bench.token = bench.post("/standard/token", &form).await.json()["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    bench
}

/// Every row of a list, page by page until an empty one.
async fn walk(bench: &Bench, list: &str, limit: usize) -> Vec<Value> {
    let mut rows: Vec<Value> = Vec::new();
    loop {
        let reply = bench
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
