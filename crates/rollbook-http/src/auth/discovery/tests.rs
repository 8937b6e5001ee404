use serde_json::json;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::http::client::Connections;
use crate::http::rules::Route;
use rollbook_core::clock::TestClock;

fn url(text: &str) -> Url {
    Url::parse(text).expect("an address")
}

fn spec(issuer: &str) -> IssuerSpec {
    IssuerSpec {
        issuer: issuer.into(),
        metadata_url: None,
        allow_origins: Vec::new(),
    }
}

fn discovery(spec: IssuerSpec) -> Result<Discovery, HttpErrorKind> {
    let timeouts = Timeouts::default();
    let options = ClientOptions {
        connections: Connections::Fresh,
        route: &Route::default(),
        timeouts: &timeouts,
    };
    Discovery::new(spec, &options)
}

fn clock() -> TestClock {
    TestClock::at("2026-03-02T06:00:00Z".parse().expect("a time"))
}

#[test]
fn the_urls_of_a_document() {
    let openid = "/.well-known/openid-configuration";
    let oauth = "/.well-known/oauth-authorization-server";
    for issuer in [
        "https://auth.example/t/4711",
        "https://auth.example/t/4711/",
    ] {
        let found = candidates(&spec(issuer), &url(issuer));
        assert_eq!(found[0].path(), format!("/t/4711{openid}"));
        assert_eq!(found[1].path(), format!("{oauth}/t/4711"));
        assert_eq!(found.len(), 2);
    }
    let found = candidates(&spec("https://auth.example"), &url("https://auth.example"));
    assert_eq!([found[0].path(), found[1].path()], [openid, oauth]);
    let elsewhere = url("https://auth.example/api/.well-known/oauth-authorization-server");
    let spec = IssuerSpec {
        metadata_url: Some(elsewhere.clone()),
        ..spec("https://auth.example/api")
    };
    assert_eq!(
        candidates(&spec, &url("https://auth.example/api")),
        [elsewhere]
    );
}

#[test]
fn documents_by_rows() {
    const ISSUER: &str = "https://auth.example/4711";
    let allowed = "https://login.example";
    for (name, members, expected) in [
        (
            "fine",
            json!({"token_endpoint": "https://auth.example/token", "more": [1]}),
            "",
        ),
        (
            "with a port that goes without saying",
            json!({"token_endpoint": "https://auth.example:443/t?a=b"}),
            "",
        ),
        (
            "an allowed origin",
            json!({"authorization_endpoint": "https://login.example/start"}),
            "",
        ),
        ("null", json!({"token_endpoint": null}), ""),
        (
            "another host",
            json!({"token_endpoint": "https://evil.example/token"}),
            "has its token_endpoint at `https://evil.example`, and the issuer is at `https://auth.example`",
        ),
        (
            "another port",
            json!({"token_endpoint": "https://auth.example:8443/token"}),
            "at `https://auth.example:8443`",
        ),
        (
            "http",
            json!({"token_endpoint": "http://auth.example/token"}),
            "token_endpoint must be https",
        ),
        (
            "loopback",
            json!({"token_endpoint": "http://127.0.0.1/token"}),
            "has its token_endpoint at `http://127.0.0.1`",
        ),
        (
            "a user",
            json!({"token_endpoint": "https://s3cret@auth.example/"}),
            "must not contain a user",
        ),
        (
            "a fragment",
            json!({"authorization_endpoint": "https://auth.example/#a"}),
            "with a fragment",
        ),
        (
            "no address",
            json!({"token_endpoint": "s3cret"}),
            "not a URL",
        ),
        (
            "no text",
            json!({"token_endpoint": ["s3cret"]}),
            "not a string",
        ),
        (
            "case",
            json!({"issuer": "https://auth.example/4711".to_uppercase()}),
            "names the issuer `HTTPS://AUTH.EXAMPLE/4711`, and the configuration names `https://auth.example/4711`",
        ),
        (
            "slash",
            json!({"issuer": "https://auth.example/4711/"}),
            "names the issuer `https://auth.example/4711/`",
        ),
        (
            "host",
            json!({"issuer": "https://evil.example/4711"}),
            "names the issuer `https://evil.example/4711`",
        ),
        (
            "odd issuer",
            json!({"issuer": "https://evil.example/?s3cret"}),
            "a value that is not a plain URL",
        ),
        (
            "long issuer",
            json!({"issuer": format!("https://{}s3cret", "a".repeat(300))}),
            "a value that is not a plain URL",
        ),
        ("no issuer", json!({"issuer": null}), "names no issuer"),
    ] {
        let mut document = json!({"issuer": ISSUER});
        for (key, value) in members.as_object().expect("an object") {
            document[key] = value.clone();
        }
        let spec = IssuerSpec {
            allow_origins: vec![url(allowed)],
            ..spec(ISSUER)
        };
        let outcome = read(document.to_string().as_bytes(), &spec, &url(ISSUER));
        let message = outcome.as_ref().err().cloned().unwrap_or_default();
        assert_eq!(outcome.is_ok(), expected.is_empty(), "{name}: {message}");
        assert!(
            message.contains(expected) && !message.contains("s3cret"),
            "{name}: {message}"
        );
    }
    for odd in ["", "<html>s3cret", "[]", "null"] {
        let message = read(odd.as_bytes(), &spec(ISSUER), &url(ISSUER)).expect_err(odd);
        assert_eq!(message, "is not a JSON object");
    }
}

