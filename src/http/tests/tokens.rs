//! Fault catalogue D: getting, keeping and replacing an access token.

use std::sync::atomic::{AtomicUsize, Ordering};

use wiremock::matchers::{any, method};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::*;
use crate::model::Class;

/// A vendor: tokens `t1`, `t2`, ... by POST, pages by GET. Rules decide what each answers.
struct Vendor {
    server: MockServer,
    tokens: Arc<AtomicUsize>,
}

/// What a vendor answers to the n-th token request, from 1.
type TokenRule = Box<dyn Fn(usize) -> ResponseTemplate + Send + Sync>;
/// What it answers to a page that is asked for with this token.
type PageRule = Box<dyn Fn(&str) -> ResponseTemplate + Send + Sync>;

fn status(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status)
}

fn fine() -> ResponseTemplate {
    status(200).set_body_string("[1]")
}

fn token(members: &'static str) -> TokenRule {
    Box::new(move |number| token_answer(number, members))
}

fn token_answer(number: usize, members: &str) -> ResponseTemplate {
    status(200).set_body_string(format!(
        r#"{{"access_token":"t{number}","token_type":"bearer"{members}}}"#
    ))
}

impl Vendor {
    async fn start(token_rule: TokenRule, page_rule: PageRule) -> Self {
        let server = MockServer::start().await;
        let tokens = Arc::new(AtomicUsize::new(0));
        let count = tokens.clone();
        let give = move |_: &Request| token_rule(count.fetch_add(1, Ordering::Relaxed) + 1);
        Mock::given(method("POST")).respond_with(give).mount(&server).await;
        let show = move |request: &Request| {
            let header = request.headers.get("authorization").and_then(|value| value.to_str().ok());
            page_rule(header.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default())
        };
        Mock::given(method("GET")).respond_with(show).mount(&server).await;
        Self { server, tokens }
    }

    fn spec(&self) -> GrantSpec {
        spec(&format!("{}/token", self.server.uri()))
    }

    fn session(&self, grant: Grant, clock: &Clock) -> Session {
        let keeper = keeper(grant, &Arc::default(), clock);
        session(SessionRules { in_flight: 10, ..rules(&self.server.uri()) }, Some(keeper), clock)
    }

    fn client_credentials(&self, clock: &Clock) -> Session {
        self.session(Grant::ClientCredentials(self.spec()), clock)
    }

    /// Token requests and page requests so far.
    async fn counts(&self) -> (usize, usize) {
        let all = self.server.received_requests().await.unwrap_or_default().len();
        let tokens = self.tokens.load(Ordering::Relaxed);
        (tokens, all - tokens)
    }
}

fn open() -> PageRule {
    Box::new(|_| fine())
}

fn password(spec: GrantSpec) -> Grant {
    Grant::Password { spec, username: "ada".into(), password: "pa55 w&rd".into() }
}

#[tokio::test]
async fn the_request_in_each_form() {
    let clock = monday().clock();
    let vendor = Vendor::start(token(""), open()).await;
    let spec = vendor.spec();
    let basic = "Basic c2Nob29sLWNsaWVudDpjbDFlbnQrczNjcmV0";
    let encoded = "Basic c2Nob29sLWNsaWVudDpjbDFlbnQlMkJzM2NyZXQ=";
    let query = vec![("grant_type".into(), "client_credentials".into())];
    let json = |spec: &GrantSpec| GrantSpec { body: TokenBody::Json, ..spec.clone() };
    let post =
        GrantSpec { client_auth: ClientAuth::Post, scope: "a_read  b_read".into(), ..spec.clone() };
    let form = GrantSpec { token_form: vec![("audience".into(), "x y".into())], ..spec.clone() };
    let seed = Some(SecretString::from("r1!"));
    for (grant, address, authorization, body) in [
        (
            Grant::ClientCredentials(spec.clone()),
            "/token",
            Some(basic),
            "grant_type=client_credentials",
        ),
        (
            Grant::ClientCredentials(GrantSpec {
                client_auth: ClientAuth::BasicEncoded,
                ..spec.clone()
            }),
            "/token",
            Some(encoded),
            "grant_type=client_credentials",
        ),
        (
            Grant::ClientCredentials(GrantSpec { token_query: query, ..spec.clone() }),
            "/token?grant_type=client_credentials",
            Some(basic),
            "grant_type=client_credentials",
        ),
        (
            Grant::ClientCredentials(form),
            "/token",
            Some(basic),
            "grant_type=client_credentials&audience=x+y",
        ),
        (
            password(post.clone()),
            "/token",
            None,
            "grant_type=password&username=ada&password=pa55+w%26rd&scope=a_read+b_read&client_id=school-client&client_secret=cl1ent%2Bs3cret",
        ),
        (
            Grant::RefreshToken { spec: json(&post), seed: seed.clone() },
            "/token",
            None,
            r#"{"client_id":"school-client","client_secret":"cl1ent+s3cret","grant_type":"refresh_token","refresh_token":"r1!","scope":"a_read b_read"}"#,
        ),
        (
            Grant::RefreshToken { spec: GrantSpec { client_secret: None, ..spec.clone() }, seed },
            "/token",
            None,
            "grant_type=refresh_token&refresh_token=r1%21&client_id=school-client",
        ),
    ] {
        page(&vendor.session(grant, &clock), &clock).await.expect(body);
        let sent = vendor.server.received_requests().await.expect("recorded");
        let request =
            sent.iter().rfind(|request| request.method.as_str() == "POST").expect("a POST");
        let sent_authorization =
            request.headers.get("authorization").map(|value| value.to_str().expect("text"));
        assert_eq!(request.url.as_str().replace("http://localhost", ""), address, "{body}");
        assert_eq!(sent_authorization, authorization, "{body}");
        assert_eq!(String::from_utf8_lossy(&request.body), body);
        let kind = request.headers["content-type"].to_str().expect("text");
        assert_eq!(kind.contains("json"), body.starts_with('{'), "{body}");
    }
}

