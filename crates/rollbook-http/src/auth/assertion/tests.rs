//! Tests of `assertion.rs`: the keys it takes, what an assertion says, and that its signature holds.

use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use secrecy::ExposeSecret as _;

use super::*;
use rollbook_core::model::Period;

const RSA: &str = include_str!("../tests/keys/rsa.pem");
const RSA_PKCS1: &str = include_str!("../tests/keys/rsa_pkcs1.pem");
const EC: &str = include_str!("../tests/keys/ec.pem");

fn parts(signer: &Signer, rules: &EndpointRules) -> (Value, Value) {
    let now = "2026-03-02T06:00:10Z".parse().expect("a time");
    let assertion = signer.assertion(rules, "https://v.example/token", now);
    let assertion = assertion.expect("it signs");
    let (signed, signature) = assertion.expose_secret().rsplit_once('.').expect("parts");
    let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).expect("base64");
    let public = signer.key.public_key().as_ref();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public)
        .verify(signed.as_bytes(), &decode(signature))
        .expect("the signature holds");
    let (header, claims) = signed.split_once('.').expect("parts");
    let json = |text: &str| serde_json::from_slice(&decode(text)).expect("JSON");
    (json(header), json(claims))
}

#[test]
fn what_an_assertion_says() {
    let from = 1_772_431_200;
    let account = json!({
        "type": "service_account", "client_email": "sync@p.example", "private_key": RSA,
        "private_key_id": "k1", "token_uri": "https://evil.example/token",
    });
    let account = Signer::of_service_account(account.to_string().as_bytes()).expect("a key");
    let claims = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    let full = EndpointRules {
        audience: Some("https://v.example/".into()),
        claims: Some(claims(&[
            ("scope", "a b"),
            ("sub", "admin@p.example"),
            ("x", ""),
        ])),
        assertion_lifetime: Some(Period(Duration::from_secs(3600))),
        ..EndpointRules::default()
    };
    assert_eq!(
        parts(&account, &EndpointRules::default()),
        (
            json!({ "alg": "RS256", "typ": "JWT", "kid": "k1" }),
            json!({ "iss": "sync@p.example", "aud": "https://v.example/token", "iat": from, "exp": from + 300 }),
        )
    );
    assert_eq!(
        parts(&account, &full).1,
        json!({
            "iss": "sync@p.example", "aud": "https://v.example/", "iat": from, "exp": from + 3600,
            "scope": "a b", "sub": "admin@p.example",
        })
    );
    for pem in [RSA, RSA_PKCS1] {
        let signer = Signer::of_pem("me", None, pem.as_bytes()).expect("a key");
        let (header, claims) = parts(&signer, &EndpointRules::default());
        assert_eq!(header, json!({ "alg": "RS256", "typ": "JWT" }));
        assert_eq!(claims["iss"], "me");
    }
}

/// Kinds: other keys, damaged ones, no PEM, files of another kind. No message quotes them.
#[test]
fn keys_that_cannot_sign() {
    let damaged = RSA.replace("MII", "MIX");
    for (pem, expected) in [
        (EC, "contains a key that is not RSA"),
        (damaged.as_str(), "contains a key that is not RSA"),
        ("s3cret", "contains no private key in PEM"),
        ("", "contains no private key in PEM"),
    ] {
        let error = Signer::of_pem("me", None, pem.as_bytes())
            .err()
            .expect(expected);
        assert!(error.starts_with(expected), "{error}");
    }
    for (json, expected) in [
        ("s3cret", "is not the JSON file of a service account"),
        ("[]", "is not the JSON file of a service account"),
        (r#"{"client_email":"a"}"#, "has no member `private_key`"),
        (
            r#"{"installed":{"client_id":"a"}}"#,
            "has no member `client_email`",
        ),
        (
            r#"{"client_email":"a","private_key":"x"}"#,
            "contains no private key in PEM",
        ),
    ] {
        let error = Signer::of_service_account(json.as_bytes())
            .err()
            .expect(expected);
        assert!(error.starts_with(expected), "{json}: {error}");
    }
}
