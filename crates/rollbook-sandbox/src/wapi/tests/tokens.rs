//! Tokens: how one is issued, what it permits, and when it expires. Writes are refused.

use std::time::Duration;

use super::{CLIENT, PASSWORD, signed_in, text, token, with};
use crate::Options;
use crate::testing::Harness;
use crate::wapi::Switches;
use crate::wapi::WAC;

#[tokio::test]
async fn a_rotated_refresh_token_is_refused() {
    let mut harness = Harness::start("wapi", with(Switches::default())).await;
    let first = text(&token(&harness, &PASSWORD).await, "refresh_token");
    let refresh = |text: &str| {
        [
            ("grant_type", "refresh_token".to_owned()),
            ("refresh_token", text.to_owned()),
        ]
    };
    let form = refresh(&first);
    let form: Vec<(&str, &str)> = form
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let second = token(&harness, &form).await;
    assert_ne!(text(&second, "refresh_token"), first);
    let again = token(&harness, &form).await;
    assert_eq!(
        (again.status, text(&again, "error").as_str()),
        (400, "invalid_grant")
    );
    harness.token = text(&second, "access_token");
    assert_eq!(harness.get("/BusinessAccount").await.status, 200);
    harness
        .sandbox
        .control("wapi")
        .unwrap()
        .authorization
        .revoke_consent();
    assert_eq!(harness.get("/BusinessAccount").await.status, 401);
}

#[tokio::test]
async fn token_requests_follow_the_contract() {
    let mut harness = signed_in(with(Switches::default())).await;
    for (form, error) in [
        (
            vec![
                ("grant_type", "password"),
                ("username", "mirror"),
                ("password", "no"),
            ],
            "invalid_grant",
        ),
        (vec![("grant_type", "guess")], "unsupported_grant_type"),
        (
            vec![("grant_type", "client_credentials"), ("scope", "elsewhere")],
            "invalid_scope",
        ),
    ] {
        let reply = token(&harness, &form).await;
        assert_eq!((reply.status, text(&reply, "error").as_str()), (400, error));
    }
    let basic = harness
        .client
        .post(harness.url("/OAuth/token"))
        .basic_auth("rollbook", Some(CLIENT[1].1));
    let reply = harness
        .send(basic.form(&[("grant_type", "client_credentials")]))
        .await
        .unwrap();
    assert_eq!(text(&reply, "error"), "invalid_client");

    let good = harness.token.clone();
    harness.token.clear();
    for name in ["access_token", "oauth_token"] {
        assert_eq!(
            harness
                .get(&format!("/BusinessAccount?{name}={good}"))
                .await
                .status,
            200
        );
    }
    let client = token(&harness, &[("grant_type", "client_credentials")]).await;
    assert_eq!(text(&client, "refresh_token"), "");
    harness.token = text(&client, "access_token");
    for (path, status) in [
        ("/WUM/UnitItem", 200),
        ("/ReflectionState", 200),
        ("/BusinessAccount", 403),
    ] {
        assert_eq!(harness.get(path).await.status, status, "{path}");
    }
    harness
        .sandbox
        .control("wapi")
        .unwrap()
        .clock
        .advance(Duration::from_secs(3600));
    let old = harness.get("/WUM/UnitItem").await;
    assert_eq!(
        (old.status, old.header("www-authenticate")),
        (401, "Bearer error=\"invalid_token\"")
    );
}

#[tokio::test]
async fn a_refresh_token_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let options = || Options {
        state: Some(folder.path().join("sandbox.json")),
        ..with(Switches::default())
    };
    let harness = Harness::start("wapi", options()).await;
    let refresh = text(&token(&harness, &PASSWORD).await, "refresh_token");
    harness.sandbox.stop().await;
    let harness = Harness::start(
        "wapi",
        Options {
            advance: true,
            ..options()
        },
    )
    .await;
    assert_eq!(harness.sandbox.describe().day, 1);
    let reply = token(
        &harness,
        &[("grant_type", "refresh_token"), ("refresh_token", &refresh)],
    )
    .await;
    assert_eq!(reply.status, 200);
    harness.sandbox.advance().unwrap();
    harness.sandbox.stop().await;
    let harness = Harness::start("wapi", options()).await;
    assert_eq!(harness.sandbox.describe().day, 2);
    let reply = token(
        &harness,
        &[("grant_type", "refresh_token"), ("refresh_token", &refresh)],
    )
    .await;
    assert_eq!(reply.status, 400, "used before the restart");
}

#[tokio::test]
async fn writes_are_refused_and_counted_also_by_get() {
    let harness = signed_in(with(Switches::default())).await;
    assert_eq!(
        harness
            .get("/json/reply/DeleteFlux?WAC=x&FluxID=2107")
            .await
            .status,
        405
    );
    let request = harness
        .client
        .post(harness.url(&format!("/{WAC}/Reflection/640/CommandText")));
    assert_eq!(
        harness
            .send(request.bearer_auth(&harness.token))
            .await
            .unwrap()
            .status,
        405
    );
    assert_eq!(
        harness.sandbox.control("wapi").unwrap().counters.writes(),
        2
    );
}
