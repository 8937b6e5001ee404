//! Claims and signatures of id tokens.

use aws_lc_rs::hmac;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::{Changes, Setup, text};

/// Signed text, signature, claims.
fn parts_of(token: &str) -> (&str, Vec<u8>, Value) {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let claims = signed.split_once('.').unwrap().1;
    let claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    (signed, URL_SAFE_NO_PAD.decode(signature).unwrap(), claims)
}

async fn token(setup: &Setup) -> String {
    let response = setup.exchange(&setup.code().await, &[]).await;
    text(&response, "id_token")
}

/// Verifies the signature with the published key.
async fn is_signed(setup: &Setup, token: &str) -> bool {
    let url = setup.login.token_url.replace("/token", "/jwks");
    let keys = setup
        .harness
        .send(setup.harness.client.get(url))
        .await
        .unwrap();
    let key = keys.json()["keys"][0].clone();
    let number = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let key = PublicKeyComponents {
        n: number("n"),
        e: number("e"),
    };
    let (signed, signature, _) = parts_of(token);
    let algorithm = &RSA_PKCS1_2048_8192_SHA256;
    key.verify(algorithm, signed.as_bytes(), &signature).is_ok()
}

#[tokio::test]
async fn the_signature_is_of_the_published_key_unless_switched() {
    for (value, holds) in [
        ("right", true),
        ("expired", true),
        ("wrong_signature", false),
    ] {
        let setup = Setup::with("webuntis", &[("auth.id_token", value)]).await;
        let token = token(&setup).await;
        assert_eq!(is_signed(&setup, &token).await, holds, "{value}");
    }
}

#[tokio::test]
async fn hs256_signs_with_the_client_secret() {
    let setup = Setup::with("webuntis", &[("auth.id_token_alg", "hs256")]).await;
    let token = token(&setup).await;
    let (signed, signature, _) = parts_of(&token);
    let key = hmac::Key::new(hmac::HMAC_SHA256, setup.secret.as_bytes());
    hmac::verify(&key, signed.as_bytes(), &signature).expect("signed with the OIDC secret");
}

#[tokio::test]
async fn an_id_token_names_server_client_and_person() {
    let setup = Setup::with("webuntis", &[]).await;
    let response = setup.exchange(&setup.code().await, &[]).await;
    let token = text(&response, "id_token");
    let (_, _, claims) = parts_of(&token);
    assert_eq!(claims["iss"], setup.login.issuer.as_str());
    assert_eq!(claims["aud"], "rollbook");
    assert_eq!(claims["nonce"], "nonce-1");
    let life = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
    assert_eq!(life, 3600);
    let user = format!(
        "/ims/oneroster/v1p1/users/{}",
        claims["sub"].as_str().unwrap()
    );
    let request = setup.harness.client.get(setup.harness.url(&user));
    let request = request.bearer_auth(text(&response, "access_token"));
    let person = setup.harness.send(request).await.unwrap().json();
    assert_eq!(person["user"]["role"], "teacher");
}

#[tokio::test]
async fn an_id_token_requires_the_scope_openid() {
    let rows: &[(Changes<'_>, bool)] = &[
        (&[], true),
        (&[("scope", "roster-core.readonly")], false),
        (&[("scope", "")], false),
        (&[("nonce", "")], true),
    ];
    for (changes, there) in rows {
        let setup = Setup::with("webuntis", &[]).await;
        let code = setup.consent(changes).await["code"].clone();
        let token = text(&setup.exchange(&code, &[]).await, "id_token");
        assert_eq!(!token.is_empty(), *there, "{changes:?}");
    }
}
