//! Refresh tokens: used, used again, lost, revoked, and after a restart.

use std::time::{Duration, Instant};

use super::{Setup, refusal, text};
use crate::Options;
use crate::authorization::TokenCounts;

fn refused() -> (u16, String) {
    (400, "invalid_grant".to_owned())
}

/// The refresh token of a new login.
async fn first(setup: &Setup) -> String {
    let response = setup.exchange(&setup.code().await, &[]).await;
    text(&response, "refresh_token")
}

#[tokio::test]
async fn a_rotated_token_chain_counts_each_request_once() {
    let setup = Setup::with("wapi", &[("auth.rotation", "detect_reuse")]).await;
    let mut token = first(&setup).await;
    for _ in 0..20 {
        let next = text(&setup.refresh(&token).await, "refresh_token");
        assert_ne!(next, token);
        token = next;
    }
    let counts = setup.control().authorization.token_counts("refresh_token");
    let all = TokenCounts {
        requests: 20,
        granted: 20,
        refused: 0,
    };
    assert_eq!(counts, all);
    assert_eq!(setup.control().authorization.refresh_tokens(), [token]);
}

#[tokio::test]
async fn using_any_old_token_ends_the_grant() {
    for age in [1, 5] {
        let setup = Setup::with("wisenet", &[("auth.rotation", "detect_reuse")]).await;
        let stolen = first(&setup).await;
        let mut latest = setup.refresh(&stolen).await;
        for _ in 1..age {
            latest = setup.refresh(&text(&latest, "refresh_token")).await;
        }
        assert_eq!(setup.reads(&text(&latest, "access_token")).await, 200);
        assert_eq!(refusal(&setup.refresh(&stolen).await), refused(), "{age}");
        assert_eq!(setup.reads(&text(&latest, "access_token")).await, 401);
        let latest = setup.refresh(&text(&latest, "refresh_token")).await;
        assert_eq!(refusal(&latest), refused(), "{age}");
    }
}

#[tokio::test]
async fn the_grace_period_repeats_the_response_or_issues_new_tokens() {
    for (grace, same) in [("same", true), ("new", false)] {
        let setup = Setup::with(
            "wisenet",
            &[
                ("auth.rotation", "detect_reuse"),
                ("auth.grace_seconds", "30"),
                ("auth.grace", grace),
            ],
        )
        .await;
        let old = first(&setup).await;
        let once = setup.refresh(&old).await;
        let duplicated = setup.refresh(&old).await;
        let both = ["access_token", "refresh_token"]
            .map(|name| text(&once, name) == text(&duplicated, name));
        // With new tokens, the token of the lost response is then a used one.
        assert_eq!((duplicated.status, both), (200, [same, same]), "{grace}");
        setup.control().clock.advance(Duration::from_secs(30));
        assert_eq!(refusal(&setup.refresh(&old).await), refused(), "{grace}");
        let latest = setup.refresh(&text(&duplicated, "refresh_token")).await;
        assert_eq!(refusal(&latest), refused(), "{grace}: the grant has ended");
    }
}

#[tokio::test]
async fn a_lost_response_uses_the_old_token_up() {
    // reuse of the old token: refused, or accepted in the grace period; cut at once, or after a delay
    for (grace, slow, status) in [("0", 0, 400), ("0", 60, 400), ("30", 0, 200)] {
        let switches = [
            ("auth.refresh_lost", "1"),
            ("auth.grace_seconds", grace),
            ("auth.slow_ms", &slow.to_string()),
        ];
        let setup = Setup::with("wisenet", &switches).await;
        let old = first(&setup).await;
        let form = [("grant_type", "refresh_token"), ("refresh_token", &old)];
        let before = Instant::now();
        assert!(
            setup.try_request(&form).await.is_err(),
            "the response is lost"
        );
        assert!(before.elapsed() >= Duration::from_millis(slow));
        assert_eq!(setup.refresh(&old).await.status, status, "{grace}");
        let counts = setup.control().authorization.token_counts("refresh_token");
        assert_eq!(counts.requests, 2);
        assert_eq!(counts.granted, 1 + u64::from(status == 200));
    }
}

#[tokio::test]
async fn token_faults_apply_before_or_after_issuing_and_end() {
    for (after, status) in [("off", 200), ("on", 400)] {
        let setup = Setup::with("wapi", &[]).await;
        let old = first(&setup).await;
        let control = setup.control();
        control
            .authorization
            .set("token_response", "internal_error")
            .unwrap();
        control
            .authorization
            .set("fault_after_issue", after)
            .unwrap();
        control.authorization.set("fault_requests", "1").unwrap();
        assert_eq!(setup.refresh(&old).await.status, 500);
        assert_eq!(setup.refresh(&old).await.status, status, "after: {after}");
    }
}

