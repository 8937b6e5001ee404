//! One row for every switch: its effect on the wire.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::rows::ROWS;
use super::{Changes, Setup, text};
use crate::authorization::Switches;
use crate::switches;
use crate::testing::Reply;

/// Signs in, refreshes, sends unusual requests, and records all responses, one per line.
async fn transcript(vendor: &str, switches: Changes<'_>) -> String {
    let setup = Setup::with(vendor, switches).await;
    let mut lines = String::new();
    let mut note = |label: &str, what: String| writeln!(lines, "{label} {what}").unwrap();
    let back = setup.open(&[]).await;
    let code = code_of(&back);
    note("back", seen(&setup, &back));
    note("odd", code.contains('+').to_string());
    let bare = [("code_challenge", ""), ("code_challenge_method", "")];
    note("bare", seen(&setup, &setup.open(&bare).await));
    let elsewhere = [("redirect_uri", "http://localhost/x")];
    note("location", setup.open(&elsewhere).await.status.to_string());
    setup.control().clock.advance(Duration::from_secs(30));

    let response = setup.exchange(&code, &[]).await;
    note("answer", seen(&setup, &response));
    let parsed = serde_json::from_str(&response.body).unwrap_or(Value::Null);
    note("id", id_token(&setup, &parsed["id_token"]));
    let refresh = parsed["refresh_token"]
        .as_str()
        .unwrap_or("none")
        .to_owned();
    setup.control().clock.advance(Duration::from_secs(30));
    let mut latest = refresh.clone();
    for label in ["refresh.1", "refresh.again", "refresh.2"] {
        let token = if label == "refresh.2" {
            &latest
        } else {
            &refresh
        };
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        match setup.try_request(&form).await {
            Ok(reply) => {
                note(label, seen(&setup, &reply));
                let next = serde_json::from_str::<Value>(&reply.body).ok();
                let next = next.and_then(|body| Some(body["refresh_token"].as_str()?.to_owned()));
                if label == "refresh.1" {
                    let kept = next.as_ref() == Some(&refresh);
                    note("kept", kept.to_string());
                }
                latest = next.unwrap_or(latest);
            }
            Err(_) => note(label, "lost".to_owned()),
        }
    }
    let access = parsed["access_token"].as_str().unwrap_or("none");
    note("reads", setup.reads(access).await.to_string());
    unusual(&setup, &mut note).await;
    lines
}

/// Requests by Basic, in JSON, for the metadata, and to revoke a token.
async fn unusual(setup: &Setup, note: &mut impl FnMut(&str, String)) {
    let client = &setup.harness.client;
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", "made-up"),
    ];
    let basic = client
        .post(&setup.login.token_url)
        .basic_auth(&setup.login.client_id, Some(&setup.secret))
        .form(&form);
    let whole: BTreeMap<&str, &str> = form
        .iter()
        .copied()
        .chain([
            ("client_id", setup.login.client_id.as_str()),
            ("client_secret", &setup.secret),
        ])
        .collect();
    let json = client
        .post(&setup.login.token_url)
        .header("content-type", "application/json")
        .body(serde_json::to_string(&whole).unwrap());
    let revoke = client
        .post(setup.login.token_url.replace("/token", "/revoke"))
        .form(&whole);
    let metadata = client.get(
        setup
            .login
            .metadata_url
            .as_ref()
            .unwrap_or(&setup.login.issuer),
    );
    for (label, request) in [
        ("basic", basic),
        ("json", json),
        ("revoke", revoke),
        ("metadata", metadata),
    ] {
        note(
            label,
            seen(setup, &setup.harness.send(request).await.unwrap()),
        );
    }
}

/// The code of a redirect; empty without one.
fn code_of(reply: &Reply) -> String {
    let location = url::Url::parse(reply.header("location"));
    let code = location.ok().and_then(|location| {
        let mut pairs = location.query_pairs();
        Some(pairs.find(|(name, _)| name == "code")?.1.into_owned())
    });
    code.unwrap_or_default()
}

