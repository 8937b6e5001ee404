//! Tests of the simulated Wisenet: a harness that calls it without sockets, and one row of data per rule.

mod churn;
mod contract;
mod lists;
mod side;
mod switches;
mod tokens;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use serde_json::Value;

use super::{Switches, Wisenet};
use crate::control::Control;
use crate::faults::Faults;
use crate::school::School;
use crate::shared::Shared;

/// A small Wisenet and an access token for it.
struct Harness {
    wisenet: Arc<Wisenet>,
    shared: Arc<Shared>,
    bearer: String,
    key: String,
}

struct Reply {
    status: u16,
    headers: axum::http::HeaderMap,
    text: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {}", self.text))
    }

    fn rows(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json().as_array().cloned().unwrap_or_default()
    }
}

impl Harness {
    /// A school of this size on a day, with switches.
    async fn new(students: u64, day: u64, switches: &[(&str, &str)]) -> Self {
        let shared = Arc::new(Shared::new(
            School { seed: 11, students },
            day,
            BTreeMap::new(),
        ));
        let mut harness = Self::unsigned(shared, switches);
        let secret = harness.wisenet.secrets()["wisenet_refresh_token"].clone();
        let response = harness.refresh(&secret).await.json();
        harness.bearer = response["access_token"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        harness
    }

    /// The same without a token.
    fn unsigned(shared: Arc<Shared>, switches: &[(&str, &str)]) -> Self {
        let mut set = Switches::default();
        for (name, value) in switches {
            set.set(name, value).expect("a known switch");
        }
        let control = Control::new("wisenet", &shared, Faults::default());
        let wisenet = Wisenet::new(Arc::clone(&shared), set, control);
        let key = wisenet.secrets()["wisenet_api_key"].clone();
        Self {
            wisenet,
            shared,
            bearer: String::new(),
            key,
        }
    }

    async fn get(&self, path: &str) -> Reply {
        let request = Request::get(format!("/v1/{path}"))
            .header("Authorization", format!("Bearer {}", self.bearer))
            .header("X-Api-Key", &self.key);
        self.send(request.body(Body::empty()).expect("a request"))
            .await
    }

    /// The current refresh token.
    fn current(&self) -> String {
        let tokens = self.wisenet.control().authorization.refresh_tokens();
        tokens.first().cloned().expect("a current grant")
    }

    async fn refresh(&self, token: &str) -> Reply {
        let secret = &self.wisenet.secrets()["wisenet_client_secret"];
        let token = token.replace('!', "%21");
        self.form(&format!(
            "grant_type=refresh_token&refresh_token={token}&client_id=rollbook&client_secret={secret}"
        ))
        .await
    }

    async fn form(&self, body: &str) -> Reply {
        let request = Request::post("/api/oauth/token")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(Body::from(body.to_owned()));
        self.send(request.expect("a request")).await
    }

    async fn send(&self, request: Request<Body>) -> Reply {
        let (parts, body) = self.wisenet.handle(request).await.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX)
            .await
            .expect("a body");
        let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
        Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text,
        }
    }

    /// A whole list, read by skip and take.
    async fn walk(&self, path: &str, take: usize) -> Vec<Value> {
        let mut rows = Vec::new();
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let page = self
                .get(&format!("{path}{joint}skip={}&take={take}", rows.len()))
                .await
                .rows();
            let short = page.len() < take;
            rows.extend(page);
            if short {
                return rows;
            }
        }
    }
}

/// The integer at a name in `Data`.
fn id(row: &Value, name: &str) -> u64 {
    row["Data"][name]
        .as_u64()
        .unwrap_or_else(|| panic!("no {name} in {row}"))
}
