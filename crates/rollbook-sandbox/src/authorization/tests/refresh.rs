//! What becomes of refresh tokens: used, used again, lost, withdrawn, and over a restart.

use std::time::{Duration, Instant};

use super::{Play, refusal, text};
use crate::Options;
use crate::authorization::Tally;

fn refused() -> (u16, String) {
    (400, "invalid_grant".to_owned())
}

/// The refresh token of a fresh login.
async fn first(play: &Play) -> String {
    let answer = play.exchange(&play.code().await, &[]).await;
    text(&answer, "refresh_token")
}

#[tokio::test]
async fn a_rotated_token_chain_counts_each_request_once() {
    let play = Play::with("wapi", &[("auth.rotation", "detect_reuse")]).await;
    let mut token = first(&play).await;
    for _ in 0..20 {
        let next = text(&play.refresh(&token).await, "refresh_token");
        assert_ne!(next, token);
        token = next;
    }
    let tally = play.control().authorization.tally("refresh_token");
    let all = Tally {
        asked: 20,
        granted: 20,
        refused: 0,
    };
    assert_eq!(tally, all);
    assert_eq!(play.control().authorization.refresh_tokens(), [token]);
}

#[tokio::test]
async fn using_an_old_token_ends_the_family_however_old_it_is() {
    for age in [1, 5] {
        let play = Play::with("wisenet", &[("auth.rotation", "detect_reuse")]).await;
        let stolen = first(&play).await;
        let mut latest = play.refresh(&stolen).await;
        for _ in 1..age {
            latest = play.refresh(&text(&latest, "refresh_token")).await;
        }
        assert_eq!(play.reads(&text(&latest, "access_token")).await, 200);
        assert_eq!(refusal(&play.refresh(&stolen).await), refused(), "{age}");
        assert_eq!(play.reads(&text(&latest, "access_token")).await, 401);
        let latest = play.refresh(&text(&latest, "refresh_token")).await;
        assert_eq!(refusal(&latest), refused(), "{age}");
    }
}

#[tokio::test]
async fn grace_gives_the_same_answer_or_another_until_it_is_over() {
    for (grace, same) in [("same", true), ("new", false)] {
        let play = Play::with(
            "wisenet",
            &[
                ("auth.rotation", "detect_reuse"),
                ("auth.grace_seconds", "30"),
                ("auth.grace", grace),
            ],
        )
        .await;
        let old = first(&play).await;
        let once = play.refresh(&old).await;
        let twice = play.refresh(&old).await;
        let both =
            ["access_token", "refresh_token"].map(|name| text(&once, name) == text(&twice, name));
        // With new tokens, the one of the lost answer is spent in its turn.
        assert_eq!((twice.status, both), (200, [same, same]), "{grace}");
        play.control().clock.advance(Duration::from_secs(30));
        assert_eq!(refusal(&play.refresh(&old).await), refused(), "{grace}");
        let latest = play.refresh(&text(&twice, "refresh_token")).await;
        assert_eq!(refusal(&latest), refused(), "{grace}: the family has ended");
    }
}

#[tokio::test]
async fn a_lost_answer_leaves_the_old_token_spent() {
    // reuse of the old token: refused, or taken in the grace; cut at once, or after a while
    for (grace, slow, status) in [("0", 0, 400), ("0", 60, 400), ("30", 0, 200)] {
        let switches = [
            ("auth.refresh_lost", "1"),
            ("auth.grace_seconds", grace),
            ("auth.slow_ms", &slow.to_string()),
        ];
        let play = Play::with("wisenet", &switches).await;
        let old = first(&play).await;
        let form = [("grant_type", "refresh_token"), ("refresh_token", &old)];
        let before = Instant::now();
        assert!(play.try_ask(&form).await.is_err(), "the answer is lost");
        assert!(before.elapsed() >= Duration::from_millis(slow));
        assert_eq!(play.refresh(&old).await.status, status, "{grace}");
        let tally = play.control().authorization.tally("refresh_token");
        assert_eq!(tally.asked, 2);
        assert_eq!(tally.granted, 1 + u64::from(status == 200));
    }
}

#[tokio::test]
async fn trouble_strikes_before_or_after_the_work_and_passes() {
    for (after, status) in [("off", 200), ("on", 400)] {
        let play = Play::with("wapi", &[]).await;
        let old = first(&play).await;
        let control = play.control();
        control
            .authorization
            .set("token_answer", "internal_error")
            .unwrap();
        control.authorization.set("trouble_after", after).unwrap();
        control.authorization.set("trouble_for", "1").unwrap();
        assert_eq!(play.refresh(&old).await.status, 500);
        assert_eq!(play.refresh(&old).await.status, status, "after: {after}");
    }
}

