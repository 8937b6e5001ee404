//! A token endpoint for tests that rotates and notices re-use, and processes that use it.

use std::collections::HashSet;

use secrecy::ExposeSecret;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::*;

/// A token endpoint that rotates: `r1` gives `r2`, and so on; an old one is `invalid_grant`.
#[derive(Default)]
pub(super) struct Rotating {
    pub(super) current: usize,
    /// Accepts each old token once more, as servers with a grace period do.
    pub(super) grace: bool,
    pub(super) taken_again: HashSet<String>,
    /// Status and body of the next responses instead.
    pub(super) failing: Vec<(u16, &'static str)>,
    /// The endpoint keeps the same token.
    pub(super) steady: bool,
    pub(super) asked: Vec<String>,
    /// Access tokens given so far; no two are the same.
    pub(super) given: usize,
}

impl Rotating {
    pub(super) fn answer(&mut self, sent: &str) -> ResponseTemplate {
        self.asked.push(sent.to_owned());
        if let Some((status, body)) = self.failing.pop() {
            return ResponseTemplate::new(status).set_body_string(body);
        }
        let is_current = sent == format!("r{}", self.current);
        let forgiven = self.grace && self.taken_again.insert(sent.to_owned());
        if !is_current && !forgiven {
            return ResponseTemplate::new(400).set_body_string(r#"{"error":"invalid_grant"}"#);
        }
        self.given += 1;
        let number = self.given;
        if self.steady {
            return ResponseTemplate::new(200).set_body_string(format!(
                r#"{{"access_token":"a{number}","expires_in":"3600"}}"#
            ));
        }
        self.current += 1;
        ResponseTemplate::new(200).set_body_string(format!(
            r#"{{"access_token":"a{number}","refresh_token":"r{}","expires_in":3600,"api_key":"k{number}"}}"#,
            self.current
        ))
    }
}

pub(super) struct World {
    pub(super) server: MockServer,
    pub(super) endpoint: Arc<Mutex<Rotating>>,
    pub(super) vault: Arc<MemoryVault>,
    pub(super) clock: TestClock,
}

impl World {
    pub(super) async fn new() -> Self {
        let server = MockServer::start().await;
        let endpoint = Arc::new(Mutex::new(Rotating {
            current: 1,
            ..Rotating::default()
        }));
        let inside = endpoint.clone();
        let give = move |request: &Request| {
            let form: HashMap<String, String> =
                form_urlencoded::parse(&request.body).into_owned().collect();
            inside
                .lock()
                .expect("no test panics in here")
                .answer(&form["refresh_token"])
        };
        Mock::given(method("POST"))
            .respond_with(give)
            .mount(&server)
            .await;
        Mock::given(method("GET"))
            .respond_with(ResponseTemplate::new(200).set_body_string("[1]"))
            .mount(&server)
            .await;
        Self {
            server,
            endpoint,
            vault: Arc::default(),
            clock: monday(),
        }
    }

    /// A process that starts with this configured token.
    pub(super) fn start(&self, seed: Option<&str>) -> Session {
        let spec = spec(&format!("{}/token", self.server.uri()));
        let grant = Grant::RefreshToken {
            spec,
            seed: seed.map(SecretString::from),
        };
        let manager = manager(grant, &self.vault, &self.clock.clock());
        session(
            rules(&self.server.uri()),
            Some(manager),
            &self.clock.clock(),
        )
    }

    pub(super) async fn page(&self, session: &Session) -> Result<String, HttpError> {
        page(session, &self.clock.clock()).await
    }

    pub(super) fn hour_later(&self) {
        self.clock.pass(Duration::from_secs(3600));
    }

    pub(super) fn endpoint<T>(&self, act: impl FnOnce(&mut Rotating) -> T) -> T {
        act(&mut self.endpoint.lock().expect("no test panics in here"))
    }

    /// Takes the refresh tokens received so far.
    pub(super) fn asked(&self) -> Vec<String> {
        self.endpoint(|endpoint| std::mem::take(&mut endpoint.asked))
    }

    /// The token in the vault, and the one before it.
    pub(super) fn kept(&self) -> (String, Option<String>) {
        let kept = self
            .vault
            .with(|memory| memory.kept.clone())
            .expect("something is kept");
        let text = |token: &SecretString| token.expose_secret().to_owned();
        (text(&kept.refresh_token), kept.previous.as_ref().map(text))
    }
}
