//! A sign-in is revoked with each form of client authentication, only at the server that issued it.

use wiremock::matchers::path;
use wiremock::{Mock, MockServer};

use super::vendor::status;
use super::*;
use rollbook_core::model::Class;

const FORM: &str = "token=r%2B1&token_type_hint=refresh_token";

fn kept(spec: &GrantSpec, refresh: &str) -> KeptGrant {
    let at = "2026-03-02T05:00:00Z".parse().expect("a time");
    KeptGrant {
        refresh_token: refresh.into(),
        previous: None,
        seed_hash: SignInMark::new(spec, at).to_string(),
        intent: None,
        api_key: None,
        access: Some(KeptAccess {
            token: "a1".into(),
            life: None,
        }),
        obtained: at,
        scope: None,
    }
}

/// Revokes at this server; returns the outcome, the received bodies, and each `Authorization`.
async fn revoked(
    server: &MockServer,
    change: impl Fn(&mut GrantSpec),
    refresh: &str,
) -> (Result<Revocation, HttpError>, Vec<(String, String)>) {
    let mut spec = spec(&format!("{}/token", server.uri()));
    change(&mut spec);
    let kept = kept(&spec, refresh);
    let rules = TokenRules {
        source: named("school"),
        grant: Grant::SignedIn {
            spec,
            wanted: String::new(),
        },
        timeouts: slow(),
        route: Route::default(),
    };
    let outcome = revoke(&rules, &kept, &monday().clock()).await;
    let received = server.received_requests().await.expect("recorded");
    let recorded = |request: &wiremock::Request| {
        let body = String::from_utf8(request.body.clone()).expect("text");
        let proof = request.headers.get("authorization");
        let proof = proof.map(|proof| proof.to_str().expect("text").to_owned());
        (body, proof.unwrap_or_default())
    };
    (outcome, received.iter().map(recorded).collect())
}

async fn server(answer: u16) -> (MockServer, Url) {
    let server = MockServer::start().await;
    Mock::given(path("/revoke"))
        .respond_with(status(answer))
        .mount(&server)
        .await;
    let endpoint = Url::parse(&format!("{}/revoke", server.uri())).expect("an address");
    (server, endpoint)
}

#[tokio::test]
async fn the_client_authenticates_in_each_form() {
    for (auth, secret, refresh, body, proof) in [
        // school-client:cl1ent+s3cret, and the same form-encoded
        (
            ClientAuth::Basic,
            true,
            "r+1",
            FORM.to_owned(),
            "Basic c2Nob29sLWNsaWVudDpjbDFlbnQrczNjcmV0",
        ),
        (
            ClientAuth::BasicEncoded,
            true,
            "r+1",
            FORM.to_owned(),
            "Basic c2Nob29sLWNsaWVudDpjbDFlbnQlMkJzM2NyZXQ=",
        ),
        (
            ClientAuth::Post,
            true,
            "r+1",
            format!("{FORM}&client_id=school-client&client_secret=cl1ent%2Bs3cret"),
            "",
        ),
        (
            ClientAuth::Basic,
            false,
            "r+1",
            format!("{FORM}&client_id=school-client"),
            "",
        ),
        (
            ClientAuth::Basic,
            false,
            "",
            "token=a1&token_type_hint=access_token&client_id=school-client".to_owned(),
            "",
        ),
    ] {
        let (server, endpoint) = server(200).await;
        let change = |spec: &mut GrantSpec| {
            spec.revocation_url = Some(endpoint.clone());
            spec.rules.client_auth = Some(auth);
            if !secret {
                spec.client_secret = None;
            }
        };
        let (outcome, received) = revoked(&server, change, refresh).await;
        let host = server.address().to_string();
        assert_eq!(outcome.ok(), Some(Revocation::Done(host)), "{auth:?}");
        assert_eq!(received, [(body, proof.to_owned())], "{auth:?}");
    }
}

#[tokio::test]
async fn without_an_endpoint_nothing_is_sent_and_a_refusal_is_an_error() {
    let (there, _) = server(200).await;
    let (outcome, received) = revoked(&there, |_| {}, "r1").await;
    assert_eq!(
        (outcome.ok(), received.len()),
        (Some(Revocation::NoEndpoint), 0)
    );
    for (code, class) in [
        (503, Class::Transient),
        (400, Class::Permanent),
        (302, Class::Permanent),
    ] {
        let (server, endpoint) = server(code).await;
        let change = |spec: &mut GrantSpec| spec.revocation_url = Some(endpoint.clone());
        let (outcome, received) = revoked(&server, change, "r1").await;
        let error = outcome.expect_err("refused");
        assert_eq!(
            (error.class(), received.len()),
            (class, 1),
            "{code}: {error}"
        );
        assert!(
            error
                .to_string()
                .starts_with("revoke the sign-in of school: "),
            "{error}"
        );
        assert!(error.to_string().contains(&code.to_string()), "{error}");
    }
    let (server, _) = server(200).await;
    let clear = |spec: &mut GrantSpec| {
        spec.revocation_url = Some(Url::parse("http://auth.example/revoke").expect("an address"));
    };
    let (outcome, _) = revoked(&server, clear, "r1").await;
    let error = outcome.expect_err("in clear");
    assert!(
        error.to_string().contains("revocation_url must be https"),
        "{error}"
    );
}