/// Status, redirect target, and the body without its secrets.
fn seen(setup: &Setup, reply: &Reply) -> String {
    let body = match serde_json::from_str::<Value>(&reply.body) {
        Ok(mut body) => {
            for name in ["access_token", "refresh_token", "id_token", "expires_at"] {
                if body[name]
                    .as_str()
                    .is_some_and(|text| text.len() < 1_000_000)
                {
                    body[name] = "HIDDEN".into();
                }
            }
            if let Some(members) = body.as_object_mut() {
                members.retain(|_, value| !value.is_null());
            }
            body.to_string()
        }
        Err(_) => reply.body.clone(),
    };
    let huge = if body.len() > 1_000_000 { "HUGE" } else { "" };
    let body: String = body.chars().take(2000).collect();
    format!(
        "{} {} {} {huge} {body}",
        reply.status,
        reply.header("location"),
        reply.header("retry-after")
    )
    .replace(&setup.harness.endpoint.origin, "ORIGIN")
    .replace(&format!("code={}", code_of(reply)), "code=CODE")
}

/// The claims, with times as past or future.
fn id_token(setup: &Setup, token: &Value) -> String {
    let Some(token) = token.as_str() else {
        return "absent".to_owned();
    };
    let parts: Vec<&str> = token.split('.').collect();
    let decoded = |part: &str| String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    let Ok(mut claims) = serde_json::from_str::<Value>(&decoded(parts[1])) else {
        return "no claims".to_owned();
    };
    let now = jiff::Timestamp::now().as_second();
    for time in ["iat", "exp"] {
        // The sandbox's clock is a minute ahead here, and a test needs some seconds.
        let ahead = claims[time].as_i64().unwrap() - now > 300;
        claims[time] = ahead.to_string().into();
    }
    let signed = !parts[2].is_empty();
    let line = format!("{} {claims} signed={signed}", decoded(parts[0]));
    line.replace(&setup.harness.endpoint.origin, "ORIGIN")
}

/// Switches that are only visible in time or in a series, with their test.
const ELSEWHERE: &[&str] = &["grace", "slow_ms", "fault_after_issue"];

#[tokio::test]
async fn every_switch_has_an_effect() {
    let mut usual = BTreeMap::new();
    for vendor in super::VENDORS {
        let first = transcript(vendor, &[]).await;
        let again = transcript(vendor, &[]).await;
        assert_eq!(first, again, "{vendor}");
        usual.insert(vendor, first);
    }
    let mut wrong = Vec::new();
    for (vendor, switches, wanted) in ROWS {
        let text = transcript(vendor, switches).await;
        let (with, without, needle) = match wanted.strip_prefix('!') {
            Some(removed) => (&usual[vendor], &text, removed),
            None => (&text, &usual[vendor], *wanted),
        };
        if !with.contains(needle) || without.contains(needle) {
            wrong.push(format!("{vendor} {switches:?}: {wanted}\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "without effect:\n{}", wrong.join("\n"));
}

#[test]
fn every_switch_has_a_row() {
    for name in switches::names(&Switches::default()) {
        let met = |set: &(&str, &str)| set.0.strip_prefix("auth.") == Some(&name);
        let met = ROWS.iter().any(|(_, switches, _)| switches.iter().any(met));
        assert!(met || ELSEWHERE.contains(&name.as_str()), "{name}");
    }
}

#[tokio::test]
async fn token_responses_can_be_delayed() {
    let setup = Setup::with("wapi", &[("auth.slow_ms", "60")]).await;
    let code = setup.code().await;
    let before = std::time::Instant::now();
    let response = setup.exchange(&code, &[]).await;
    assert!(before.elapsed() >= Duration::from_millis(60));
    assert!(!text(&response, "access_token").is_empty());
}
