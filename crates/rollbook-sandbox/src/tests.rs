//! The sandbox as a whole: faults on the wire, the state file, ports.

use std::time::Duration;

use serde_json::Value;

use super::testing::{Harness, Reply};
use super::{Fault, Faults, Options, Sandbox, ScriptedFault};

const LIST: &str = "/standard/ims/oneroster/v1p1/courses";

async fn signed_in(faults: Faults) -> Harness {
    let mut harness = Harness::start(
        "oneroster",
        Options {
            students: 50,
            faults,
            ..Options::default()
        },
    )
    .await;
    let secret = harness.endpoint.secrets["oneroster_client_secret"].clone();
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

/// A fault as a client sees it.
fn seen(reply: &reqwest::Result<Reply>) -> String {
    let Ok(reply) = reply else {
        return "broken".to_owned();
    };
    let rows = serde_json::from_str::<Value>(&reply.body).map_or("no JSON".to_owned(), |body| {
        body["courses"]
            .as_array()
            .map_or("no rows".into(), |rows| rows.len().to_string())
    });
    let after = reply.header("retry-after");
    format!(
        "{} {} {}",
        reply.status,
        rows,
        if after.ends_with("GMT") {
            "date"
        } else {
            after
        }
    )
    .trim_end()
    .to_owned()
}

#[tokio::test]
async fn a_scripted_fault_applies_once() {
    let harness = signed_in(Faults::default()).await;
    let control = harness.sandbox.control("oneroster").unwrap();
    for (fault, expected) in [
        (Fault::TooMany, "429 no rows"),
        (Fault::TooManySeconds, "429 no rows 1"),
        (Fault::TooManyDate, "429 no rows date"),
        (Fault::InternalError, "500 no rows"),
        (Fault::BadGateway, "502 no JSON"),
        (Fault::Unavailable, "503 no JSON"),
        (Fault::Cut, "broken"),
        (Fault::CutBody, "broken"),
        (Fault::Truncated, "200 no JSON"),
        (Fault::Html, "200 no JSON"),
        (Fault::NoKey, "200 no rows"),
        (Fault::HalfPage, "200 8"),
    ] {
        control.faults.script(ScriptedFault {
            path: LIST.to_owned(),
            nth: 2,
            fault,
        });
        let replies = [
            harness.try_get(LIST).await,
            harness.try_get(LIST).await,
            harness.try_get(LIST).await,
        ];
        let replies: Vec<String> = replies.iter().map(seen).collect();
        assert_eq!(replies, ["200 17", expected, "200 17"], "{fault:?}");
    }
    assert_eq!(control.counters.faults(), 12);
}

#[tokio::test]
async fn a_stalled_body_ends_when_the_sandbox_stops() {
    let faults = Faults {
        scripted: vec![ScriptedFault {
            path: LIST.to_owned(),
            nth: 1,
            fault: Fault::Stall,
        }],
        ..Faults::default()
    };
    let harness = signed_in(faults).await;
    let mut response = harness
        .client
        .get(harness.url(LIST))
        .bearer_auth(&harness.token)
        .send()
        .await
        .unwrap();
    assert!(!response.chunk().await.unwrap().unwrap().is_empty());
    let (rest, ()) = tokio::join!(
        async { while let Ok(Some(_)) = response.chunk().await {} },
        harness.sandbox.stop()
    );
    assert_eq!(rest, ());
}

#[tokio::test]
async fn a_request_with_a_lost_response_is_processed() {
    let harness = signed_in(Faults::default()).await;
    let wapi = harness.sandbox.endpoint("wapi").unwrap();
    let control = harness.sandbox.control("wapi").unwrap();
    control.faults.script(ScriptedFault {
        path: "/OAuth/token".to_owned(),
        nth: 2,
        fault: Fault::Cut,
    });
    let client = [
        ("client_id", "rollbook"),
        ("client_secret", &wapi.secrets["wapi_client_secret"]),
    ];
    let password = [
        ("grant_type", "password"),
        ("username", "mirror"),
        ("password", &wapi.secrets["wapi_password"]),
    ];
    let post = async |form: &[(&str, &str)]| {
        harness
            .client
            .post(&wapi.settings["token_url"])
            .form(&[&client, form].concat())
            .send()
            .await
    };
    let text = post(&password).await.unwrap().text().await.unwrap();
    let refresh = serde_json::from_str::<Value>(&text).unwrap()["refresh_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.as_str()),
    ];
    assert!(post(&form).await.is_err(), "the response is lost");
    assert_eq!(
        post(&form).await.unwrap().status(),
        400,
        "the token is used up all the same"
    );
}

#[tokio::test]
async fn random_faults_follow_the_seed_and_spare_tokens() {
    let mut runs = Vec::new();
    for seed in [3, 3, 4] {
        let harness = signed_in(Faults {
            percent: 30,
            seed,
            ..Faults::default()
        })
        .await;
        let mut run = Vec::new();
        for _ in 0..40 {
            run.push(seen(&harness.try_get(LIST).await));
        }
        assert_eq!(
            harness
                .sandbox
                .control("oneroster")
                .unwrap()
                .counters
                .token_requests(),
            1
        );
        runs.push(run);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
    let struck = runs[0].iter().filter(|reply| *reply != "200 17").count();
    assert!((4..=22).contains(&struck), "{struck} of 40");
}

#[tokio::test]
async fn concurrent_requests_are_counted() {
    let harness = signed_in(Faults {
        latency_ms: 50,
        ..Faults::default()
    })
    .await;
    tokio::join!(harness.get(LIST), harness.get(LIST), harness.get(LIST));
    let counters = &harness.sandbox.control("oneroster").unwrap().counters;
    assert_eq!(
        (counters.max_concurrent(), counters.requests()[LIST]),
        (3, 3)
    );
}

#[tokio::test]
async fn the_day_advances_on_request_and_is_saved() {
    let folder = tempfile::tempdir().unwrap();
    let options = |advance| Options {
        students: 30,
        state: Some(folder.path().join("sandbox.json")),
        advance,
        ..Options::default()
    };
    for (advance, day) in [(true, 0), (false, 0), (true, 1), (true, 2), (false, 2)] {
        let sandbox = Sandbox::start(options(advance)).await.unwrap();
        assert_eq!(sandbox.describe().day, day);
        sandbox.stop().await;
    }
    std::fs::write(folder.path().join("sandbox.json"), "{").unwrap();
    assert!(
        Sandbox::start(options(false)).await.is_err(),
        "a broken state file is not overwritten"
    );
}

#[tokio::test]
async fn endpoints_contain_what_an_admin_configures() {
    let sandbox = Sandbox::start(Options {
        students: 10,
        ..Options::default()
    })
    .await
    .unwrap();
    for (vendor, settings, secrets) in [
        (
            "webuntis",
            &["api_url", "tenant"][..],
            &[
                "webuntis_oidc_secret",
                "webuntis_password",
                "webuntis_password_4712",
            ][..],
        ),
        (
            "oneroster",
            &["base_url", "token_url"],
            &["oneroster_client_secret"],
        ),
        (
            "oneroster_1_2",
            &["base_url", "token_url"],
            &["oneroster_1_2_client_secret"],
        ),
        (
            "wapi",
            &[
                "authorize_url",
                "base_url",
                "events_since",
                "token_url",
                "wac",
                "woc",
            ],
            &["wapi_client_secret", "wapi_password"],
        ),
        (
            "wisenet",
            &[
                "authorize_url",
                "base_url",
                "metadata_url",
                "region",
                "token_url",
            ],
            &[
                "wisenet_api_key",
                "wisenet_client_secret",
                "wisenet_refresh_token",
            ],
        ),
    ] {
        let endpoint = sandbox.endpoint(vendor).unwrap();
        assert_eq!(endpoint.settings.keys().collect::<Vec<_>>(), settings);
        assert_eq!(endpoint.secrets.keys().collect::<Vec<_>>(), secrets);
        assert!(endpoint.origin.starts_with("http://127.0.0.1:"));
        assert!(
            sandbox.describe().vendors[vendor]
                .values()
                .all(|rows| *rows > 0)
        );
    }
    let limit = Duration::from_secs(10);
    assert!(tokio::time::timeout(limit, sandbox.stop()).await.is_ok());
}
