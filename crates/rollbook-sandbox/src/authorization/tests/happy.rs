//! A successful login at each vendor.

use super::{Setup, VENDORS, redirect_params, text};

#[tokio::test]
async fn a_code_is_exchanged_for_usable_tokens() {
    for vendor in VENDORS {
        let setup = Setup::with(vendor, &[]).await;
        let sent = setup.open(&[]).await;
        let location = sent.header("location");
        assert!(
            location.starts_with(&setup.login.redirect_url),
            "{location}"
        );
        let back = redirect_params(&sent);
        let names: Vec<&str> = back.keys().map(String::as_str).collect();
        assert_eq!(names, ["code", "state"], "{vendor}");
        assert_eq!(back["state"], "state-1");

        let response = setup.exchange(&back["code"], &[]).await;
        assert_eq!(response.status, 200, "{vendor}: {}", response.body);
        assert_eq!(response.header("cache-control"), "no-store");
        assert_eq!(text(&response, "scope"), setup.login.scope, "{vendor}");
        assert_eq!(setup.reads(&text(&response, "access_token")).await, 200);
        assert_eq!(setup.reads("made-up").await, 401);
        let counts = setup
            .control()
            .authorization
            .token_counts("authorization_code");
        assert_eq!((counts.requests, counts.granted, counts.refused), (1, 1, 0));
    }
}

#[tokio::test]
async fn token_responses_follow_each_contract() {
    // vendor, token_type, seconds, with a refresh token, other members
    for (vendor, token_type, seconds, refreshes, others) in [
        (
            "wisenet",
            "Bearer",
            3600,
            true,
            &["api_key", "expires_at"][..],
        ),
        ("wapi", "bearer", 3600, true, &[]),
        ("webuntis", "Bearer", 180, false, &["id_token"]),
    ] {
        let setup = Setup::with(vendor, &[]).await;
        let response = setup.exchange(&setup.code().await, &[]).await.json();
        assert_eq!(response["token_type"], token_type, "{vendor}");
        assert_eq!(response["expires_in"], seconds, "{vendor}");
        assert_eq!(response["refresh_token"].is_string(), refreshes, "{vendor}");
        for member in ["api_key", "expires_at", "id_token"] {
            let there = response[member].is_string();
            assert_eq!(there, others.contains(&member), "{vendor} {member}");
        }
    }
}

#[tokio::test]
async fn the_implicit_workflow_returns_a_token_in_the_query() {
    let setup = Setup::with("wapi", &[]).await;
    let back = setup.consent(&[("response_type", "token")]).await;
    let names: Vec<&str> = back.keys().map(String::as_str).collect();
    assert_eq!(names, ["access_token", "expires_in", "scope", "state"]);
    assert_eq!(setup.reads(&back["access_token"]).await, 200);
    for vendor in ["wisenet", "webuntis"] {
        let setup = Setup::with(vendor, &[]).await;
        let back = setup.consent(&[("response_type", "token")]).await;
        assert_eq!(back["error"], "unsupported_response_type", "{vendor}");
    }
}
