//! fault-catalogue.md B: statuses, and what is sent.

use std::sync::atomic::{AtomicUsize, Ordering};

use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::*;
use rollbook_core::model::Class;

/// A server that answers in turn, and with the last answer from then on.
pub(crate) async fn server(answers: Vec<ResponseTemplate>) -> MockServer {
    let server = MockServer::start().await;
    let turn = AtomicUsize::new(0);
    let answer = move |_: &Request| {
        let turn = turn.fetch_add(1, Ordering::Relaxed);
        answers[turn.min(answers.len() - 1)].clone()
    };
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

pub(crate) fn status(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status)
}

pub(crate) fn fine() -> ResponseTemplate {
    status(200).set_body_string("[1]")
}

pub(crate) async fn requests(server: &MockServer) -> usize {
    server.received_requests().await.unwrap_or_default().len()
}

#[tokio::test]
async fn a_status_by_rows() {
    let error_body = |code: &str| {
        format!(r#"{{"responseStatus":{{"errorCode":"{code}","message":"Ada Lovelace"}}}}"#)
    };
    for (answer, class, requested, reported) in [
        (
            status(400),
            Class::Permanent,
            1,
            "returned 400, which a retry does not change",
        ),
        (status(401), Class::Auth, 1, "does not accept the token"),
        (status(403), Class::Auth, 1, "lacks the right"),
        (
            status(404),
            Class::Permanent,
            1,
            "nothing exists at this path",
        ),
        (status(408), Class::Transient, 5, "it timed out"),
        (
            status(413),
            Class::Permanent,
            1,
            "too much was requested at once",
        ),
        (status(429), Class::Transient, 5, "too many requests"),
        (status(500), Class::Transient, 5, "an error on its side"),
        (
            status(501),
            Class::Permanent,
            1,
            "returned 501, which a retry does not change",
        ),
        (
            status(503),
            Class::Transient,
            5,
            "overloaded or in maintenance",
        ),
        (
            status(206),
            Class::Contract,
            2,
            "only the statuses 200 and 204",
        ),
        (
            status(200).set_body_string("{"),
            Class::Contract,
            2,
            "it is not JSON",
        ),
        (
            status(500).set_body_string(error_body("NotExist")),
            Class::Permanent,
            1,
            "(NotExist)",
        ),
        (
            status(400).set_body_string(error_body("TooManyRequested")),
            Class::Permanent,
            1,
            "(TooManyRequested)",
        ),
        (
            status(302).insert_header("Location", "https://evil.example/x?token=t0ken"),
            Class::Permanent,
            1,
            "redirects to evil.example,",
        ),
        (
            status(308),
            Class::Permanent,
            1,
            "redirects to another address",
        ),
    ] {
        let clock = monday().clock();
        let server = server(vec![answer]).await;
        let session = session(rules(&server.uri()), None, &clock);
        let error = page(&session, &clock).await.expect_err(reported);
        let text = error.to_string();
        assert_eq!(error.class(), class, "{text}");
        assert_eq!(requests(&server).await, requested, "{text}");
        assert!(
            text.starts_with("read page 1 of users: ") && text.contains(reported),
            "{text}"
        );
        assert!(!text.contains("Ada") && !text.contains("t0ken"), "{text}");
        assert_eq!(error.attempts() as usize, requested, "{text}");
    }
}

#[tokio::test]
async fn what_a_caller_may_ask_an_error() {
    let code = |code| status(500).set_body_string(format!(r#"{{"error":"{code}"}}"#));
    for (answer, missing, too_many, forbidden, code) in [
        (status(404), true, false, false, None),
        (status(405), true, false, false, None),
        (code("NotExist"), true, false, false, Some("NotExist")),
        (
            code("TooManyRequested"),
            false,
            true,
            false,
            Some("TooManyRequested"),
        ),
        (status(413), false, true, false, None),
        (status(403), false, false, true, None),
        (status(400), false, false, false, None),
    ] {
        let clock = monday().clock();
        let server = server(vec![answer]).await;
        let error = page(&session(rules(&server.uri()), None, &clock), &clock)
            .await
            .expect_err("an error");
        assert_eq!(
            (
                error.is_missing(),
                error.is_too_many(),
                error.is_forbidden()
            ),
            (missing, too_many, forbidden),
            "{error}"
        );
        assert_eq!(error.code(), code, "{error}");
        assert!(error.status().is_some(), "{error}");
    }
}

#[tokio::test]
async fn what_is_sent() {
    let clock = monday().clock();
    let server = server(vec![status(204), fine()]).await;
    let base = format!("{}/ims/v1?x=1", server.uri());
    let rules = SessionRules {
        headers: vec![("X-School".into(), "4711".into())],
        ..rules(&base)
    };
    let session = session(rules, None, &clock);
    assert_eq!(
        page(&session, &clock).await.expect("nothing is an answer"),
        "null"
    );
    let budget = RunBudget::new(&clock, RunBudget::USUAL);
    let query = vec![("filter".into(), "a>='b c'".into())];
    let ask = PageRequest {
        path: "/a%20b".into(),
        query,
        headers: Vec::new(),
        what: "users".into(),
        effort: Effort::USUAL,
    };
    session.get(&ask, &budget, as_json()).await.expect("fine");
    let link = format!("{}/ims/v1/users?cursor=a+b%2B", server.uri());
    let next = session
        .follow(&link, "page 2 of users".into())
        .expect("at home");
    session.get(&next, &budget, as_json()).await.expect("fine");
    let sent = server.received_requests().await.expect("recorded");
    let path = |request: &Request| request.url.as_str().replace("http://localhost", "");
    let paths: Vec<String> = sent.iter().map(path).collect();
    assert_eq!(
        paths,
        [
            "/ims/v1/users",
            "/ims/v1/a%20b?filter=a%3E%3D%27b%20c%27",
            "/ims/v1/users?cursor=a+b%2B"
        ]
    );
    for request in &sent {
        assert_eq!(request.method.as_str(), "GET");
        assert_eq!(request.headers["x-school"], "4711");
        assert!(
            !request.headers.contains_key("referer")
                && !request.headers.contains_key("authorization")
        );
    }
    let error = session
        .follow(
            "https://evil.example/ims/v1/users",
            "page 2 of users".into(),
        )
        .expect_err("outside base_url");
    assert_eq!(error.class(), Class::Contract);
    assert!(!error.to_string().contains("evil"), "{error}");
}

#[test]
fn wrong_rules_are_refused_at_once() {
    let base = "https://api.example.org/v1";
    let good = rules(base);
    for (name, wrong) in [
        (
            "base_url must be https",
            SessionRules {
                base_url: Url::parse("http://api.example.org").expect("an address"),
                ..good.clone()
            },
        ),
        (
            "in_flight must be",
            SessionRules {
                in_flight: 0,
                ..good.clone()
            },
        ),
        (
            "per_second must be",
            SessionRules {
                per_second: 0.0,
                ..good.clone()
            },
        ),
        (
            "per_second must be",
            SessionRules {
                per_second: f64::NAN,
                ..good.clone()
            },
        ),
        (
            "is not a valid header name",
            SessionRules {
                headers: vec![("a b".into(), String::new())],
                ..good.clone()
            },
        ),
        (
            "a header cannot carry",
            SessionRules {
                headers: vec![("a".into(), "s3cret\n".into())],
                ..good.clone()
            },
        ),
        (
            "cannot be read",
            SessionRules {
                route: Route {
                    ca_file: Some("/nowhere/ca.pem".into()),
                    ..Route::default()
                },
                ..good.clone()
            },
        ),
    ] {
        let made = Session::new(wrong, None, Arc::new(Days::default()), monday().clock());
        let text = made
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        assert!(
            text.starts_with("prepare the requests of school: ") && text.contains(name),
            "{text}"
        );
        assert!(!text.contains("s3cret"), "{text}");
    }
}
