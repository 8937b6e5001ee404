//! What a refusal means and how often a credential is sent after it (fault-catalogue.md 41, 103, 104).

use std::sync::atomic::{AtomicUsize, Ordering};

use wiremock::ResponseTemplate;

use super::vendor::{
    PageRule, TokenRule, Vendor, fine, fixed_key, open, password, status, token, token_response,
};
use super::*;
use rollbook_core::model::Class;

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3600);

pub(super) fn error_object(status_code: u16, code: &str) -> ResponseTemplate {
    status(status_code).set_body_string(format!(r#"{{"error":"{code}"}}"#))
}

/// A process of its own: a session with the vault of earlier ones.
pub(super) fn process(
    vendor: &Vendor,
    grant: Grant,
    vault: &Arc<MemoryVault>,
    clock: &Clock,
) -> Session {
    let manager = manager(grant, vault, clock);
    session(rules(&vendor.server.uri()), Some(manager), clock)
}

#[tokio::test]
async fn a_web_page_is_no_refusal_of_a_client() {
    for answer in [
        status(401).set_body_string("<html>captive portal"),
        status(403).set_body_string("<html>web filter"),
        status(400),
        status(404).set_body_string("<html>"),
        status(200).set_body_string("<html>maintenance"),
        status(200),
        status(407).set_body_string("<html>proxy"),
    ] {
        let clock = monday();
        let for_all = answer.clone();
        let vendor = Vendor::start(Box::new(move |_| for_all.clone()), open()).await;
        let session = vendor.client_credentials(&clock.clock());
        // Five times in the first run, then more and more seldom, whatever the number of jobs.
        for (minutes, tokens) in [(0, 5), (0, 5), (1, 6), (1, 6), (1, 7), (3, 7), (1, 8)] {
            clock.pass(minutes * MINUTE);
            let error = page(&session, &clock.clock()).await.expect_err("no token");
            assert_eq!(error.class(), Class::Transient, "{error}");
            assert_eq!(vendor.counts().await, (tokens, 0), "{error}");
        }
        let once: TokenRule = Box::new(move |number| match number {
            1 => answer.clone(),
            number => token_response(number, ""),
        });
        let vendor = Vendor::start(once, open()).await;
        page(&vendor.client_credentials(&clock.clock()), &clock.clock())
            .await
            .expect("in the same run");
        assert_eq!(vendor.counts().await, (2, 1));
    }
}

/// A vendor that refuses what it accepts otherwise, between these two times since the start.
fn outage(clock: &TestClock, from: Duration, to: Duration) -> PageRule {
    let clock = clock.clock();
    Box::new(move |_| {
        let now = clock.running();
        if from <= now && now < to {
            status(401)
        } else {
            fine()
        }
    })
}

pub(super) fn key() -> Grant {
    fixed_key("X-Api-Key", "own")
}

#[tokio::test]
async fn a_refusal_of_what_worked_is_refused_in_the_run() {
    for (name, is_key, seconds, tokens, pages) in [
        ("a key, for a moment", true, 1, 0, 3),
        ("a key, for ten seconds", true, 10, 0, 4),
        ("a key, for a minute", true, 60, 0, 4),
        ("a token, for a moment", false, 1, 1, 3),
        ("a token, for ten seconds", false, 10, 2, 6),
        ("a token, for a minute", false, 60, 2, 6),
    ] {
        let clock = monday();
        let until = 10 * SECOND + seconds * SECOND;
        let vendor = Vendor::start(token(""), outage(&clock, 10 * SECOND, until)).await;
        let grant = if is_key {
            key()
        } else {
            Grant::ClientCredentials(vendor.spec())
        };
        let session = vendor.session(grant, &clock.clock());
        page(&session, &clock.clock()).await.expect("fine");
        clock.pass(10 * SECOND);
        let outcome = page(&session, &clock.clock()).await;
        assert_eq!(outcome.is_ok(), seconds < 60, "{name}");
        assert_eq!(vendor.counts().await, (tokens, pages), "{name}");
        clock.pass(MINUTE);
        page(&session, &clock.clock()).await.expect("it is over");
    }
}

#[tokio::test]
async fn a_refusal_that_stays_costs_few_requests() {
    for (name, is_key, first, later) in [
        ("a key", true, (0, 2), (0, 1)),
        ("a token", false, (2, 4), (1, 3)),
    ] {
        let clock = monday();
        let vendor = Vendor::start(token(""), Box::new(|_| status(401))).await;
        let grant = if is_key {
            key()
        } else {
            Grant::ClientCredentials(vendor.spec())
        };
        let session = vendor.session(grant, &clock.clock());
        let mut expected = (0, 0);
        for run in 0..4 {
            let error = page(&session, &clock.clock()).await.expect_err(name);
            assert_eq!(error.class(), Class::Auth, "{name}: {error}");
            let more = if run == 0 { first } else { later };
            expected = (expected.0 + more.0, expected.1 + more.1);
            assert_eq!(vendor.counts().await, expected, "{name}");
            clock.pass(HOUR);
        }
    }
}

/// The clocks of a vendor's servers differ: a new token is not valid yet (`nbf`).
#[tokio::test]
async fn a_new_token_that_is_not_valid_yet_is_sent_once_more() {
    let clock = monday();
    let made = Arc::new(AtomicUsize::new(0));
    let (at, of_pages) = (made.clone(), clock.clock());
    let of_tokens = clock.clock();
    let give: TokenRule = Box::new(move |number| {
        at.store(of_tokens.running().as_millis() as usize, Ordering::Relaxed);
        token_response(number, "")
    });
    let vendor = Vendor::start(
        give,
        Box::new(move |_| {
            let age = of_pages.running().as_millis() as usize - made.load(Ordering::Relaxed);
            if age < 1500 { status(401) } else { fine() }
        }),
    )
    .await;
    let session = vendor.client_credentials(&clock.clock());
    page(&session, &clock.clock())
        .await
        .expect("a moment later");
    assert_eq!(vendor.counts().await, (1, 2));
    assert_eq!(clock.naps(), [2 * SECOND]);
}

#[tokio::test]
async fn ten_requests_share_the_doubt() {
    let clock = monday();
    let vendor = Vendor::start(token(""), Box::new(|_| status(401))).await;
    let session = vendor.client_credentials(&clock.clock());
    let clock = clock.clock();
    let pages = (0..10).map(|_| page(&session, &clock));
    for page in futures_util::future::join_all(pages).await {
        page.expect_err("refused");
    }
    let (tokens, pages) = vendor.counts().await;
    assert!(tokens <= 3 && pages <= 50, "{tokens} {pages}");
}

/// Nine jobs of one source, and a token endpoint that is busy for four seconds.
#[tokio::test]
async fn a_busy_token_endpoint_receives_one_request_at_a_time() {
    for header in [None, Some("Retry-After"), Some("X-Retry-After")] {
        let clock = monday();
        let end = clock.clock();
        let busy: TokenRule = Box::new(move |number| match (end.running() < 4 * SECOND, header) {
            (true, None) => status(429),
            (true, Some(name)) => status(429).insert_header(name, "4"),
            (false, _) => token_response(number, ""),
        });
        let vendor = Vendor::start(busy, open()).await;
        let session = vendor.client_credentials(&clock.clock());
        let clock = clock.clock();
        let jobs = (0..9).map(|_| page(&session, &clock));
        for page in futures_util::future::join_all(jobs).await {
            page.expect("read in the same run");
        }
        let (tokens, pages) = vendor.counts().await;
        assert!((2..=4).contains(&tokens), "{tokens}");
        assert_eq!(pages, 9);
    }
}

#[tokio::test]
async fn a_pause_that_a_token_endpoint_requests_is_kept() {
    let clock = monday();
    let busy: TokenRule = Box::new(|_| status(503).insert_header("Retry-After", "7200"));
    let vendor = Vendor::start(busy, open()).await;
    let session = vendor.client_credentials(&clock.clock());
    for minutes in [0, 60, 59, 1] {
        clock.pass(minutes * MINUTE);
        let error = page(&session, &clock.clock()).await.expect_err("busy");
        let until = error.deferred_until().expect("deferred");
        assert_eq!(until.to_string().len(), 20, "{error}");
    }
    assert_eq!(vendor.counts().await.0, 2, "at once, and after two hours");
}

/// The token endpoint refuses for a moment what it accepted an hour ago.
#[tokio::test]
async fn a_refused_renewal_is_asked_for_once_more() {
    for (refusals, tokens, is_ok) in [(1, 3, true), (2, 3, false)] {
        let clock = monday();
        let rule: TokenRule = Box::new(move |number| {
            if (2..2 + refusals).contains(&number) {
                error_object(401, "invalid_client")
            } else {
                token_response(number, r#","expires_in":3600"#)
            }
        });
        let vendor = Vendor::start(rule, open()).await;
        let session = vendor.client_credentials(&clock.clock());
        page(&session, &clock.clock()).await.expect("fine");
        clock.pass(HOUR);
        let outcome = page(&session, &clock.clock()).await;
        assert_eq!(outcome.is_ok(), is_ok);
        assert_eq!(vendor.counts().await.0, tokens);
        clock.pass(MINUTE);
        page(&session, &clock.clock()).await.expect("fine again");
    }
}

#[tokio::test]
async fn a_token_is_used_to_its_end_while_its_renewal_is_refused() {
    let clock = monday();
    let rule: TokenRule = Box::new(|number| match number {
        1 => token_response(number, r#","expires_in":3600"#),
        _ => error_object(400, "invalid_grant"),
    });
    let vendor = Vendor::start(rule, open()).await;
    let session = vendor.session(password(vendor.spec()), &clock.clock());
    page(&session, &clock.clock()).await.expect("fine");
    for _ in 0..3 {
        clock.pass(19 * MINUTE);
        page(&session, &clock.clock()).await.expect("still valid");
    }
    clock.pass(3 * MINUTE);
    let error = page(&session, &clock.clock()).await.expect_err("expired");
    assert_eq!(error.class(), Class::Auth);
    assert_eq!(
        vendor.counts().await.0,
        2,
        "the password was sent once more"
    );
}

#[tokio::test]
async fn the_vendors_explanation_is_quoted_without_secrets() {
    for (description, expected) in [
        ("The client is disabled.", Some("The client is disabled.")),
        ("two\\nlines \\u0007", Some("two lines \\u{7}")),
        ("for cl1ent+s3cret", None),
        ("for CL1ENT+S3CRET", None),
        ("c2Nob29sLWNsaWVudDpjbDFlbnQrczNjcmV0", None),
        ("user ada", None),
        ("not pa55 w&rd", None),
    ] {
        let clock = monday();
        let answer = status(400).set_body_string(format!(
            r#"{{"error":"invalid_grant","error_description":"{description}"}}"#
        ));
        let vendor = Vendor::start(Box::new(move |_| answer.clone()), open()).await;
        let session = vendor.session(password(vendor.spec()), &clock.clock());
        let error = page(&session, &clock.clock()).await.expect_err("refused");
        let text = error.to_string();
        let quoted = expected.map(|expected| format!("(400, invalid_grant: \"{expected}\")"));
        let found = quoted.unwrap_or_else(|| "(400, invalid_grant)".to_owned());
        assert!(text.contains("refused the user name or password"), "{text}");
        assert!(text.contains(&found), "{text}");
    }
}

/// A wrong client id or tenant is answered like a wrong secret, or with a page that does not exist.
#[tokio::test]
async fn a_refused_client_may_be_one_of_another_tenant() {
    let client = "check `client_id`, `client_secret` and `client_auth` of the source, and the settings in its token \
                  address, such as a tenant";
    for (answer, expected) in [
        (error_object(401, "invalid_client"), client),
        (error_object(404, "invalid_client"), client),
        (error_object(400, "invalid_grant"), client),
        (error_object(400, "tenant_unknown"), client),
        (
            error_object(400, "unauthorized_client"),
            "check `client_id` and the settings in the token address, such as a tenant; if they are right, choose \
             another `grant`",
        ),
        (
            error_object(400, "invalid_request"),
            "check the settings in the token address, such as a tenant, and compare the keys of the grant",
        ),
        (
            status(404).set_body_string("<html>"),
            "nothing exists at the token address; check the settings in it, such as a tenant, and the token_url",
        ),
    ] {
        let clock = monday();
        let vendor = Vendor::start(Box::new(move |_| answer.clone()), open()).await;
        let session = vendor.client_credentials(&clock.clock());
        let error = page(&session, &clock.clock()).await.expect_err("refused");
        let text = error.to_string();
        assert!(text.contains(expected), "{text}");
        assert!(!text.contains("store the right"), "{text}");
    }
}
