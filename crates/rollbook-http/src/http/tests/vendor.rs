//! A vendor for tests: tokens `t1`, `t2`, ... by POST, pages by GET, and what each answers is a rule.

use std::sync::atomic::{AtomicUsize, Ordering};

use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::*;

/// A vendor: tokens `t1`, `t2`, ... by POST, pages by GET. Rules decide what each answers.
pub(crate) struct Vendor {
    pub(crate) server: MockServer,
    pub(crate) tokens: Arc<AtomicUsize>,
}

/// What a vendor answers to the n-th token request, from 1.
pub(crate) type TokenRule = Box<dyn Fn(usize) -> ResponseTemplate + Send + Sync>;
/// What it answers to a page that is asked for with this token.
pub(crate) type PageRule = Box<dyn Fn(&str) -> ResponseTemplate + Send + Sync>;

pub(crate) fn status(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status)
}

pub(crate) fn fine() -> ResponseTemplate {
    status(200).set_body_string("[1]")
}

pub(crate) fn token(members: &'static str) -> TokenRule {
    Box::new(move |number| token_response(number, members))
}

pub(crate) fn token_response(number: usize, members: &str) -> ResponseTemplate {
    status(200).set_body_string(format!(
        r#"{{"access_token":"t{number}","token_type":"bearer"{members}}}"#
    ))
}

impl Vendor {
    pub(crate) async fn start(token_rule: TokenRule, page_rule: PageRule) -> Self {
        let server = MockServer::start().await;
        let tokens = Arc::new(AtomicUsize::new(0));
        let count = tokens.clone();
        let give = move |_: &Request| token_rule(count.fetch_add(1, Ordering::Relaxed) + 1);
        Mock::given(method("POST"))
            .respond_with(give)
            .mount(&server)
            .await;
        let show = move |request: &Request| {
            let header = request
                .headers
                .get("authorization")
                .and_then(|value| value.to_str().ok());
            page_rule(
                header
                    .and_then(|value| value.strip_prefix("Bearer "))
                    .unwrap_or_default(),
            )
        };
        Mock::given(method("GET"))
            .respond_with(show)
            .mount(&server)
            .await;
        Self { server, tokens }
    }

    pub(crate) fn spec(&self) -> GrantSpec {
        spec(&format!("{}/token", self.server.uri()))
    }

    pub(crate) fn session(&self, grant: Grant, clock: &Clock) -> Session {
        let manager = manager(grant, &Arc::default(), clock);
        session(
            SessionRules {
                in_flight: 10,
                ..rules(&self.server.uri())
            },
            Some(manager),
            clock,
        )
    }

    pub(crate) fn client_credentials(&self, clock: &Clock) -> Session {
        self.session(Grant::ClientCredentials(self.spec()), clock)
    }

    /// Token requests and page requests so far.
    pub(crate) async fn counts(&self) -> (usize, usize) {
        let all = self
            .server
            .received_requests()
            .await
            .unwrap_or_default()
            .len();
        let tokens = self.tokens.load(Ordering::Relaxed);
        (tokens, all - tokens)
    }
}

pub(crate) fn open() -> PageRule {
    Box::new(|_| fine())
}

/// One key in a header.
pub(crate) fn fixed_key(header: &str, key: impl Into<String>) -> Grant {
    let key = SecretString::from(key.into());
    Grant::ApiKey(FixedKeys {
        headers: vec![(header.to_owned(), key.clone())],
        query: Vec::new(),
        parts: vec![key],
    })
}

pub(crate) fn password(spec: GrantSpec) -> Grant {
    Grant::Password {
        spec,
        username: "ada".into(),
        password: "pa55 w&rd".into(),
    }
}
