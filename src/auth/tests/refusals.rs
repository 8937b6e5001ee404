//! What a refusal means and how often a credential is sent after it (fault-catalogue.md 41, 103, 104).

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use wiremock::ResponseTemplate;

use super::vendor::{
    PageRule, TokenRule, Vendor, fine, open, password, status, token, token_response,
};
use super::*;
use crate::model::Class;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn error_object(status_code: u16, code: &str) -> ResponseTemplate {
    status(status_code).set_body_string(format!(r#"{{"error":"{code}"}}"#))
}

/// A process of its own: a session with the vault of earlier ones.
fn process(vendor: &Vendor, grant: Grant, vault: &Arc<MemoryVault>, clock: &Clock) -> Session {
    let manager = manager(grant, vault, clock);
    session(rules(&vendor.server.uri()), Some(manager), clock)
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_a_day() {
    let hour = Duration::from_secs(3600);
    for (word, is_password, rest) in [
        ("invalid_grant", true, 24 * hour),
        ("mfa_required", true, 24 * hour),
        ("of_its_own", true, 24 * hour),
        ("invalid_grant", false, hour / 60),
    ] {
        let clock = monday();
        let refused = format!(r#"{{"error":"{word}"}}"#);
        let refuse: TokenRule = Box::new(move |_| status(400).set_body_string(refused.clone()));
        let vendor = Vendor::start(refuse, open()).await;
        let grant = if is_password {
            password(vendor.spec())
        } else {
            Grant::ClientCredentials(vendor.spec())
        };
        let session = vendor.session(grant, &clock.clock());
        for (pass, tokens) in [
            (Duration::ZERO, 1),
            (Duration::ZERO, 1),
            (rest - Duration::from_secs(1), 1),
            (Duration::from_secs(1), 2),
        ] {
            clock.pass(pass);
            let error = page(&session, &clock.clock()).await.expect_err("wrong");
            assert_eq!(error.class(), Class::Auth);
            assert_eq!(vendor.counts().await, (tokens, 0));
        }
    }
}

#[tokio::test]
async fn a_refused_password_is_remembered_across_restarts() {
    let clock = monday();
    let refuse: TokenRule =
        Box::new(|_| status(400).set_body_string(r#"{"error":"invalid_grant"}"#));
    let vendor = Vendor::start(refuse, open()).await;
    let vault = Arc::new(MemoryVault::default());
    // Each line is a process of its own: the password that it finds, hours later, and token requests so far.
    for (name, secret, hours, tokens) in [
        ("first", "wrong", 0, 1),
        ("restarted", "wrong", 0, 1),
        ("restarted before the day is over", "wrong", 23, 1),
        ("put right, and wrong again", "also wrong", 0, 2),
        ("restarted", "also wrong", 1, 2),
        ("a day later", "also wrong", 23, 3),
    ] {
        clock.pass(Duration::from_secs(hours * 3600));
        let grant = Grant::Password {
            spec: vendor.spec(),
            username: "ada".into(),
            password: secret.into(),
        };
        let manager = manager(grant, &vault, &clock.clock());
        let session = session(rules(&vendor.server.uri()), Some(manager), &clock.clock());
        let error = page(&session, &clock.clock()).await.expect_err(name);
        assert_eq!(error.class(), Class::Auth, "{name}");
        assert_eq!(vendor.counts().await, (tokens, 0), "{name}: {error}");
        assert!(!error.to_string().contains("wrong"), "{name}: {error}");
    }
    // A clock that was years ahead must not silence the source for years.
    clock.set_wall("2020-01-01T00:00:00Z".parse().expect("a time"));
    let spec = vendor.spec();
    let password = |word: &str| Grant::Password {
        spec: spec.clone(),
        username: "ada".into(),
        password: word.into(),
    };
    let manager = manager(password("also wrong"), &vault, &clock.clock());
    let session = session(rules(&vendor.server.uri()), Some(manager), &clock.clock());
    page(&session, &clock.clock()).await.expect_err("wrong");
    assert_eq!(vendor.counts().await.0, 4);
}

/// Sends per day are counted over restarts: every hour a new process wants a page, for two days.
#[tokio::test]
async fn an_unclear_answer_to_a_password_is_asked_for_three_times_a_day() {
    let page_of = |code| status(code).set_body_string("<html><form>sign in</form>");
    for (name, answer) in [
        ("a web page with 401", page_of(401)),
        ("an empty body with 400", status(400)),
        ("a web filter", page_of(403)),
        ("an error of the server", status(500)),
        ("a page with a form", page_of(200)),
        ("an empty body with 200", status(200)),
        (
            "another JSON",
            status(401).set_body_string(r#"{"error":"Unauthorized","status":401}"#),
        ),
        (
            "a redirect to a form",
            status(302).insert_header("Location", "https://login.example/?user=ada"),
        ),
        ("not implemented", status(501)),
        ("not found", status(404)),
    ] {
        let clock = monday();
        let vendor = Vendor::start(Box::new(move |_| answer.clone()), open()).await;
        let vault = Arc::new(MemoryVault::default());
        let mut sent = Vec::new();
        for hour in 0..48 {
            let session = process(&vendor, password(vendor.spec()), &vault, &clock.clock());
            for _ in 0..3 {
                let before = vendor.counts().await.0;
                let error = page(&session, &clock.clock()).await.expect_err(name);
                let is_final = sent.len() + vendor.counts().await.0 - before >= 3;
                let class = if is_final {
                    Class::Auth
                } else {
                    Class::Transient
                };
                assert_eq!(error.class(), class, "{name}: {error}");
                assert_eq!(error.attempts(), 1, "{name}");
                assert_eq!(
                    error.deferred_until(),
                    None,
                    "a changed password is used at once"
                );
                let text = error.to_string();
                assert!(
                    text.contains("to keep the account from being locked"),
                    "{text}"
                );
                assert!(!text.contains("pa55") && !text.contains("ada"), "{text}");
                assert!(
                    !text.contains("refused the user"),
                    "no refusal was received: {text}"
                );
                let new = vendor.counts().await.0 - before;
                sent.extend((0..new).map(|_| hour));
                clock.pass(MINUTE);
            }
            clock.pass(57 * MINUTE);
        }
        assert_eq!(sent, [0, 1, 5, 29], "{name}");
        // Another password is sent at once, and is a new beginning.
        let other = Grant::Password {
            spec: vendor.spec(),
            username: "ada".into(),
            password: "another".into(),
        };
        let session = process(&vendor, other, &vault, &clock.clock());
        let error = page(&session, &clock.clock()).await.expect_err(name);
        assert_eq!(error.class(), Class::Transient, "{name}: {error}");
        assert_eq!(vendor.counts().await.0, 5, "{name}");
    }
}

#[tokio::test]
async fn a_busy_server_has_not_read_the_password() {
    for answer in [429, 502, 503, 504] {
        let clock = monday();
        let busy: TokenRule = Box::new(move |number| match number {
            1..=3 => status(answer),
            number => token_response(number, ""),
        });
        let vendor = Vendor::start(busy, open()).await;
        let session = vendor.session(password(vendor.spec()), &clock.clock());
        page(&session, &clock.clock()).await.expect("in the run");
        assert_eq!(vendor.counts().await, (4, 1), "{answer}");
    }
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

/// `invalid_client` is about the client's secret, so the password does not rest, and the vault notes nothing.
#[tokio::test]
async fn a_refused_client_is_no_refused_password() {
    let clock = monday();
    let vault = Arc::new(MemoryVault::default());
    let once: TokenRule = Box::new(|number| match number {
        1 => error_object(401, "invalid_client"),
        number => token_response(number, ""),
    });
    let vendor = Vendor::start(once, open()).await;
    let first = process(&vendor, password(vendor.spec()), &vault, &clock.clock());
    for _ in 0..3 {
        let error = page(&first, &clock.clock()).await.expect_err("refused");
        assert_eq!(
            error.to_string(),
            "get a token for school: localhost refused the client_id or client_secret (401, invalid_client); \
             it is not retried for now: check `client_id`, `client_secret` and `client_auth` of the source, \
             and resume the job"
                .replace("localhost", &vendor.server.address().to_string())
        );
    }
    assert_eq!(vendor.counts().await.0, 1, "sent once");
    assert!(vault.with(|memory| memory.refusal.is_none()));
    let second = process(&vendor, password(vendor.spec()), &vault, &clock.clock());
    page(&second, &clock.clock())
        .await
        .expect("the vendor is repaired");
    clock.pass(MINUTE);
    page(&first, &clock.clock())
        .await
        .expect("also here, later");
}

#[tokio::test]
async fn an_accepted_password_clears_what_was_noted() {
    let clock = monday();
    let vault = Arc::new(MemoryVault::default());
    let twice: TokenRule = Box::new(|number| match number {
        1 => status(500),
        2 => error_object(200, "invalid_grant"),
        number => token_response(number, ""),
    });
    let vendor = Vendor::start(twice, open()).await;
    for (wait, attempts) in [(HOUR, Some(1)), (25 * HOUR, Some(2)), (HOUR, None)] {
        let session = process(&vendor, password(vendor.spec()), &vault, &clock.clock());
        let _ = page(&session, &clock.clock()).await;
        let known = vault.with(|memory| memory.refusal.as_ref().map(|known| known.1.attempts));
        assert_eq!(known, attempts);
        clock.pass(wait);
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

fn key() -> Grant {
    Grant::ApiKey {
        header: "X-Api-Key".into(),
        key: "own".into(),
    }
}

#[tokio::test]
async fn a_refusal_of_what_worked_is_doubted_in_the_run() {
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

/// Rules that an admin changes while the program runs.
fn following(
    vendor: &Vendor,
    grant: impl Fn(u64) -> Grant + Send + Sync + 'static,
    clock: &Clock,
) -> (Session, Arc<AtomicUsize>) {
    let version = Arc::new(AtomicUsize::new(1));
    let current = version.clone();
    let rules_of = move |version: u64| TokenRules {
        source: named("school"),
        grant: grant(version),
        timeouts: slow(),
        route: Route::default(),
    };
    let first = rules_of(1);
    let refetch: Refetch = Arc::new(move |known| {
        let now = current.load(Ordering::Relaxed) as u64;
        (now != known).then(|| (now, rules_of(now)))
    });
    let manager = TokenManager::following(
        first,
        (1, refetch),
        Arc::new(MemoryVault::default()),
        clock.clone(),
    );
    let manager = manager.expect("the rules are right");
    (
        session(rules(&vendor.server.uri()), Some(manager), clock),
        version,
    )
}

#[tokio::test]
async fn a_changed_secret_is_used_at_the_next_token_request() {
    let clock = monday();
    let vendor = Vendor::start(token(r#","expires_in":3600"#), open()).await;
    let spec = vendor.spec();
    let grant = move |version| {
        Grant::ClientCredentials(GrantSpec {
            client_secret: Some(format!("secret-{version}").into()),
            ..spec.clone()
        })
    };
    let (session, version) = following(&vendor, grant, &clock.clock());
    page(&session, &clock.clock()).await.expect("fine");
    version.store(2, Ordering::Relaxed);
    page(&session, &clock.clock())
        .await
        .expect("the token is valid");
    assert_eq!(vendor.counts().await, (1, 2));
    clock.pass(HOUR);
    page(&session, &clock.clock()).await.expect("fine");
    let sent = vendor.server.received_requests().await.expect("recorded");
    let secrets: Vec<String> = sent
        .iter()
        .filter(|request| request.method.as_str() == "POST")
        .map(|request| {
            request.headers["authorization"]
                .to_str()
                .expect("text")
                .to_owned()
        })
        .collect();
    // school-client:secret-1 and school-client:secret-2
    assert_eq!(
        secrets,
        [
            "Basic c2Nob29sLWNsaWVudDpzZWNyZXQtMQ==",
            "Basic c2Nob29sLWNsaWVudDpzZWNyZXQtMg=="
        ]
    );
}

#[tokio::test]
async fn a_changed_secret_ends_the_rest_of_a_refused_one() {
    let clock = monday();
    let is_wrong = Arc::new(AtomicBool::new(true));
    let wrong = is_wrong.clone();
    let rule: TokenRule = Box::new(move |number| match wrong.load(Ordering::Relaxed) {
        true => error_object(400, "invalid_grant"),
        false => token_response(number, ""),
    });
    let vendor = Vendor::start(rule, open()).await;
    let spec = vendor.spec();
    let grant = move |version| Grant::Password {
        spec: spec.clone(),
        username: "ada".into(),
        password: format!("password-{version}").into(),
    };
    let (session, version) = following(&vendor, grant, &clock.clock());
    for _ in 0..2 {
        page(&session, &clock.clock()).await.expect_err("wrong");
    }
    assert_eq!(vendor.counts().await, (1, 0));
    is_wrong.store(false, Ordering::Relaxed);
    version.store(2, Ordering::Relaxed);
    page(&session, &clock.clock()).await.expect("the new one");
    assert_eq!(vendor.counts().await, (2, 1));
}

#[tokio::test]
async fn a_changed_key_is_used_at_the_next_request() {
    let clock = monday();
    let vendor = Vendor::start(token(""), open()).await;
    let grant = |version| Grant::ApiKey {
        header: "Authorization".into(),
        key: format!("Bearer key-{version}").into(),
    };
    let (session, version) = following(&vendor, grant, &clock.clock());
    page(&session, &clock.clock()).await.expect("fine");
    version.store(2, Ordering::Relaxed);
    clock.pass(SECOND);
    page(&session, &clock.clock()).await.expect("fine");
    let sent = vendor.server.received_requests().await.expect("recorded");
    let keys: Vec<&str> = sent
        .iter()
        .map(|request| request.headers["authorization"].to_str().expect("text"))
        .collect();
    assert_eq!(keys, ["Bearer key-1", "Bearer key-2"]);
}

/// The file changes between the request and its refusal.
#[tokio::test]
async fn a_refused_key_is_replaced_by_a_changed_one() {
    let clock = monday();
    let vendor = Vendor::start(
        token(""),
        Box::new(|key| if key == "key-1" { status(401) } else { fine() }),
    )
    .await;
    let grant = |version| Grant::ApiKey {
        header: "Authorization".into(),
        key: format!("Bearer key-{version}").into(),
    };
    let (session, version) = following(&vendor, grant, &clock.clock());
    version.store(2, Ordering::Relaxed);
    page(&session, &clock.clock())
        .await
        .expect("the changed one");
    assert_eq!(vendor.counts().await, (0, 2));
}