#[test]
fn what_else_is_read() {
    let document = json!({
        "issuer": "https://auth.example",
        "authorization_endpoint": "https://auth.example/start",
        "token_endpoint": "https://auth.example/token",
        "revocation_endpoint": "https://auth.example/revoke",
        "authorization_response_iss_parameter_supported": true,
        "code_challenge_methods_supported": ["plain", "S256"],
    });
    let issuer = "https://auth.example";
    let found = read(document.to_string().as_bytes(), &spec(issuer), &url(issuer)).expect("fine");
    let expected = Metadata {
        authorize_url: Some(url("https://auth.example/start")),
        token_url: Some(url("https://auth.example/token")),
        revocation_url: Some(url("https://auth.example/revoke")),
        names_itself: true,
        pkce_methods: Some(vec!["plain".into(), "S256".into()]),
    };
    assert_eq!(found, expected);
}

#[test]
fn a_revocation_endpoint_that_is_not_allowed_is_ignored() {
    let issuer = "https://auth.example";
    for document_path in [
        "https://evil.example/revoke",
        "http://auth.example/revoke",
        "revoke",
        "",
    ] {
        let document = json!({
            "issuer": issuer,
            "token_endpoint": "https://auth.example/token",
            "revocation_endpoint": document_path,
        });
        let found = read(document.to_string().as_bytes(), &spec(issuer), &url(issuer));
        let found = found.expect("the rest is fine");
        assert_eq!(found.revocation_url, None, "{document_path}");
        assert!(found.token_url.is_some());
    }
}

#[test]
fn names_that_no_issuer_may_have() {
    for name in [
        "http://auth.example",
        "https://auth.example?a",
        "https://auth.example#a",
        "https://me:word@auth.example",
        "auth.example",
        "",
    ] {
        assert!(
            matches!(discovery(spec(name)), Err(HttpErrorKind::Setup(_))),
            "{name}"
        );
    }
}

/// A server that answers one path.
async fn server(document_path: &str, answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path(document_path))
        .respond_with(answer)
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn a_document_is_kept_for_a_day() {
    let test = clock();
    let server = MockServer::start().await;
    let issuer = server.uri();
    let document = json!({"issuer": issuer, "token_endpoint": format!("{issuer}/token")});
    Mock::given(path("/.well-known/oauth-authorization-server"))
        .respond_with(ResponseTemplate::new(200).set_body_json(document))
        .mount(&server)
        .await;
    let discovery = discovery(spec(&issuer)).expect("fine");
    // The first location has none, so each reading is two requests.
    for (hours, requests) in [(0, 2), (0, 2), (23, 2), (1, 4), (1, 4)] {
        test.pass(Duration::from_secs(hours * 3600));
        let found = discovery.metadata(&test.clock()).await.expect("a document");
        assert_eq!(found.token_url, Some(url(&format!("{issuer}/token"))));
        let sent = server.received_requests().await.expect("recorded");
        assert_eq!(sent.len(), requests, "{hours}");
    }
}

#[tokio::test]
async fn other_responses_of_a_server() {
    let document_path = "/.well-known/openid-configuration";
    for (answer, expected) in [
        (
            ResponseTemplate::new(302).insert_header("Location", "https://evil.example/x?s3cret"),
            HttpErrorKind::Redirect(302, Some("evil.example".into())),
        ),
        (
            ResponseTemplate::new(404),
            HttpErrorKind::DocumentRefused(
                "was not found; check `issuer`, or set `metadata_url`".into(),
            ),
        ),
        (
            ResponseTemplate::new(200).set_body_bytes(vec![b' '; 2 << 20]),
            HttpErrorKind::DocumentRefused("is larger than 1 MiB".into()),
        ),
        (
            ResponseTemplate::new(503),
            HttpErrorKind::Unavailable(503, None),
        ),
        (ResponseTemplate::new(401), HttpErrorKind::HttpStatus(401)),
        (
            ResponseTemplate::new(200).set_body_string("<html>"),
            HttpErrorKind::DocumentRefused("is not a JSON object".into()),
        ),
    ] {
        let server = server(document_path, answer).await;
        let discovery = discovery(spec(&server.uri())).expect("fine");
        let outcome = discovery.metadata(&clock().clock()).await;
        assert_eq!(outcome.err(), Some(expected));
    }
}
