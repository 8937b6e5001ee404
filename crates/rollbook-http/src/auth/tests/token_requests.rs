//! fault-catalogue.md D: what is sent to a token endpoint, and what its refusals mean.

use wiremock::matchers::any;
use wiremock::{Mock, MockServer};

use super::vendor::{Vendor, fixed_key, open, password, status, token};
use super::*;
use rollbook_core::model::Class;

#[tokio::test]
async fn the_request_in_each_form() {
    let clock = monday().clock();
    let vendor = Vendor::start(token(""), open()).await;
    let spec = vendor.spec();
    let basic = "Basic c2Nob29sLWNsaWVudDpjbDFlbnQrczNjcmV0";
    let encoded = "Basic c2Nob29sLWNsaWVudDpjbDFlbnQlMkJzM2NyZXQ=";
    let pairs = |name: &str, value: &str| Some([(name.into(), value.into())].into());
    let query = pairs("grant_type", "client_credentials");
    let json = |spec: &GrantSpec| with(spec, |rules| rules.body = Some(TokenBody::Json));
    let post = with(&spec, |rules| {
        rules.client_auth = Some(ClientAuth::Post);
        rules.scope = Some("a_read  b_read".into());
    });
    let form = with(&spec, |rules| rules.token_form = pairs("audience", "x y"));
    let seed = Some(SecretString::from("r1!"));
    for (grant, address, authorization, body) in [
        (
            Grant::ClientCredentials(spec.clone()),
            "/token",
            Some(basic),
            "grant_type=client_credentials",
        ),
        (
            Grant::ClientCredentials(with(&spec, |rules| {
                rules.client_auth = Some(ClientAuth::BasicEncoded);
            })),
            "/token",
            Some(encoded),
            "grant_type=client_credentials",
        ),
        (
            Grant::ClientCredentials(with(&spec, |rules| rules.token_query = query)),
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
            Grant::RefreshToken {
                spec: json(&post),
                seed: seed.clone(),
            },
            "/token",
            None,
            r#"{"client_id":"school-client","client_secret":"cl1ent+s3cret","grant_type":"refresh_token","refresh_token":"r1!","scope":"a_read b_read"}"#,
        ),
        (
            Grant::RefreshToken {
                spec: GrantSpec {
                    client_secret: None,
                    ..spec.clone()
                },
                seed,
            },
            "/token",
            None,
            "grant_type=refresh_token&refresh_token=r1%21&client_id=school-client",
        ),
    ] {
        page(&vendor.session(grant, &clock), &clock)
            .await
            .expect(body);
        let sent = vendor.server.received_requests().await.expect("recorded");
        let request = sent
            .iter()
            .rfind(|request| request.method.as_str() == "POST")
            .expect("a POST");
        let sent_authorization = request
            .headers
            .get("authorization")
            .map(|value| value.to_str().expect("text"));
        assert_eq!(
            request.url.as_str().replace("http://localhost", ""),
            address,
            "{body}"
        );
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
        (
            "from the answer",
            beside(None, Some("api_key")),
            "Bearer t1",
            Some("answered"),
        ),
        (
            "the source's own",
            beside(Some("own"), Some("api_key")),
            "Bearer t1",
            Some("own"),
        ),
        ("none to be had", beside(None, None), "Bearer t1", None),
    ] {
        let vendor = Vendor::start(token(r#","api_key":"answered""#), open()).await;
        let grant = Grant::ClientCredentials(GrantSpec {
            api_key: key,
            ..vendor.spec()
        });
        page(&vendor.session(grant, &clock), &clock)
            .await
            .expect(name);
        let request = vendor
            .server
            .received_requests()
            .await
            .expect("recorded")
            .pop()
            .expect("a page");
        assert_eq!(request.headers["authorization"], bearer, "{name}");
        assert_eq!(
            request
                .headers
                .get("x-api-key")
                .map(|key| key.to_str().expect("text")),
            sent,
            "{name}"
        );
    }
    let vendor = Vendor::start(token(""), open()).await;
    let grant = fixed_key("X-Api-Key", "own");
    page(&vendor.session(grant, &clock), &clock)
        .await
        .expect("alone");
    let request = vendor
        .server
        .received_requests()
        .await
        .expect("recorded")
        .pop()
        .expect("a page");
    assert_eq!(request.headers["x-api-key"], "own");
    assert!(!request.headers.contains_key("authorization"));
    assert_eq!(vendor.counts().await, (0, 1));
}

#[tokio::test]
async fn a_token_request_that_fails() {
    let word =
        |word: &str| format!(r#"{{"error":"{word}","error_description":"the client is blocked"}}"#);
    let ten_mib = vec![b' '; 10 << 20];
    for (name, answer, class, tokens, message) in [
        (
            "html",
            status(200).set_body_string("<html>s3cret"),
            Class::Transient,
            5,
            "returned 200 with a web page in place of a token",
        ),
        (
            "empty",
            status(200),
            Class::Transient,
            5,
            "returned 200 with an empty body in place of a token",
        ),
        (
            "cut",
            status(200).set_body_string(r#"{"access_token":"s3c"#),
            Class::Transient,
            5,
            "with a text that is no token response",
        ),
        (
            "mac",
            status(200).set_body_string(r#"{"access_token":"s3c","token_type":"mac"}"#),
            Class::Transient,
            5,
            "with a token whose token_type is not bearer",
        ),
        (
            "a line break",
            status(200).set_body_string(r#"{"access_token":"s3c\nx"}"#),
            Class::Permanent,
            1,
            "a header cannot carry",
        ),
        (
            "10 MiB",
            status(200).set_body_bytes(ten_mib),
            Class::Transient,
            5,
            "with more than 1 MiB in place of a token",
        ),
        (
            "busy",
            status(502).set_body_string("<html>"),
            Class::Transient,
            5,
            "an error on its side",
        ),
        (
            "busy by word",
            status(400).set_body_string(word("temporarily_unavailable")),
            Class::Transient,
            5,
            "returned 400",
        ),
        (
            "client",
            status(401).set_body_string(word("invalid_client")),
            Class::Auth,
            1,
            "refused the client_id or client_secret (401, invalid_client: \"the client is blocked\")",
        ),
        (
            "client with a good status",
            status(200).set_body_string(word("invalid_client")),
            Class::Auth,
            1,
            "refused the client_id or client_secret (200, invalid_client: \"the client is blocked\")",
        ),
        (
            "unknown word with a good status",
            status(200).set_body_string(word("s3cret")),
            Class::Auth,
            1,
            "refused the credential (200: \"the client is blocked\")",
        ),
        (
            "busy by word with a good status",
            status(200).set_body_string(word("temporarily_unavailable")),
            Class::Transient,
            5,
            "returned 200",
        ),
        (
            "a second factor",
            status(400).set_body_string(word("mfa_required")),
            Class::Auth,
            1,
            "it requires a second factor, which a scheduled job cannot give",
        ),
        (
            "a scope",
            status(400).set_body_string(word("invalid_scope")),
            Class::Auth,
            1,
            "(400, invalid_scope: \"the client is blocked\"); it is not retried for now: change `scope` at the source",
        ),
        (
            "tenant",
            status(404),
            Class::Transient,
            5,
            "returned 404 with an empty body in place of a token",
        ),
        (
            "unknown word",
            status(400).set_body_string(word("s3cret")),
            Class::Auth,
            1,
            "refused the credential (400: \"the client is blocked\")",
        ),
        (
            "redirect",
            status(307).insert_header("Location", "https://evil.example/t?c=s3c"),
            Class::Permanent,
            1,
            "redirects to evil.example,",
        ),
        ("501", status(501), Class::Permanent, 1, "returned 501"),
    ] {
        let clock = monday().clock();
        let vendor = Vendor::start(Box::new(move |_| answer.clone()), open()).await;
        let session = vendor.client_credentials(&clock);
        let error = page(&session, &clock).await.expect_err(name);
        let text = error.to_string();
        assert!(
            text.starts_with("get a token for school: ") && text.contains(message),
            "{name}: {text}"
        );
        assert!(
            !text.contains("s3c") && !text.contains("pa55"),
            "{name}: {text}"
        );
        assert_eq!(error.class(), class, "{name}: {text}");
        assert_eq!(vendor.counts().await, (tokens, 0), "{name}: {text}");
    }
}

/// Some servers send `error` with every response; a token counts more.
#[tokio::test]
async fn a_token_beside_an_error_is_used() {
    let clock = monday().clock();
    for body in [
        r#"{"token":"t1","error":""}"#,
        r#"{"token":"t1","error":"none"}"#,
        r#"{"token":"t1","error":null}"#,
    ] {
        let answer = status(200).set_body_string(body);
        let vendor = Vendor::start(Box::new(move |_| answer.clone()), open()).await;
        let spec = with(&vendor.spec(), |rules| {
            rules.members.access_token = Some("token".into());
        });
        let session = vendor.session(Grant::ClientCredentials(spec), &clock);
        page(&session, &clock).await.expect(body);
    }
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
    let spec = with(&spec(&format!("{base}/token")), |rules| {
        rules.token_query = Some([("q".into(), "cl1ent+s3cret".into())].into());
    });
    let key = fixed_key("x-api-key", "key0");
    for grant in [Grant::ClientCredentials(spec.clone()), password(spec), key] {
        let session = session(
            rules(&base),
            Some(manager(grant, &Arc::default(), &clock)),
            &clock,
        );
        let budget = RunBudget::new(&clock, RunBudget::USUAL);
        let query = vec![("token".into(), "key0".into())];
        let ask = PageRequest {
            path: "/users".into(),
            query,
            headers: Vec::new(),
            what: "users".into(),
            effort: Effort::USUAL,
        };
        let error = session
            .get(&ask, &budget, as_json())
            .await
            .expect_err("refused");
        for text in [
            error.to_string(),
            format!("{error:?}"),
            format!("{:?}", error.kind()),
        ] {
            for secret in ["pa55", "s3cret", "t1", "key0", "c2Nob29s"] {
                assert!(!text.contains(secret), "{text}");
            }
        }
    }
}
