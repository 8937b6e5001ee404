//! Redirects for a slash at the end of a path: followed once, and reported.

use super::pages::{fine, requests, server, status};
use super::*;

/// Tells whether the response came after a redirect.
struct Redirected;

impl BodyDecoder<bool> for Redirected {
    fn take(&mut self, _: &mut Vec<u8>) -> Result<(), UnexpectedResponse> {
        Ok(())
    }

    fn finish(self: Box<Self>, reply: &Reply) -> Result<bool, UnexpectedResponse> {
        Ok(reply.redirected)
    }
}

#[tokio::test]
async fn a_redirect_for_a_slash_is_followed_once() {
    let clock = monday().clock();
    let to = |location: &str| status(301).insert_header("location", location);
    for (answers, asked, expected) in [
        (vec![fine()], 1, Ok(false)),
        (vec![to("/users/?limit=5"), fine()], 2, Ok(true)),
        (vec![to("/users/"), fine()], 2, Ok(true)),
        (vec![to("/users/"), to("/users")], 2, Err("redirects to")),
        (
            vec![to("/login?next=/users"), fine()],
            1,
            Err("redirects to"),
        ),
        (
            vec![to("https://evil.example/users/"), fine()],
            1,
            Err("redirects to evil.example"),
        ),
        (vec![to("/users/"), status(404)], 2, Err("nothing exists")),
    ] {
        let server = server(answers).await;
        let session = session(rules(&server.uri()), None, &clock);
        let budget = RunBudget::new(&clock, RunBudget::USUAL);
        let ask = PageRequest {
            path: "/users".into(),
            query: vec![("limit".into(), "5".into())],
            headers: vec![("X-One".into(), "1".into())],
            what: "users".into(),
            effort: Effort::ONCE,
        };
        let read = session.get(&ask, &budget, Decode::new(|| Redirected)).await;
        match expected {
            Ok(expected) => assert_eq!(read.expect("read"), expected),
            Err(expected) => {
                let error = read.expect_err(expected).to_string();
                assert!(error.contains(expected), "{error}");
            }
        }
        assert_eq!(requests(&server).await, asked);
        for request in server.received_requests().await.expect("recorded") {
            assert_eq!(request.url.query(), Some("limit=5"));
            assert_eq!(request.headers["x-one"], "1");
        }
    }
}

/// The vendor counts both requests, so both keep the pace.
#[tokio::test]
async fn the_request_behind_a_redirect_keeps_the_pace() {
    let clock = monday();
    let to = status(301).insert_header("location", "/users/");
    let server = server(vec![to, fine()]).await;
    let rules = SessionRules {
        per_second: 0.5,
        ..rules(&server.uri())
    };
    let session = session(rules, None, &clock.clock());
    page(&session, &clock.clock()).await.expect("a page");
    assert_eq!(requests(&server).await, 2);
    assert_eq!(clock.naps(), [Duration::from_secs(2)]);
}
