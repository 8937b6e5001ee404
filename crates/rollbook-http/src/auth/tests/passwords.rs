//! How often a password is sent that is not accepted (fault-catalogue.md 103, 104).

use wiremock::matchers::method;
use wiremock::{Mock, Request, ResponseTemplate};

use super::refusals::{HOUR, MINUTE, SECOND, error_object, process};
use super::vendor::{TokenRule, Vendor, fine, open, password, status, token_response};
use super::*;
use rollbook_core::model::{Class, KeptRefusal};

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

/// What the vault holds when the vendor receives the password is what a killed program leaves.
#[tokio::test]
async fn a_rejected_password_counts_when_it_is_sent_again_also_if_the_program_is_killed_then() {
    let kinds = [
        ("refused", error_object(400, "invalid_grant"), true),
        ("unclear", status(500), false),
    ];
    for (name, response, is_clear) in kinds {
        let (clock, vault) = (monday(), Arc::new(MemoryVault::default()));
        let left = Arc::new(std::sync::Mutex::new(Vec::new()));
        let (at_vendor, leaves) = (vault.clone(), left.clone());
        let vendor = start(move |_| {
            let noted = at_vendor.with(|memory| memory.refusal.clone());
            leaves.lock().expect("no panic").push(noted);
            response.clone()
        })
        .await;
        let run = async || {
            let session = process(&vendor, password(vendor.spec()), &vault, &clock.clock());
            page(&session, &clock.clock()).await.expect_err(name)
        };
        run().await;
        clock.pass(24 * HOUR);
        run().await;
        assert_eq!(passwords(&vendor).await, 2, "{name}: a day later");
        let left = left.lock().expect("no panic").last().cloned().flatten();
        let noted = left.as_ref().map(|(_, noted)| *noted);
        let expected = KeptRefusal {
            at: clock.clock().now(),
            attempts: 2,
            is_clear,
        };
        assert_eq!(noted, Some(expected), "{name}: before it is sent");
        vault.with(|memory| memory.refusal = left);
        clock.pass(24 * HOUR - SECOND);
        run().await;
        assert_eq!(passwords(&vendor).await, 2, "{name}: killed, and started");
        clock.pass(SECOND);
        vault.with(|memory| memory.full = true);
        let error = run().await;
        assert!(matches!(error.kind(), HttpErrorKind::Vault(_)), "{error}");
        assert_eq!(passwords(&vendor).await, 2, "{name}: it cannot be noted");
        vault.with(|memory| memory.full = false);
        run().await;
        assert_eq!(passwords(&vendor).await, 3, "{name}: its day is over");
    }
}

/// A server that did not read the password is no attempt: the next one is allowed at once.
#[tokio::test]
async fn a_busy_server_takes_back_what_was_noted_before() {
    let (clock, vault) = (monday(), Arc::new(MemoryVault::default()));
    let rule: TokenRule = Box::new(|number| match number {
        2 => status(429).insert_header("Retry-After", "7200"),
        _ => error_object(400, "invalid_grant"),
    });
    let vendor = Vendor::start(rule, open()).await;
    for (hours, tokens, attempts) in [(0, 1, 1), (24, 2, 1), (1, 3, 2), (1, 3, 2)] {
        clock.pass(hours * HOUR);
        let session = process(&vendor, password(vendor.spec()), &vault, &clock.clock());
        page(&session, &clock.clock()).await.expect_err("no token");
        assert_eq!(vendor.counts().await.0, tokens);
        let noted = vault.with(|memory| memory.refusal.as_ref().map(|noted| noted.1.attempts));
        assert_eq!(noted, Some(attempts));
    }
}

/// How a server responds to a password that is wrong, in its own manner.
fn manners() -> Vec<(&'static str, ResponseTemplate)> {
    let page_of = |code| status(code).set_body_string("<html><form>sign in</form>");
    let other_json = r#"{"error":"Unauthorized","status":401}"#;
    let redirect = status(302).insert_header("Location", "https://login.example/?user=ada");
    vec![
        ("a web page with 401", page_of(401)),
        ("an empty body with 400", status(400)),
        ("a web filter", page_of(403)),
        ("an error of the server", status(500)),
        ("a page with a form", page_of(200)),
        ("an empty body with 200", status(200)),
        ("another JSON", status(401).set_body_string(other_json)),
        ("a redirect to a form", redirect),
        ("not implemented", status(501)),
        ("not found", status(404)),
    ]
}

