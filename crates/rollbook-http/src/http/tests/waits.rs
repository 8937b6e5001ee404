//! fault-catalogue.md B: waits, paces and budgets.

use super::pages::{fine, requests, server, status};
use super::*;
use rollbook_core::model::Class;

#[tokio::test]
async fn transient_errors_are_retried() {
    let clock = monday();
    let answers = vec![status(408), status(425), status(502), status(504), fine()];
    let server = server(answers).await;
    let session = session(rules(&server.uri()), None, &clock.clock());
    assert_eq!(
        page(&session, &clock.clock()).await.expect("it passes"),
        "[1]"
    );
    let naps = clock.naps();
    assert_eq!(naps.len(), 4);
    for (nap, most) in naps.iter().zip([1, 2, 4, 8]) {
        assert!(*nap <= Duration::from_secs(most), "{naps:?}");
    }
}

#[tokio::test]
async fn no_request_before_the_requested_time() {
    for (header, least) in [
        ("120", 120),
        ("Mon, 02 Mar 2026 06:02:00 GMT", 120),
        ("Sun, 01 Mar 2026 06:02:00 GMT", 0),
        ("-3", 0),
        ("tomorrow", 0),
    ] {
        let clock = monday();
        // wiremock's own Date is today's; ours is the one to compare with.
        let date = "Mon, 02 Mar 2026 06:00:00 GMT";
        let busy = status(429)
            .insert_header("Retry-After", header)
            .insert_header("Date", date);
        let server = server(vec![busy, fine()]).await;
        let session = session(rules(&server.uri()), None, &clock.clock());
        assert_eq!(
            page(&session, &clock.clock()).await.expect("it passes"),
            "[1]"
        );
        let waited: Duration = clock.naps().iter().sum();
        let bounds = Duration::from_secs(least)..=Duration::from_secs(least + 1);
        assert!(bounds.contains(&waited), "{header}: {waited:?}");
    }
}

#[tokio::test]
async fn the_others_of_the_session_wait_too() {
    let clock = monday();
    let server = server(vec![
        status(503).insert_header("Retry-After", "3600"),
        fine(),
    ])
    .await;
    let session = session(rules(&server.uri()), None, &clock.clock());
    let error = page(&session, &clock.clock())
        .await
        .expect_err("beyond the run");
    let until: Timestamp = "2026-03-02T07:00:00Z".parse().expect("a time");
    assert_eq!(error.deferred_until(), Some(until), "{error}");
    assert_eq!(error.class(), Class::Transient);
    assert!(
        error.to_string().ends_with(
            "returned 503 with a request to wait; no request is sent before 2026-03-02 07:00:00 UTC"
        ),
        "{error}"
    );

    let other = page(&session, &clock.clock())
        .await
        .expect_err("the session pauses");
    assert_eq!(other.deferred_until(), Some(until), "{other}");
    assert_eq!(requests(&server).await, 1);

    clock.pass(Duration::from_secs(3590));
    assert_eq!(
        page(&session, &clock.clock())
            .await
            .expect("waits for the rest"),
        "[1]"
    );
    assert_eq!(clock.naps(), [Duration::from_secs(10)]);
}

#[tokio::test]
async fn a_vendor_in_trouble_is_not_hit_five_times() {
    for (answer, expected) in [(500, (30, 13)), (503, (12, 9))] {
        let clock = monday().clock();
        let server = server(vec![status(answer)]).await;
        let session = session(rules(&server.uri()), None, &clock);
        let budget = RunBudget::new(&clock, RunBudget::USUAL);
        let ask = PageRequest {
            path: "/users".into(),
            query: Vec::new(),
            headers: Vec::new(),
            what: "users".into(),
            effort: Effort::USUAL,
        };
        for _ in 0..50 {
            session
                .get(&ask, &budget, as_json())
                .await
                .expect_err("it stays broken");
        }
        let sent = (budget.requests(), budget.retries());
        assert_eq!(sent, expected, "{answer}");
        assert_eq!(requests(&server).await as u64, sent.0);
    }
}

#[tokio::test]
async fn a_run_ends_at_its_time() {
    let clock = monday();
    let server = server(vec![fine()]).await;
    let session = session(rules(&server.uri()), None, &clock.clock());
    let budget = RunBudget::new(&clock.clock(), Duration::from_secs(60));
    clock.pass(Duration::from_secs(60));
    let ask = PageRequest {
        path: "/users".into(),
        query: Vec::new(),
        headers: Vec::new(),
        what: "users".into(),
        effort: Effort::USUAL,
    };
    let error = session
        .get(&ask, &budget, as_json())
        .await
        .expect_err("too late");
    assert_eq!(
        error.to_string(),
        "read users: the run's time limit is reached; the next run continues"
    );
    assert_eq!(requests(&server).await, 0);
}

#[tokio::test]
async fn the_days_requests_are_counted_before_they_are_sent() {
    let clock = monday();
    let server = server(vec![fine()]).await;
    let rules = SessionRules {
        per_day: Some(2),
        ..rules(&server.uri())
    };
    let metrics = Arc::clone(&rules.metrics);
    let session = session(rules, None, &clock.clock());
    for _ in 0..2 {
        page(&session, &clock.clock())
            .await
            .expect("within the day");
    }
    for _ in 0..2 {
        let error = page(&session, &clock.clock()).await.expect_err("used up");
        assert_eq!(
            error
                .deferred_until()
                .map(|until| until.to_string())
                .as_deref(),
            Some("2026-03-03T00:00:00Z")
        );
        assert!(
            error
                .to_string()
                .contains("the limit of 2 requests a day is reached"),
            "{error}"
        );
    }
    assert_eq!(requests(&server).await, 2);
    let counted = metrics.totals(&named("school")).requests;
    assert_eq!(counted, [("ok".to_owned(), 2)].into(), "what was sent");
    let quota = metrics.quota(clock.clock().now()).expect("a limit");
    assert_eq!((quota.used, quota.limit), (2, 2));
    assert_eq!(quota.resets_at, "2026-03-03T00:00:00.000Z");
    clock.pass(Duration::from_secs(18 * 3600));
    page(&session, &clock.clock()).await.expect("a new day");
}

#[tokio::test]
async fn requests_are_paced() {
    let clock = monday();
    let server = server(vec![fine()]).await;
    let rules = SessionRules {
        per_second: 4.0,
        ..rules(&server.uri())
    };
    let session = session(rules, None, &clock.clock());
    for _ in 0..5 {
        page(&session, &clock.clock()).await.expect("fine");
    }
    assert_eq!(clock.naps(), [Duration::from_millis(250); 4]);
}