#[tokio::test]
async fn keys_go_beside_the_token_or_alone() {
    let clock = monday().clock();
    let beside = |fixed: Option<&str>, member: Option<&str>| {
        let member = member.map(str::to_owned);
        Some(ApiKeySpec {
            header: "x-api-key".into(),
            member,
            fixed: fixed.map(SecretString::from),
        })
    };
    for (name, key, bearer, sent) in [
        ("from the answer", beside(None, Some("api_key")), "Bearer t1", Some("answered")),
        ("the source's own", beside(Some("own"), Some("api_key")), "Bearer t1", Some("own")),
        ("none to be had", beside(None, None), "Bearer t1", None),
    ] {
        let vendor = Vendor::start(token(r#","api_key":"answered""#), open()).await;
        let grant = Grant::ClientCredentials(GrantSpec { api_key: key, ..vendor.spec() });
        page(&vendor.session(grant, &clock), &clock).await.expect(name);
        let request =
            vendor.server.received_requests().await.expect("recorded").pop().expect("a page");
        assert_eq!(request.headers["authorization"], bearer, "{name}");
        assert_eq!(
            request.headers.get("x-api-key").map(|key| key.to_str().expect("text")),
            sent,
            "{name}"
        );
    }
    let vendor = Vendor::start(token(""), open()).await;
    let grant = Grant::ApiKey { header: "X-Api-Key".into(), key: "own".into() };
    page(&vendor.session(grant, &clock), &clock).await.expect("alone");
    let request = vendor.server.received_requests().await.expect("recorded").pop().expect("a page");
    assert_eq!(request.headers["x-api-key"], "own");
    assert!(!request.headers.contains_key("authorization"));
    assert_eq!(vendor.counts().await, (0, 1));
}

#[tokio::test]
async fn a_token_is_renewed_at_two_thirds_of_its_life() {
    let clock = monday();
    let in_answer = clock.clone();
    let slow_answer: TokenRule = Box::new(move |number| {
        in_answer.pass(Duration::from_secs(30));
        token_answer(number, r#","expires_in":180"#)
    });
    let vendor = Vendor::start(slow_answer, open()).await;
    let session = vendor.client_credentials(&clock.clock());
    // Each answer takes 30 s, and the life counts from before the request.
    for (pass, tokens) in [(0, 1), (89, 1), (1, 2), (89, 2), (1, 3)] {
        clock.pass(Duration::from_secs(pass));
        page(&session, &clock.clock()).await.expect("fine");
        assert_eq!(vendor.counts().await.0, tokens);
    }
    clock.set_wall("2027-01-01T00:00:00Z".parse().expect("a time"));
    page(&session, &clock.clock()).await.expect("fine");
    assert_eq!(vendor.counts().await.0, 3, "a set wall clock is no reason");
}

#[tokio::test]
async fn a_life_that_makes_no_sense_lasts_until_it_is_refused() {
    for members in ["", r#","expires_in":0"#, r#","expires_in":-5"#, r#","expires_in":"x""#] {
        let clock = monday();
        let revoked = Arc::new(AtomicUsize::new(0));
        let revoke = revoked.clone();
        let unless_revoked: PageRule = Box::new(move |token| {
            let is_revoked = token == "t1" && revoked.load(Ordering::Relaxed) == 1;
            if is_revoked { status(401) } else { fine() }
        });
        let vendor = Vendor::start(token(members), unless_revoked).await;
        let session = vendor.client_credentials(&clock.clock());
        for _ in 0..5 {
            page(&session, &clock.clock()).await.expect("fine");
            clock.pass(Duration::from_secs(86_400));
        }
        assert_eq!(vendor.counts().await, (1, 5), "{members}");
        revoke.store(1, Ordering::Relaxed);
        page(&session, &clock.clock()).await.expect("with a new one");
        assert_eq!(vendor.counts().await, (2, 7), "{members}");
    }
}

#[tokio::test]
async fn ten_requests_need_one_token_request() {
    let clock = monday().clock();
    let slow: TokenRule = Box::new(|number| {
        token_answer(number, r#","expires_in":180"#).set_delay(Duration::from_millis(30))
    });
    let vendor = Vendor::start(slow, open()).await;
    let session = vendor.client_credentials(&clock);
    let pages = (0..10).map(|_| page(&session, &clock));
    for page in futures_util::future::join_all(pages).await {
        page.expect("fine");
    }
    assert_eq!(vendor.counts().await, (1, 10));
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    for refusal in [
        status(401),
        status(403).insert_header("WWW-Authenticate", "Bearer error=\"invalid_token\""),
        status(200).set_body_string(r#"{"error":"invalid_token"}"#),
        status(400).set_body_string(r#"{"responseStatus":{"errorCode":"invalid_token"}}"#),
    ] {
        let clock = monday().clock();
        let (once, always) = (refusal.clone(), refusal);
        let vendor = Vendor::start(
            token(""),
            Box::new(move |token| if token == "t1" { once.clone() } else { fine() }),
        )
        .await;
        page(&vendor.client_credentials(&clock), &clock).await.expect("the second token is good");
        assert_eq!(vendor.counts().await, (2, 2));

        let vendor = Vendor::start(token(""), Box::new(move |_| always.clone())).await;
        let error =
            page(&vendor.client_credentials(&clock), &clock).await.expect_err("refused for ever");
        assert_eq!(vendor.counts().await, (2, 2), "two pages, one token anew");
        assert_eq!(error.class(), Class::Auth, "{error}");
    }
    let clock = monday().clock();
    let vendor = Vendor::start(token(""), Box::new(|_| status(401))).await;
    let grant = Grant::ApiKey { header: "X-Api-Key".into(), key: "own".into() };
    page(&vendor.session(grant, &clock), &clock).await.expect_err("a key has no successor");
    assert_eq!(vendor.counts().await, (0, 1));
}

#[tokio::test]
async fn a_403_may_be_an_old_token() {
    let by_token: fn() -> PageRule =
        || Box::new(|token| if token == "t1" { status(403) } else { fine() });
    for (members, age, counts) in [
        (r#","expires_in":180"#, 0, (1, 2)),
        (r#","expires_in":180"#, 100, (2, 3)),
        ("", 100, (1, 2)),
    ] {
        let clock = monday();
        let vendor = Vendor::start(token(members), by_token()).await;
        let session = vendor.client_credentials(&clock.clock());
        page(&session, &clock.clock()).await.expect_err("a young token lacks a right");
        clock.pass(Duration::from_secs(age));
        let again = page(&session, &clock.clock()).await;
        assert_eq!(again.is_ok(), counts.0 == 2, "{members} {age}");
        assert!(again.err().is_none_or(|error| error.is_forbidden()));
        assert_eq!(vendor.counts().await, counts, "{members} {age}");
    }
}

#[tokio::test]
async fn a_token_request_that_fails() {
    let word = |word: &str| format!(r#"{{"error":"{word}","error_description":"pa55 of ada"}}"#);
    let ten_mib = vec![b' '; 10 << 20];
    for (name, answer, class, tokens, told) in [
        (
            "html",
            status(200).set_body_string("<html>s3cret"),
            Class::Contract,
            2,
            "not a JSON object",
        ),
        ("empty", status(200), Class::Contract, 2, "the token answer is empty"),
        (
            "cut",
            status(200).set_body_string(r#"{"access_token":"s3c"#),
            Class::Contract,
            2,
            "not a JSON object",
        ),
        (
            "mac",
            status(200).set_body_string(r#"{"access_token":"s3c","token_type":"mac"}"#),
            Class::Contract,
            2,
            "is not bearer",
        ),
        (
            "a line break",
            status(200).set_body_string(r#"{"access_token":"s3c\nx"}"#),
            Class::Permanent,
            1,
            "no header can carry",
        ),
        ("10 MiB", status(200).set_body_bytes(ten_mib), Class::Contract, 1, "larger than 1 MiB"),
        ("busy", status(502).set_body_string("<html>"), Class::Transient, 5, "a fault on its side"),
        (
            "busy by word",
            status(400).set_body_string(word("temporarily_unavailable")),
            Class::Transient,
            5,
            "answered 400",
        ),
        (
            "client",
            status(401).set_body_string(word("invalid_client")),
            Class::Auth,
            1,
            "(401, invalid_client)",
        ),
        ("tenant", status(404), Class::Auth, 1, "refused the credential (404)"),
        (
            "unknown word",
            status(400).set_body_string(word("s3cret")),
            Class::Auth,
            1,
            "refused the credential (400)",
        ),
        (
            "redirect",
            status(307).insert_header("Location", "https://evil.example/t?c=s3c"),
            Class::Permanent,
            1,
            "points to evil.example,",
        ),
        ("501", status(501), Class::Permanent, 1, "answered 501"),
    ] {
        let clock = monday().clock();
        let vendor = Vendor::start(Box::new(move |_| answer.clone()), open()).await;
        let session = vendor.client_credentials(&clock);
        let error = page(&session, &clock).await.expect_err(name);
        let text = error.to_string();
        assert!(
            text.starts_with("get a token for school: ") && text.contains(told),
            "{name}: {text}"
        );
        assert!(!text.contains("s3c") && !text.contains("pa55"), "{name}: {text}");
        assert_eq!(error.class(), class, "{name}: {text}");
        assert_eq!(vendor.counts().await, (tokens, 0), "{name}: {text}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_a_day() {
    let hour = Duration::from_secs(3600);
    for (is_password, rest) in [(true, 24 * hour), (false, hour / 4)] {
        let clock = monday();
        let refuse: TokenRule =
            Box::new(|_| status(400).set_body_string(r#"{"error":"invalid_grant"}"#));
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
async fn an_old_token_bridges_a_hiccup_of_the_endpoint() {
    let clock = monday();
    let first_only: TokenRule = Box::new(|number| match number {
        1 => token_answer(number, r#","expires_in":180"#),
        _ => status(503),
    });
    let vendor = Vendor::start(first_only, open()).await;
    let session = vendor.client_credentials(&clock.clock());
    // Usable until 160 s: 20 s before its end. Asked for at 120, then half the way on, and so on.
    for (pass, tokens) in [(0, 1), (120, 2), (19, 2), (1, 3), (9, 3), (1, 4)] {
        clock.pass(Duration::from_secs(pass));
        page(&session, &clock.clock()).await.expect("the old one is still good");
        assert_eq!(vendor.counts().await.0, tokens);
    }
    clock.pass(Duration::from_secs(10));
    let error = page(&session, &clock.clock()).await.expect_err("too old");
    assert_eq!(error.class(), Class::Transient);
    assert!(error.to_string().starts_with("get a token for school: "), "{error}");
}

#[tokio::test]
async fn no_secret_shows_in_any_text() {
    let clock = monday().clock();
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(status(401).set_body_string("pa55 w&rd cl1ent+s3cret t1 key0"))
        .mount(&server)
        .await;
    let base = server.uri();
    let spec = GrantSpec {
        token_query: vec![("q".into(), "cl1ent+s3cret".into())],
        ..spec(&format!("{base}/token"))
    };
    let key = Grant::ApiKey { header: "x-api-key".into(), key: "key0".into() };
    for grant in [Grant::ClientCredentials(spec.clone()), password(spec), key] {
        let session = session(rules(&base), Some(keeper(grant, &Arc::default(), &clock)), &clock);
        let budget = RunBudget::new(&clock, RunBudget::USUAL);
        let query = vec![("token".into(), "key0".into())];
        let ask = Ask { path: "/users".into(), query, what: "users".into() };
        let error = session.get(&ask, &budget, as_json()).await.expect_err("refused");
        for text in [error.to_string(), format!("{error:?}"), format!("{:?}", error.kind())] {
            for secret in ["pa55", "s3cret", "t1", "key0", "c2Nob29s"] {
                assert!(!text.contains(secret), "{text}");
            }
        }
    }
}
