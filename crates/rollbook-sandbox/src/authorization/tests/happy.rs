//! A login as it should go, at each vendor.

use super::{Play, VENDORS, back, text};

#[tokio::test]
async fn a_code_brings_tokens_that_open_the_vendor() {
    for vendor in VENDORS {
        let play = Play::with(vendor, &[]).await;
        let sent = play.open(&[]).await;
        let place = sent.header("location");
        assert!(place.starts_with(&play.login.redirect_url), "{place}");
        let back = back(&sent);
        let names: Vec<&str> = back.keys().map(String::as_str).collect();
        assert_eq!(names, ["code", "state"], "{vendor}");
        assert_eq!(back["state"], "state-1");

        let answer = play.exchange(&back["code"], &[]).await;
        assert_eq!(answer.status, 200, "{vendor}: {}", answer.body);
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(text(&answer, "scope"), play.login.scope, "{vendor}");
        assert_eq!(play.reads(&text(&answer, "access_token")).await, 200);
        assert_eq!(play.reads("made-up").await, 401);
        let tally = play.control().authorization.tally("authorization_code");
        assert_eq!((tally.asked, tally.granted, tally.refused), (1, 1, 0));
    }
}

#[tokio::test]
async fn each_vendor_answers_with_what_its_contract_says() {
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
        let play = Play::with(vendor, &[]).await;
        let answer = play.exchange(&play.code().await, &[]).await.json();
        assert_eq!(answer["token_type"], token_type, "{vendor}");
        assert_eq!(answer["expires_in"], seconds, "{vendor}");
        assert_eq!(answer["refresh_token"].is_string(), refreshes, "{vendor}");
        for member in ["api_key", "expires_at", "id_token"] {
            let there = answer[member].is_string();
            assert_eq!(there, others.contains(&member), "{vendor} {member}");
        }
    }
}

#[tokio::test]
async fn the_implicit_workflow_brings_a_token_in_the_query() {
    let play = Play::with("wapi", &[]).await;
    let back = play.consent(&[("response_type", "token")]).await;
    let names: Vec<&str> = back.keys().map(String::as_str).collect();
    assert_eq!(names, ["access_token", "expires_in", "scope", "state"]);
    assert_eq!(play.reads(&back["access_token"]).await, 200);
    for vendor in ["wisenet", "webuntis"] {
        let play = Play::with(vendor, &[]).await;
        let back = play.consent(&[("response_type", "token")]).await;
        assert_eq!(back["error"], "unsupported_response_type", "{vendor}");
    }
}