#[tokio::test]
async fn a_refresh_token_is_bound_to_its_client_and_scope() {
    let setup = Setup::with("wisenet", &[]).await;
    let code = setup.consent(&[("scope", "course_read unit_read")]).await["code"].clone();
    let token = text(&setup.exchange(&code, &[]).await, "refresh_token");
    let request = async |changes: super::Changes<'_>| {
        let good = [("grant_type", "refresh_token"), ("refresh_token", &token)];
        setup.request(&[&good, changes].concat()).await
    };
    let more = request(&[("scope", "course_read staff_read")]).await;
    assert_eq!(refusal(&more), (400, "invalid_scope".to_owned()));
    let secret = crate::wisenet::client_secret(1, "another-app");
    let other = [
        ("client_id", "another-app"),
        ("client_secret", secret.as_str()),
    ];
    assert_eq!(refusal(&request(&other).await), refused());
    let less = request(&[("scope", "unit_read")]).await;
    assert_eq!(
        (less.status, text(&less, "scope")),
        (200, "unit_read".to_owned())
    );
    assert_eq!(setup.reads(&text(&less, "access_token")).await, 403);
}

#[tokio::test]
async fn reads_without_their_scope_are_refused() {
    let setup = Setup::with("wisenet", &[("auth.withhold", "course_read")]).await;
    let response = setup.exchange(&setup.code().await, &[]).await;
    assert_eq!(setup.reads(&text(&response, "access_token")).await, 403);
}

#[tokio::test]
async fn a_person_at_wapi_has_one_grant() {
    let setup = Setup::with("wapi", &[]).await;
    let (earlier, later) = (first(&setup).await, first(&setup).await);
    assert_eq!(refusal(&setup.refresh(&earlier).await), refused());
    assert_eq!(setup.refresh(&later).await.status, 200);
}

#[tokio::test]
async fn consent_can_be_withdrawn_by_the_client_and_by_the_person() {
    let setup = Setup::with("wisenet", &[("auth.revocation", "on")]).await;
    let revoke = async |token: &str, secret: &str| {
        let url = setup.login.token_url.replace("/token", "/revoke");
        let form = [
            ("client_id", "rollbook"),
            ("client_secret", secret),
            ("token", token),
        ];
        let request = setup.harness.client.post(url).form(&form);
        setup.harness.send(request).await.unwrap().status
    };
    let response = setup.exchange(&setup.code().await, &[]).await;
    let (access, refresh) = (
        text(&response, "access_token"),
        text(&response, "refresh_token"),
    );
    assert_eq!(revoke(&refresh, "wrong").await, 401);
    assert_eq!(setup.reads(&access).await, 200);
    assert_eq!(revoke("made-up", &setup.secret).await, 200);
    assert_eq!(revoke(&access, &setup.secret).await, 200);
    assert_eq!(setup.reads(&access).await, 401);
    let response = setup.refresh(&refresh).await;
    let (access, refresh) = (
        text(&response, "access_token"),
        text(&response, "refresh_token"),
    );
    assert_eq!(revoke(&refresh, &setup.secret).await, 200);
    assert_eq!(
        setup.reads(&access).await,
        401,
        "its access token is revoked too"
    );
    assert_eq!(refusal(&setup.refresh(&refresh).await), refused());

    let (one, two) = (first(&setup).await, first(&setup).await);
    assert!(setup.control().authorization.revoke_grant(&one));
    assert!(!setup.control().authorization.revoke_grant("made-up"));
    assert_eq!(refusal(&setup.refresh(&one).await), refused());
    let two = text(&setup.refresh(&two).await, "refresh_token");
    setup.control().authorization.revoke_consent();
    assert_eq!(refusal(&setup.refresh(&two).await), refused());
    assert_eq!(
        setup.control().counters.writes(),
        0,
        "no write at the vendor"
    );
}

#[tokio::test]
async fn grants_and_used_tokens_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let options = || {
        let mut options = Options {
            students: 10,
            state: Some(folder.path().join("sandbox.json")),
            ..Options::default()
        };
        options
            .set_quirk("wisenet.auth.rotation=detect_reuse")
            .unwrap();
        options
    };
    let setup = Setup::start("wisenet", options()).await;
    let old = first(&setup).await;
    let current = text(&setup.refresh(&old).await, "refresh_token");
    let other = first(&setup).await;
    setup.harness.sandbox.stop().await;
    let setup = Setup::start("wisenet", options()).await;
    let next = text(&setup.refresh(&current).await, "refresh_token");
    assert_ne!(next, "");
    assert_eq!(refusal(&setup.refresh(&old).await), refused());
    assert_eq!(
        refusal(&setup.refresh(&next).await),
        refused(),
        "the old token was reused"
    );
    assert_eq!(setup.refresh(&other).await.status, 200, "another consent");
}
