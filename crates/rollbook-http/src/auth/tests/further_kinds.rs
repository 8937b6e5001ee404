//! Kinds of sign-in beside OAuth's usual ones: several fixed keys, keys in the query, assertions, tokens in other headers.

use super::vendor::{Vendor, open, status, token};
use super::*;
use crate::auth::assertion::Signer;

/// What a vendor was asked, without its address.
async fn asked(vendor: &Vendor, method: &str) -> Vec<wiremock::Request> {
    let all = vendor.server.received_requests().await.expect("recorded");
    let is_meant = |request: &wiremock::Request| request.method.as_str() == method;
    all.into_iter().filter(is_meant).collect()
}

fn two_keys() -> FixedKeys {
    FixedKeys {
        headers: vec![
            ("apitoken".into(), "key0".into()),
            ("Authorization".into(), "token key0:s3cret&".into()),
        ],
        query: vec![
            ("wstoken".into(), "key0".into()),
            ("b".into(), "s3cret&".into()),
        ],
        parts: vec!["key0".into(), "s3cret&".into()],
    }
}

/// A link of the vendor that repeats a key, or has another one, carries the source's own only.
#[tokio::test]
async fn keys_are_sent_where_the_connector_says_so() {
    let clock = monday().clock();
    let vendor = Vendor::start(token(""), open()).await;
    let session = vendor.session(Grant::ApiKey(two_keys()), &clock);
    let budget = RunBudget::new(&clock, RunBudget::USUAL);
    let own = "wstoken=key0&b=s3cret%26";
    for (path, query) in [
        ("/users", own.to_owned()),
        ("/users?page=2", format!("page=2&{own}")),
        ("/users?wstoken=other&page=2&b", format!("page=2&{own}")),
        (
            "/users?ws%74oken=key0&page=a+b%2F",
            format!("page=a+b%2F&{own}"),
        ),
    ] {
        let ask = PageRequest {
            path: path.into(),
            query: Vec::new(),
            headers: Vec::new(),
            what: "users".into(),
            effort: Effort::USUAL,
        };
        session.get(&ask, &budget, as_json()).await.expect("fine");
        let request = asked(&vendor, "GET").await.pop().expect("a page");
        assert_eq!(request.url.query(), Some(query.as_str()), "{path}");
        assert_eq!(request.headers["apitoken"], "key0");
        assert_eq!(request.headers["authorization"], "token key0:s3cret&");
    }
}

/// Whatever the vendor says: a key is in no message.
#[tokio::test]
async fn keys_in_a_query_are_never_shown() {
    let clock = monday().clock();
    for (status_code, body, location) in [
        (401, r#"{"message":"key0 is unknown"}"#, ""),
        (403, r#"{"error":"s3cret& was revoked"}"#, ""),
        (500, r#"{"error":"key0"}"#, ""),
        (302, "", "https://evil.example/users?wstoken=key0"),
        (301, "", "/users//?wstoken=key0"),
        (200, "<html>key0</html>", ""),
        (404, "key0", ""),
    ] {
        let answer = move |_: &str| {
            let answer = status(status_code).set_body_string(body);
            match location {
                "" => answer,
                location => answer.insert_header("location", location),
            }
        };
        let vendor = Vendor::start(token(""), Box::new(answer)).await;
        let session = vendor.session(Grant::ApiKey(two_keys()), &clock);
        let error = page(&session, &clock).await.expect_err("no page");
        for text in [
            error.to_string(),
            format!("{error:?}"),
            format!("{:?}", error.kind()),
        ] {
            for secret in ["key0", "s3cret", "evil.example/"] {
                assert!(!text.contains(secret), "{text}");
            }
        }
    }
}

#[tokio::test]
async fn an_assertion_is_exchanged_for_a_token() {
    let clock = monday().clock();
    let vendor = Vendor::start(token(r#","expires_in":3600"#), open()).await;
    let signer = Signer::of_pem("me", Some("k1"), include_bytes!("keys/rsa.pem")).expect("a key");
    let spec = with(&vendor.spec(), |rules| {
        rules.client_auth = Some(ClientAuth::None);
        rules.token_header = Some("X-Authorization".into());
    });
    let session = vendor.session(Grant::JwtBearer { spec, signer }, &clock);
    page(&session, &clock).await.expect("fine");
    page(&session, &clock).await.expect("the same token");
    let asked_tokens = asked(&vendor, "POST").await;
    assert_eq!(asked_tokens.len(), 1);
    let form = String::from_utf8(asked_tokens[0].body.clone()).expect("text");
    let start = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=ey";
    assert!(form.starts_with(start), "{form}");
    assert!(
        !form.contains("client_id") && !form.contains("scope"),
        "{form}"
    );
    let page = asked(&vendor, "GET").await.pop().expect("a page");
    assert_eq!(page.headers["x-authorization"], "Bearer t1");
    assert!(!page.headers.contains_key("authorization"));
}

#[tokio::test]
async fn an_assertion_is_in_no_message() {
    let clock = monday().clock();
    let refuse = |_| {
        status(400)
            .set_body_string(r#"{"error":"invalid_grant","error_description":"Invalid JWT"}"#)
    };
    let vendor = Vendor::start(Box::new(refuse), open()).await;
    let signer = Signer::of_pem("me", None, include_bytes!("keys/rsa.pem")).expect("a key");
    let grant = Grant::JwtBearer {
        spec: vendor.spec(),
        signer,
    };
    let error = page(&vendor.session(grant, &clock), &clock)
        .await
        .expect_err("refused");
    let text = error.to_string();
    assert!(
        text.contains("invalid_grant") && text.contains("Invalid JWT"),
        "{text}"
    );
    assert!(!text.contains("eyJ"), "{text}");
}

#[tokio::test]
async fn a_secret_under_another_name() {
    let clock = monday().clock();
    let vendor = Vendor::start(token(""), open()).await;
    let spec = with(&vendor.spec(), |rules| {
        rules.client_auth = Some(ClientAuth::None);
        rules.token_form = Some([("usertoken".into(), "{client_secret}".into())].into());
    });
    let session = vendor.session(Grant::ClientCredentials(spec), &clock);
    page(&session, &clock).await.expect("fine");
    let request = asked(&vendor, "POST").await.pop().expect("a token");
    assert_eq!(
        String::from_utf8(request.body).expect("text"),
        "grant_type=client_credentials&usertoken=cl1ent%2Bs3cret"
    );
    assert!(!request.headers.contains_key("authorization"));
}