/// Hours of the token requests with a password, of two days in which every hour a new process wants three pages. All
/// errors say why the password rests, and nothing of it.
async fn sent_in_two_days(
    vendor: &Vendor,
    clock: &TestClock,
    vault: &Arc<MemoryVault>,
) -> Vec<u64> {
    let mut sent = Vec::new();
    for hour in 0..48 {
        let session = process(vendor, password(vendor.spec()), vault, &clock.clock());
        for _ in 0..3 {
            let before = passwords(vendor).await;
            let error = page(&session, &clock.clock()).await.expect_err("no token");
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
            assert_eq!(error.attempts(), 1, "{text}");
            assert_eq!(
                error.deferred_until(),
                None,
                "a changed password is used at once"
            );
            sent.extend((before..passwords(vendor).await).map(|_| hour));
            clock.pass(MINUTE);
        }
        clock.pass(57 * MINUTE);
    }
    sent
}

/// Token requests with a password so far.
async fn passwords(vendor: &Vendor) -> usize {
    let requests = vendor.server.received_requests().await.unwrap_or_default();
    let has_password = |body: &[u8]| body.windows(9).any(|part| part == b"password=");
    requests
        .iter()
        .filter(|request| has_password(&request.body))
        .count()
}

/// A vendor whose rule sees whether a token request holds a password.
async fn start(rule: impl Fn(bool) -> ResponseTemplate + Send + Sync + 'static) -> Vendor {
    let vendor = Vendor::start(Box::new(|_| status(500)), open()).await;
    vendor.server.reset().await;
    Mock::given(method("POST"))
        .respond_with(move |request: &Request| {
            rule(request.body.windows(9).any(|part| part == b"password="))
        })
        .mount(&vendor.server)
        .await;
    Mock::given(method("GET"))
        .respond_with(fine())
        .mount(&vendor.server)
        .await;
    vendor
}

/// Sends are counted over restarts and processes, whatever the server's manners.
#[tokio::test]
async fn a_password_that_is_not_accepted_is_sent_once_a_day() {
    for (name, answer) in manners() {
        let (clock, vault) = (monday(), Arc::new(MemoryVault::default()));
        let vendor = start(move |_| answer.clone()).await;
        let sent = sent_in_two_days(&vendor, &clock, &vault).await;
        assert_eq!(sent, [0, 24], "{name}");
        // Another password is sent at once, and is a new beginning.
        let other = Grant::Password {
            spec: vendor.spec(),
            username: "ada".into(),
            password: "another".into(),
        };
        let session = process(&vendor, other, &vault, &clock.clock());
        let error = page(&session, &clock.clock()).await.expect_err(name);
        assert_eq!(error.class(), Class::Transient, "{name}: {error}");
        assert_eq!(passwords(&vendor).await, 3, "{name}");
    }
}

/// A server that refuses a missing password by the standard and a wrong one in its own manner: that is known by the second.
#[tokio::test]
async fn the_manner_of_a_server_is_known_by_the_second_response() {
    for (name, answer) in manners() {
        let (clock, vault) = (monday(), Arc::new(MemoryVault::default()));
        let vendor = start(move |has_password| match has_password {
            true => answer.clone(),
            false => error_object(400, "invalid_request"),
        })
        .await;
        let sent = sent_in_two_days(&vendor, &clock, &vault).await;
        assert_eq!(sent, [0, 1, 25], "{name}");
    }
}

/// T5: a web filter in front of the token endpoint is no refusal, and no password passes while it responds.
#[tokio::test]
async fn a_password_is_sent_again_when_the_token_endpoint_responds_again() {
    for (name, answer) in manners() {
        let clock = monday();
        let (vault, now) = (Arc::new(MemoryVault::default()), clock.clock());
        let vendor = start(move |has_password| match has_password {
            _ if now.running() < 3 * HOUR => answer.clone(),
            true => token_response(1, ""),
            false => error_object(400, "invalid_request"),
        })
        .await;
        let mut worked = Vec::new();
        for hour in 0..5 {
            let session = process(&vendor, password(vendor.spec()), &vault, &clock.clock());
            if page(&session, &clock.clock()).await.is_ok() {
                worked.push(hour);
            }
            clock.pass(HOUR);
        }
        assert_eq!(worked, [3, 4], "{name}");
        assert_eq!(passwords(&vendor).await, 3, "{name}: one of them was lost");
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
             and the settings in its token address, such as a tenant, and resume the job"
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
    for (wait, attempts) in [(25 * HOUR, Some(1)), (25 * HOUR, Some(2)), (HOUR, None)] {
        let session = process(&vendor, password(vendor.spec()), &vault, &clock.clock());
        let _ = page(&session, &clock.clock()).await;
        let known = vault.with(|memory| memory.refusal.as_ref().map(|known| known.1.attempts));
        assert_eq!(known, attempts);
        clock.pass(wait);
    }
}
