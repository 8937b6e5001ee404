//! Tokens of an issuer, requested from the endpoint in its document.

use serde_json::json;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::auth::discovery::IssuerSpec;
use rollbook_core::model::Class;

const DOCUMENT: &str = "/.well-known/openid-configuration";

/// A spec with an issuer and without a token_url.
fn of_issuer(server: &MockServer) -> GrantSpec {
    GrantSpec {
        token_url: None,
        issuer: Some(IssuerSpec {
            issuer: server.uri(),
            metadata_url: None,
            allow_origins: Vec::new(),
        }),
        ..with(&spec("https://unused.example"), |rules| {
            rules.token_query = Some([("tenant".into(), "4711".into())].into());
        })
    }
}

async fn answer(server: &MockServer, verb: &str, document_path: &str, answer: ResponseTemplate) {
    Mock::given(method(verb))
        .and(path(document_path))
        .respond_with(answer)
        .mount(server)
        .await;
}

#[tokio::test]
async fn the_document_has_the_endpoint_and_is_read_once() {
    let (server, test) = (MockServer::start().await, monday());
    let document =
        json!({"issuer": server.uri(), "token_endpoint": format!("{}/deep/token", server.uri())});
    let token = json!({"access_token": "t1", "expires_in": 180});
    answer(
        &server,
        "GET",
        DOCUMENT,
        ResponseTemplate::new(200).set_body_json(document),
    )
    .await;
    answer(
        &server,
        "POST",
        "/deep/token",
        ResponseTemplate::new(200).set_body_json(token),
    )
    .await;
    answer(
        &server,
        "GET",
        "/users",
        ResponseTemplate::new(200).set_body_string("[1]"),
    )
    .await;
    let grant = Grant::ClientCredentials(of_issuer(&server));
    let manager = manager(grant, &Arc::default(), &test.clock());
    let session = session(rules(&server.uri()), Some(manager), &test.clock());
    for _ in 0..3 {
        page(&session, &test.clock()).await.expect("fine");
        test.pass(Duration::from_secs(3600));
    }
    let sent = server.received_requests().await.expect("recorded");
    let count = |document_path: &str| {
        sent.iter()
            .filter(|seen| seen.url.path() == document_path)
            .count()
    };
    assert_eq!([count(DOCUMENT), count("/deep/token")], [1, 3]);
    let asked = sent.iter().find(|seen| seen.url.path() == "/deep/token");
    assert_eq!(asked.and_then(|seen| seen.url.query()), Some("tenant=4711"));
}

#[tokio::test]
async fn no_refresh_token_is_spent_while_the_endpoint_is_not_known() {
    for (document, class, message) in [
        (ResponseTemplate::new(503), Class::Transient, "returned 503"),
        (
            ResponseTemplate::new(200).set_body_json(json!({"issuer": "https://evil.example"})),
            Class::Contract,
            "names the issuer `https://evil.example`, and the configuration names",
        ),
        (
            ResponseTemplate::new(302).insert_header("Location", "https://evil.example/"),
            Class::Permanent,
            "redirects to evil.example, which is not followed",
        ),
    ] {
        let (server, test) = (MockServer::start().await, monday());
        answer(&server, "GET", DOCUMENT, document).await;
        let vault = Arc::new(MemoryVault::default());
        let grant = Grant::RefreshToken {
            spec: of_issuer(&server),
            seed: Some("r1".into()),
        };
        let session = session(
            rules(&server.uri()),
            Some(manager(grant, &vault, &test.clock())),
            &test.clock(),
        );
        let error = page(&session, &test.clock()).await.expect_err(message);
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(error.class(), class, "{error}");
        assert!(vault.calls().is_empty(), "no intent, no request");
        let sent = server.received_requests().await.expect("recorded");
        assert!(sent.iter().all(|seen| seen.method.as_str() == "GET"));
    }
}
