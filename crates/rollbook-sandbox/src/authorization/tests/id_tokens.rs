//! Id tokens: who is named, and whether the signature holds.

use aws_lc_rs::hmac;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::{Changes, Play, text};

/// Text that was signed, signature, claims.
fn taken_apart(token: &str) -> (&str, Vec<u8>, Value) {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let claims = signed.split_once('.').unwrap().1;
    let claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    (signed, URL_SAFE_NO_PAD.decode(signature).unwrap(), claims)
}

async fn token(play: &Play) -> String {
    let answer = play.exchange(&play.code().await, &[]).await;
    text(&answer, "id_token")
}

/// Whether the key of the key set made the signature.
async fn is_signed(play: &Play, token: &str) -> bool {
    let url = play.login.token_url.replace("/token", "/jwks");
    let keys = play.bench.send(play.bench.client.get(url)).await.unwrap();
    let key = keys.json()["keys"][0].clone();
    let number = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let key = PublicKeyComponents {
        n: number("n"),
        e: number("e"),
    };
    let (signed, signature, _) = taken_apart(token);
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
        let play = Play::with("webuntis", &[("auth.id_token", value)]).await;
        let token = token(&play).await;
        assert_eq!(is_signed(&play, &token).await, holds, "{value}");
    }
}

#[tokio::test]
async fn a_secret_can_sign_too() {
    let play = Play::with("webuntis", &[("auth.id_token_alg", "hs256")]).await;
    let token = token(&play).await;
    let (signed, signature, _) = taken_apart(&token);
    let key = hmac::Key::new(hmac::HMAC_SHA256, play.secret.as_bytes());
    hmac::verify(&key, signed.as_bytes(), &signature).expect("signed with the OIDC secret");
}

#[tokio::test]
async fn it_names_the_server_the_client_and_a_person_of_the_roster() {
    let play = Play::with("webuntis", &[]).await;
    let answer = play.exchange(&play.code().await, &[]).await;
    let token = text(&answer, "id_token");
    let (_, _, claims) = taken_apart(&token);
    assert_eq!(claims["iss"], play.login.issuer.as_str());
    assert_eq!(claims["aud"], "rollbook");
    assert_eq!(claims["nonce"], "nonce-1");
    let life = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
    assert_eq!(life, 3600);
    let user = format!(
        "/ims/oneroster/v1p1/users/{}",
        claims["sub"].as_str().unwrap()
    );
    let request = play.bench.client.get(play.bench.url(&user));
    let request = request.bearer_auth(text(&answer, "access_token"));
    let person = play.bench.send(request).await.unwrap().json();
    assert_eq!(person["user"]["role"], "teacher");
}

#[tokio::test]
async fn there_is_one_only_where_it_was_asked_for() {
    let rows: &[(Changes<'_>, bool)] = &[
        (&[], true),
        (&[("scope", "roster-core.readonly")], false),
        (&[("scope", "")], false),
        (&[("nonce", "")], true),
    ];
    for (changes, there) in rows {
        let play = Play::with("webuntis", &[]).await;
        let code = play.consent(changes).await["code"].clone();
        let token = text(&play.exchange(&code, &[]).await, "id_token");
        assert_eq!(!token.is_empty(), *there, "{changes:?}");
    }
}
