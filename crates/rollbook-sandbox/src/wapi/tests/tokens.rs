//! Tokens: who gets one, what it opens, and when it ends. Writes are refused.

use std::time::Duration;

use super::{CLIENT, PASSWORD, signed_in, text, token, with};
use crate::Options;
use crate::testing::Bench;
use crate::wapi::Switches;
use crate::wapi::WAC;

#[tokio::test]
async fn a_refresh_token_rotates_and_refuses_to_be_used_again() {
    let mut bench = Bench::start("wapi", with(Switches::default())).await;
    let first = text(&token(&bench, &PASSWORD).await, "refresh_token");
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
    let second = token(&bench, &form).await;
    assert_ne!(text(&second, "refresh_token"), first);
    let again = token(&bench, &form).await;
    assert_eq!(
        (again.status, text(&again, "error").as_str()),
        (400, "invalid_grant")
    );
    bench.token = text(&second, "access_token");
    assert_eq!(bench.get("/BusinessAccount").await.status, 200);
    bench
        .sandbox
        .control("wapi")
        .unwrap()
        .authorization
        .revoke_consent();
    assert_eq!(bench.get("/BusinessAccount").await.status, 401);
}

#[tokio::test]
async fn tokens_are_given_and_taken_as_the_contract_says() {
    let mut bench = signed_in(with(Switches::default())).await;
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
        let reply = token(&bench, &form).await;
        assert_eq!((reply.status, text(&reply, "error").as_str()), (400, error));
    }
    let basic = bench
        .client
        .post(bench.url("/OAuth/token"))
        .basic_auth("rollbook", Some(CLIENT[1].1));
    let reply = bench
        .send(basic.form(&[("grant_type", "client_credentials")]))
        .await
        .unwrap();
    assert_eq!(text(&reply, "error"), "invalid_client");

    let good = bench.token.clone();
    bench.token.clear();
    for name in ["access_token", "oauth_token"] {
        assert_eq!(
            bench
                .get(&format!("/BusinessAccount?{name}={good}"))
                .await
                .status,
            200
        );
    }
    let client = token(&bench, &[("grant_type", "client_credentials")]).await;
    assert_eq!(text(&client, "refresh_token"), "");
    bench.token = text(&client, "access_token");
    for (path, status) in [
        ("/WUM/UnitItem", 200),
        ("/ReflectionState", 200),
        ("/BusinessAccount", 403),
    ] {
        assert_eq!(bench.get(path).await.status, status, "{path}");
    }
    bench
        .sandbox
        .control("wapi")
        .unwrap()
        .clock
        .advance(Duration::from_secs(3600));
    let old = bench.get("/WUM/UnitItem").await;
    assert_eq!(
        (old.status, old.header("www-authenticate")),
        (401, "Bearer error=\"invalid_token\"")
    );
}

#[tokio::test]
async fn a_refresh_token_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let options = || Options {
        state: Some(folder.path().join("sandbox.json")),
        ..with(Switches::default())
    };
    let bench = Bench::start("wapi", options()).await;
    let refresh = text(&token(&bench, &PASSWORD).await, "refresh_token");
    bench.sandbox.stop().await;
    let bench = Bench::start(
        "wapi",
        Options {
            advance: true,
            ..options()
        },
    )
    .await;
    assert_eq!(bench.sandbox.describe().day, 1);
    let reply = token(
        &bench,
        &[("grant_type", "refresh_token"), ("refresh_token", &refresh)],
    )
    .await;
    assert_eq!(reply.status, 200);
    bench.sandbox.advance().unwrap();
    bench.sandbox.stop().await;
    let bench = Bench::start("wapi", options()).await;
    assert_eq!(bench.sandbox.describe().day, 2);
    let reply = token(
        &bench,
        &[("grant_type", "refresh_token"), ("refresh_token", &refresh)],
    )
    .await;
    assert_eq!(reply.status, 400, "spent before the restart");
}

#[tokio::test]
async fn writes_are_refused_and_counted_also_in_disguise() {
    let bench = signed_in(with(Switches::default())).await;
    assert_eq!(
        bench
            .get("/json/reply/DeleteFlux?WAC=x&FluxID=2107")
            .await
            .status,
        405
    );
    let request = bench
        .client
        .post(bench.url(&format!("/{WAC}/Reflection/640/CommandText")));
    assert_eq!(
        bench
            .send(request.bearer_auth(&bench.token))
            .await
            .unwrap()
            .status,
        405
    );
    assert_eq!(bench.sandbox.control("wapi").unwrap().counters.writes(), 2);
}
