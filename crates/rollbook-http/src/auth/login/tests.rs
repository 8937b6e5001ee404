//! The URL of an attempt, responses by rows, and a browser that never returns.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::response::{ExpectedRedirect, RedirectOutcome, classify, classify_pasted};
use super::*;
use crate::auth::GrantSpec;
use crate::http::{Route, Timeouts};
use rollbook_core::clock::{Clock, TestClock};
use rollbook_core::model::{ClientAuth, EndpointRules, named};

fn rules(pkce: bool) -> LoginRules {
    let url = |text: &str| Url::parse(text).expect("an address");
    LoginRules {
        source: named("school"),
        spec: GrantSpec {
            token_url: Some(url("https://auth.example/token")),
            issuer: None,
            revocation_url: None,
            client_id: "our client".into(),
            client_secret: Some("s3cret".into()),
            rules: EndpointRules {
                client_auth: Some(ClientAuth::Post),
                scope: Some("a_read  b_read".into()),
                authorize_query: Some([("prompt".into(), "consent".into())].into()),
                pkce: Some(pkce),
                ..EndpointRules::default()
            },
            api_key: None,
        },
        authorize_url: Some(url("https://auth.example/authorize?tenant=4711")),
        timeouts: Timeouts::default(),
        route: Route::default(),
    }
}

async fn attempt(pkce: bool) -> Attempt {
    let redirect = Redirect::registered("https://school.example/cb").expect("an address");
    begin(&rules(pkce), redirect).await
}

async fn begin(rules: &LoginRules, redirect: Redirect) -> Attempt {
    let attempt = Attempt::begin(rules, redirect, &Clock::system()).await;
    attempt.expect("the rules are right")
}

#[tokio::test]
async fn each_url_has_every_parameter_once_and_a_new_state() {
    let parameters = |attempt: &Attempt| -> BTreeMap<String, String> {
        let pairs: Vec<_> = attempt.address().query_pairs().into_owned().collect();
        let names = pairs.len();
        let map: BTreeMap<_, _> = pairs.into_iter().collect();
        assert_eq!(map.len(), names, "each once");
        map
    };
    let (one, two) = (
        parameters(&attempt(true).await),
        parameters(&attempt(true).await),
    );
    for (name, value) in [
        ("tenant", "4711"),
        ("response_type", "code"),
        ("client_id", "our client"),
        ("redirect_uri", "https://school.example/cb"),
        ("scope", "a_read b_read"),
        ("code_challenge_method", "S256"),
        ("prompt", "consent"),
    ] {
        assert_eq!(one[name], value);
    }
    for name in ["state", "code_challenge"] {
        assert_eq!(one[name].len(), 43, "32 bytes");
        assert_ne!(one[name], two[name], "{name}");
    }
    let without = parameters(&attempt(false).await);
    assert!(!without.contains_key("code_challenge") && without.contains_key("state"));
    assert!(!format!("{:?}", attempt(true).await.address()).contains("s3cret"));
}

fn expected() -> ExpectedRedirect {
    ExpectedRedirect {
        state: SecretString::from("right"),
        redirect: Redirect::registered("https://school.example/cb").expect("an address"),
        issuer: None,
    }
}

/// `code:…`, `foreign` or `refused`.
fn described(outcome: RedirectOutcome) -> String {
    match outcome {
        RedirectOutcome::Code(code) => format!("code:{}", code.0.expose_secret()),
        RedirectOutcome::Foreign(_) => "foreign".into(),
        RedirectOutcome::Refused(_) => "refused".into(),
    }
}

#[test]
fn answers_by_rows() {
    for (query, outcome) in [
        ("code=c1&state=right", "code:c1"),
        ("state=right&session_state=x&code=c%2B1%2F%3D", "code:c+1/="),
        ("code=c1", "foreign"),
        ("code=c1&state=", "foreign"),
        ("code=c1&state=Right", "foreign"),
        ("code=c1&state=right&state=wrong", "foreign"),
        ("error=access_denied&state=wrong", "foreign"),
        ("error=access_denied&error=x&state=right", "foreign"),
        ("", "foreign"),
        ("error=access_denied&state=right", "refused"),
        ("error=access_denied&code=c1&state=right", "refused"),
        ("state=right", "refused"),
        ("code=&state=right", "refused"),
        ("code=a%20b&state=right", "refused"),
        ("code=a%0Ab&state=right", "refused"),
    ] {
        assert_eq!(described(classify(query, &expected())), outcome, "{query}");
    }
    let long = format!("code={}&state=right", "c".repeat(9000));
    assert_eq!(described(classify(&long, &expected())), "refused");
}

#[test]
fn pasted_texts_by_rows() {
    for (text, outcome) in [
        (
            " https://school.example/cb?code=c1&state=right \r\n",
            "code:c1",
        ),
        ("<https://school.example/cb?code=c1&state=right>", "code:c1"),
        (
            "https://school.example:443/cb?code=c1&state=right",
            "code:c1",
        ),
        ("?code=c1&state=right", "code:c1"),
        ("code=c1&state=right", "code:c1"),
        ("c1", "code:c1"),
        ("https://school.example/cb?code=c1&state=wrong", "foreign"),
        ("https://school.example/cb", "foreign"),
        (
            "https://school.example/other?code=c1&state=right",
            "refused",
        ),
        ("https://evil.example/cb?code=c1&state=right", "refused"),
        ("http://school.example/cb?code=c1&state=right", "refused"),
        ("error=access_denied&state=right", "refused"),
        ("two words", "refused"),
        ("", "refused"),
    ] {
        assert_eq!(
            described(classify_pasted(text, &expected())),
            outcome,
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_browser_that_never_returns_times_out_after_five_minutes() {
    let test = TestClock::at("2026-03-02T06:00:00Z".parse().expect("a time"));
    let listener = Listener::bind(None, None).await.expect("a port");
    let address = listener.redirect().loopback().expect("loopback");
    let attempt = begin(&rules(true), listener.redirect().clone()).await;
    let error = listener
        .wait(&attempt, &test.clock())
        .await
        .expect_err("the browser did not return");
    assert_eq!(
        error.to_string(),
        "sign in to school: the browser did not return from the vendor within 5 minutes"
    );
    assert_eq!(test.naps()[0], Duration::from_secs(300));
    let again = tokio::net::TcpListener::bind(address).await;
    assert!(again.is_ok(), "the port is free again");
}

#[tokio::test]
async fn the_second_response_to_one_attempt_is_rejected() {
    let listener = Listener::bind(None, None).await.expect("a port");
    let attempt = begin(&rules(true), listener.redirect().clone()).await;
    let (clock, back) = (Clock::system(), listener.redirect().as_str().to_owned());
    let state = attempt.expected().state.expose_secret().to_owned();
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let browser = async {
        let answer = |code: &str| {
            client
                .get(format!("{back}?code={code}&state={state}"))
                .send()
        };
        let first = answer("c1").await.expect("a page");
        // It finds a closed port, or the listener while it closes.
        let second = answer("c2").await.map(|page| page.status().as_u16());
        (first.status().as_u16(), second.unwrap_or(410))
    };
    let (code, pages) = tokio::join!(listener.wait(&attempt, &clock), browser);
    let code = code.expect("the first one");
    assert_eq!(code.0.expose_secret(), "c1");
    assert_eq!(format!("{code:?}"), "AuthorizationCode");
    assert_eq!(pages, (200, 410));
}
