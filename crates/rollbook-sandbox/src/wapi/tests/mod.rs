//! WAPI over real sockets: helpers of its tests.

mod lists;
mod points;
mod quirks;
mod tokens;

use serde_json::Value;

use super::Switches;
use crate::Options;
use crate::testing::{Harness, Reply};

const CLIENT: [(&str, &str); 2] = [
    ("client_id", "rollbook"),
    ("client_secret", "wapi-client-secret-of-the-sandbox"),
];

const PASSWORD: [(&str, &str); 3] = [
    ("grant_type", "password"),
    ("username", "mirror"),
    ("password", "wapi-password-of-the-sandbox"),
];

fn with(wapi: Switches) -> Options {
    Options {
        students: 20,
        wapi,
        ..Options::default()
    }
}

async fn token(harness: &Harness, form: &[(&str, &str)]) -> Reply {
    harness
        .post("/OAuth/token", &[&CLIENT, form].concat())
        .await
}

async fn signed_in(options: Options) -> Harness {
    let mut harness = Harness::start("wapi", options).await;
    harness.token = text(&token(&harness, &PASSWORD).await, "access_token");
    harness
}

fn text(reply: &Reply, member: &str) -> String {
    reply.json()[member].as_str().unwrap_or_default().to_owned()
}

/// Rows of a container or a bare array.
fn rows(reply: &Reply) -> Vec<Value> {
    assert_eq!(reply.status, 200, "{}", reply.body);
    match reply.json() {
        Value::Array(rows) => rows,
        Value::Object(members) => members
            .into_iter()
            .find_map(|(_, value)| value.as_array().cloned())
            .unwrap(),
        _ => panic!("no rows"),
    }
}

async fn walk(harness: &Harness, path: &str, take: usize) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let page = rows(
            &harness
                .get(&format!("{path}?skip={}&TAKE={take}", all.len()))
                .await,
        );
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}
