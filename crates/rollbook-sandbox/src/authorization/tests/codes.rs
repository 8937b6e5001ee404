//! What a code is bound to: client, redirect URL, challenge, lifetime, one use.

use std::time::Duration;

use super::{Changes, Setup, VENDORS, VERIFIER, redirect_params, refusal, text};

#[tokio::test]
async fn an_unknown_client_gets_a_page_and_no_redirect() {
    let other_port = "http://127.0.0.1:9999/callback";
    let other_path = "http://127.0.0.1:9999/elsewhere";
    // vendor, change, whether the person is sent on
    let rows: &[(&str, Changes<'_>, bool)] = &[
        ("wisenet", &[("client_id", "unknown")], false),
        ("wisenet", &[("client_id", "")], false),
        ("wisenet", &[("redirect_uri", "")], false),
        ("wisenet", &[("redirect_uri", other_port)], false),
        (
            "wisenet",
            &[("redirect_uri", "http://127.0.0.1:8912/callback?tenant=1")],
            false,
        ),
        (
            "wisenet",
            &[("redirect_uri", "http://127.0.0.1:8912/callback/")],
            false,
        ),
        ("wapi", &[("redirect_uri", other_path)], true),
        (
            "wapi",
            &[("redirect_uri", "http://127.0.0.2:8911/callback")],
            false,
        ),
        (
            "wapi",
            &[("redirect_uri", "http://127.0.0.1:8911/callback#x")],
            false,
        ),
        ("webuntis", &[("redirect_uri", other_port)], true),
        ("webuntis", &[("redirect_uri", other_path)], false),
        ("webuntis", &[("client_id", "unknown")], false),
    ];
    for (vendor, change, sent) in rows {
        let setup = Setup::with(vendor, &[]).await;
        let reply = setup.open(change).await;
        let status = if *sent { 302 } else { 400 };
        assert_eq!(reply.status, status, "{vendor} {change:?}");
        if !sent {
            assert_eq!(reply.header("location"), "", "{vendor} {change:?}");
            assert!(reply.body.contains("<h1>"), "{vendor} {change:?}");
        }
    }
    let setup = Setup::with("webuntis", &[]).await;
    let reply = setup.open(&[("redirect_uri", other_path)]).await;
    assert!(reply.body.contains("invalid_ressource"), "{}", reply.body);
}

#[tokio::test]
async fn an_invalid_request_is_redirected_with_its_error() {
    let rows: &[(&str, Changes<'_>, &str)] = &[
        ("wisenet", &[("response_type", "")], "invalid_request"),
        (
            "wisenet",
            &[("response_type", "id_token")],
            "unsupported_response_type",
        ),
        ("wisenet", &[("code_challenge", "")], "invalid_request"),
        ("wisenet", &[("code_challenge", "short")], "invalid_request"),
        (
            "wisenet",
            &[("code_challenge_method", "plain")],
            "invalid_request",
        ),
        (
            "wisenet",
            &[("code_challenge_method", "")],
            "invalid_request",
        ),
        ("wisenet", &[("scope", "")], "invalid_scope"),
        ("wisenet", &[("scope", "all")], "invalid_scope"),
        (
            "wisenet",
            &[("scope", "course_read unit_write")],
            "invalid_scope",
        ),
        ("wisenet", &[("scope", "course_read")], ""),
        ("wapi", &[("scope", "elsewhere")], "invalid_scope"),
        ("wapi", &[("scope", "")], ""),
        (
            "wapi",
            &[("code_challenge", ""), ("code_challenge_method", "")],
            "",
        ),
        (
            "webuntis",
            &[("code_challenge_method", "plain")],
            "invalid_request",
        ),
    ];
    for (vendor, change, error) in rows {
        let setup = Setup::with(vendor, &[]).await;
        let back = setup.consent(change).await;
        let seen = back.get("error").map_or("", String::as_str);
        assert_eq!(seen, *error, "{vendor} {change:?}");
        assert_eq!(back.contains_key("code"), error.is_empty(), "{change:?}");
        assert_eq!(back["state"], "state-1", "{vendor} {change:?}");
    }
}

#[tokio::test]
async fn a_duplicate_parameter_is_refused() {
    let setup = Setup::with("wapi", &[]).await;
    let duplicated = |name: &str| {
        format!(
            "{}?response_type=code&client_id=rollbook&redirect_uri={}&state=1&{name}=2",
            setup.login.authorize_url, setup.login.redirect_url
        )
    };
    let get = async |url: String| {
        setup
            .harness
            .send(setup.harness.client.get(url))
            .await
            .unwrap()
    };
    assert_eq!(
        redirect_params(&get(duplicated("state")).await)["error"],
        "invalid_request"
    );
    assert_eq!(get(duplicated("client_id")).await.status, 400);
    let request = setup.harness.client.post(&setup.login.token_url);
    let form = [("grant_type", "password"), ("grant_type", "password")];
    let reply = setup.harness.send(request.form(&form)).await.unwrap();
    assert_eq!(refusal(&reply), (400, "invalid_request".to_owned()));
}

#[tokio::test]
async fn a_code_is_bound_to_its_request() {
    let other = "http://127.0.0.1:8911/elsewhere";
    // vendor, change of the exchange, status, error
    let rows: &[(&str, Changes<'_>, u16, &str)] = &[
        ("wisenet", &[("code_verifier", "")], 400, "invalid_grant"),
        (
            "wisenet",
            &[(
                "code_verifier",
                "a-verifier-that-is-long-enough-to-be-one-0123",
            )],
            400,
            "invalid_grant",
        ),
        ("wisenet", &[("redirect_uri", "")], 400, "invalid_grant"),
        ("wisenet", &[("client_secret", "")], 401, "invalid_client"),
        ("wisenet", &[("client_secret", "no")], 401, "invalid_client"),
        ("wisenet", &[("code", "made-up")], 400, "invalid_grant"),
        ("wisenet", &[("code", "")], 400, "invalid_request"),
        ("wapi", &[("redirect_uri", other)], 400, "invalid_grant"),
        ("wapi", &[("client_secret", "no")], 400, "invalid_client"),
        (
            "wapi",
            &[
                ("client_id", "another-app"),
                ("client_secret", "wapi-secret-of-another-app"),
            ],
            400,
            "invalid_grant",
        ),
        ("webuntis", &[("redirect_uri", "")], 200, ""),
        ("webuntis", &[("redirect_uri", other)], 400, "invalid_grant"),
        (
            "webuntis",
            &[("client_secret", "q1V9-Zebra-77x-4711")],
            401,
            "invalid_client",
        ),
    ];
    for (vendor, change, status, error) in rows {
        let setup = Setup::with(vendor, &[]).await;
        let reply = setup.exchange(&setup.code().await, change).await;
        let expected = (*status, (*error).to_owned());
        assert_eq!(refusal(&reply), expected, "{vendor} {change:?}");
    }
}

#[tokio::test]
async fn a_verifier_without_a_challenge_is_refused() {
    let setup = Setup::with("wapi", &[]).await;
    let without = [("code_challenge", ""), ("code_challenge_method", "")];
    let code = setup.consent(&without).await["code"].clone();
    let reply = setup.exchange(&code, &[("code_verifier", VERIFIER)]).await;
    assert_eq!(refusal(&reply), (400, "invalid_grant".to_owned()));
    let code = setup.consent(&without).await["code"].clone();
    let reply = setup.exchange(&code, &[("code_verifier", "")]).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
}

#[tokio::test]
async fn a_code_expires_after_a_minute() {
    for (seconds, status) in [(59, 200), (60, 400)] {
        let setup = Setup::with("wisenet", &[]).await;
        let code = setup.code().await;
        setup.control().clock.advance(Duration::from_secs(seconds));
        assert_eq!(setup.exchange(&code, &[]).await.status, status, "{seconds}");
    }
}

#[tokio::test]
async fn a_reused_code_revokes_what_it_issued() {
    for vendor in VENDORS {
        let setup = Setup::with(vendor, &[("auth.refresh_token", "always")]).await;
        let code = setup.code().await;
        let response = setup.exchange(&code, &[]).await;
        let access = text(&response, "access_token");
        assert_eq!(setup.reads(&access).await, 200, "{vendor}");
        let again = setup.exchange(&code, &[]).await;
        assert_eq!(refusal(&again), (400, "invalid_grant".to_owned()));
        assert_eq!(setup.reads(&access).await, 401, "{vendor}");
        let refresh = setup.refresh(&text(&response, "refresh_token")).await;
        assert_eq!(refusal(&refresh), (400, "invalid_grant".to_owned()));
    }
}

#[tokio::test]
async fn an_invalid_request_uses_the_code_up() {
    let setup = Setup::with("wisenet", &[]).await;
    let code = setup.code().await;
    let wrong = setup
        .exchange(&code, &[("code_verifier", challenge())])
        .await;
    let right = setup.exchange(&code, &[]).await;
    assert_eq!((wrong.status, right.status), (400, 400));
}

/// A text in the form of a challenge that belongs to no verifier.
fn challenge() -> &'static str {
    "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
}
