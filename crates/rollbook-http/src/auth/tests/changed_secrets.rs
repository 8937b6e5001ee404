//! Secrets that change while the program runs.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::refusals::{HOUR, SECOND, error_object};
use super::vendor::{TokenRule, Vendor, fine, fixed_key, open, status, token, token_response};
use super::*;

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
        Arc::default(),
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
    let grant = |version| fixed_key("Authorization", format!("Bearer key-{version}"));
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
    let grant = |version| fixed_key("Authorization", format!("Bearer key-{version}"));
    let (session, version) = following(&vendor, grant, &clock.clock());
    version.store(2, Ordering::Relaxed);
    page(&session, &clock.clock())
        .await
        .expect("the changed one");
    assert_eq!(vendor.counts().await, (0, 2));
}