#[tokio::test]
async fn a_token_belongs_to_its_application_and_grants_no_more_than_was_consented() {
    let play = Play::with("wisenet", &[]).await;
    let code = play.consent(&[("scope", "course_read unit_read")]).await["code"].clone();
    let token = text(&play.exchange(&code, &[]).await, "refresh_token");
    let ask = async |changes: super::Changes<'_>| {
        let good = [("grant_type", "refresh_token"), ("refresh_token", &token)];
        play.ask(&[&good, changes].concat()).await
    };
    let more = ask(&[("scope", "course_read staff_read")]).await;
    assert_eq!(refusal(&more), (400, "invalid_scope".to_owned()));
    let secret = crate::wisenet::client_secret(1, "another-app");
    let other = [
        ("client_id", "another-app"),
        ("client_secret", secret.as_str()),
    ];
    assert_eq!(refusal(&ask(&other).await), refused());
    let less = ask(&[("scope", "unit_read")]).await;
    assert_eq!(
        (less.status, text(&less, "scope")),
        (200, "unit_read".to_owned())
    );
    assert_eq!(play.reads(&text(&less, "access_token")).await, 403);
}

#[tokio::test]
async fn what_was_not_granted_is_refused_where_it_is_read() {
    let play = Play::with("wisenet", &[("auth.withhold", "course_read")]).await;
    let answer = play.exchange(&play.code().await, &[]).await;
    assert_eq!(play.reads(&text(&answer, "access_token")).await, 403);
}

#[tokio::test]
async fn a_person_at_wapi_has_one_grant() {
    let play = Play::with("wapi", &[]).await;
    let (earlier, later) = (first(&play).await, first(&play).await);
    assert_eq!(refusal(&play.refresh(&earlier).await), refused());
    assert_eq!(play.refresh(&later).await.status, 200);
}

#[tokio::test]
async fn consent_can_be_withdrawn_by_the_client_and_by_the_person() {
    let play = Play::with("wisenet", &[("auth.revocation", "on")]).await;
    let revoke = async |token: &str, secret: &str| {
        let url = play.login.token_url.replace("/token", "/revoke");
        let form = [
            ("client_id", "rollbook"),
            ("client_secret", secret),
            ("token", token),
        ];
        let request = play.bench.client.post(url).form(&form);
        play.bench.send(request).await.unwrap().status
    };
    let answer = play.exchange(&play.code().await, &[]).await;
    let (access, refresh) = (
        text(&answer, "access_token"),
        text(&answer, "refresh_token"),
    );
    assert_eq!(revoke(&refresh, "wrong").await, 401);
    assert_eq!(play.reads(&access).await, 200);
    assert_eq!(revoke("made-up", &play.secret).await, 200);
    assert_eq!(revoke(&access, &play.secret).await, 200);
    assert_eq!(play.reads(&access).await, 401);
    let answer = play.refresh(&refresh).await;
    let (access, refresh) = (
        text(&answer, "access_token"),
        text(&answer, "refresh_token"),
    );
    assert_eq!(revoke(&refresh, &play.secret).await, 200);
    assert_eq!(
        play.reads(&access).await,
        401,
        "its access token goes with it"
    );
    assert_eq!(refusal(&play.refresh(&refresh).await), refused());

    let (one, two) = (first(&play).await, first(&play).await);
    assert!(play.control().authorization.revoke_grant(&one));
    assert!(!play.control().authorization.revoke_grant("made-up"));
    assert_eq!(refusal(&play.refresh(&one).await), refused());
    let two = text(&play.refresh(&two).await, "refresh_token");
    play.control().authorization.revoke_consent();
    assert_eq!(refusal(&play.refresh(&two).await), refused());
    assert_eq!(
        play.control().counters.writes(),
        0,
        "no write at the vendor"
    );
}

#[tokio::test]
async fn grants_outlive_the_process_and_spent_tokens_stay_spent() {
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
    let play = Play::start("wisenet", options()).await;
    let old = first(&play).await;
    let current = text(&play.refresh(&old).await, "refresh_token");
    let other = first(&play).await;
    play.bench.sandbox.stop().await;
    let play = Play::start("wisenet", options()).await;
    let next = text(&play.refresh(&current).await, "refresh_token");
    assert_ne!(next, "");
    assert_eq!(refusal(&play.refresh(&old).await), refused());
    assert_eq!(
        refusal(&play.refresh(&next).await),
        refused(),
        "old was reused"
    );
    assert_eq!(play.refresh(&other).await.status, 200, "another consent");
}
