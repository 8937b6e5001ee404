//! Signed id tokens (OpenID Connect Core 2), correct or as a switch alters them.
//!
//! Every process creates a new key; a client that caches a key set must be able to renew it.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::rules::{OTHER_CLIENT, Rules};
use super::server::Authorization;
use super::switches::{IdToken, IdTokenAlg, Switches};
use crate::tokens::Holder;

/// Lifetime of an id token, and the offset of a wrong time, in seconds.
const HOUR: u64 = 3600;
/// Length of the key's modulus in bytes.
const MODULUS: usize = 256;
/// `kid` of the only key.
const KEY_ID: &str = "sandbox";

/// Client and nonce of the authorization request.
#[derive(Clone, Copy, Debug)]
pub(super) struct IdTokenRequest<'a> {
    pub(super) client: &'static str,
    pub(super) nonce: Option<&'a str>,
}

/// The signing key; none when the machine cannot create one.
fn key() -> Option<&'static KeyPair> {
    static KEY: OnceLock<Option<KeyPair>> = OnceLock::new();
    KEY.get_or_init(|| KeyPair::generate(KeySize::Rsa2048).ok())
        .as_ref()
}

/// The key set (RFC 7517).
pub(crate) fn key_set() -> Value {
    let keys: Vec<Value> = key()
        .map(|key| {
            let (n, e) = numbers(key.public_key().as_ref());
            json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID, "n": n, "e": e })
        })
        .into_iter()
        .collect();
    json!({ "keys": keys })
}

/// Modulus and exponent of a public key in DER: a sequence of two numbers, the second of three bytes.
///
/// Two headers of four bytes and a sign byte precede the modulus.
fn numbers(der: &[u8]) -> (String, String) {
    let modulus = der.get(9..9 + MODULUS).unwrap_or_default();
    let exponent = der.last_chunk::<3>().map_or(&[][..], |bytes| &bytes[..]);
    (base64(modulus), base64(exponent))
}

impl Authorization {
    /// The id token of a code exchange; none without the scope `openid`.
    pub(super) fn id_token(
        &self,
        rules: &Rules,
        switches: &Switches,
        holder: &Holder,
        request: IdTokenRequest<'_>,
    ) -> Option<String> {
        let openid = holder.scope.split(' ').any(|word| word == "openid");
        if !openid || switches.id_token == IdToken::Missing {
            return None;
        }
        // Real time, because the client compares it with its own clock; plus what a test added to ours.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let now = (since + self.clock.added()).as_secs();
        let claims = claims(rules, switches.id_token, holder, request, now);
        let secret = &rules.client(request.client)?.secret;
        signed(&claims.to_string(), switches, secret)
    }
}

fn claims(
    rules: &Rules,
    how: IdToken,
    holder: &Holder,
    request: IdTokenRequest<'_>,
    now: u64,
) -> Value {
    let mut claims = json!({
        "iss": rules.issuer, "aud": request.client, "sub": holder.user,
        "iat": now, "exp": now + HOUR, "nonce": request.nonce,
    });
    match how {
        IdToken::WrongIssuer => claims["iss"] = json!("https://another.example"),
        IdToken::WrongAudience => claims["aud"] = json!(OTHER_CLIENT),
        IdToken::WrongParty => {
            claims["aud"] = json!([request.client, OTHER_CLIENT]);
            claims["azp"] = json!(OTHER_CLIENT);
        }
        IdToken::WrongNonce => claims["nonce"] = json!("of-another-attempt"),
        IdToken::NoNonce => claims["nonce"] = Value::Null,
        IdToken::Expired => {
            (claims["iat"], claims["exp"]) = (json!(now - 2 * HOUR), json!(now - HOUR));
        }
        IdToken::NotYet => {
            (claims["iat"], claims["exp"]) = (json!(now + HOUR), json!(now + 2 * HOUR));
        }
        IdToken::NoSubject => claims["sub"] = Value::Null,
        IdToken::Right
        | IdToken::Missing
        | IdToken::WrongSignature
        | IdToken::Unsigned
        | IdToken::Garbled => {}
    }
    if let Some(members) = claims.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    claims
}

/// Header, claims and signature in the compact form of RFC 7515.
fn signed(claims: &str, switches: &Switches, secret: &str) -> Option<String> {
    let unsigned = switches.id_token == IdToken::Unsigned;
    let header = match switches.id_token_alg {
        _ if unsigned => json!({ "alg": "none" }),
        IdTokenAlg::Rs256 => json!({ "alg": "RS256", "kid": KEY_ID, "typ": "JWT" }),
        IdTokenAlg::Hs256 => json!({ "alg": "HS256", "typ": "JWT" }),
    };
    let claims = match switches.id_token {
        IdToken::Garbled => "{no claims",
        _ => claims,
    };
    let text = format!(
        "{}.{}",
        base64(header.to_string().as_bytes()),
        base64(claims.as_bytes())
    );
    if unsigned {
        return Some(text + ".");
    }
    let of = match switches.id_token {
        IdToken::WrongSignature => "something else",
        _ => &text,
    };
    let signature = signature(of.as_bytes(), switches.id_token_alg, secret)?;
    Some(format!("{text}.{}", base64(&signature)))
}

fn signature(text: &[u8], alg: IdTokenAlg, secret: &str) -> Option<Vec<u8>> {
    match alg {
        IdTokenAlg::Hs256 => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
            Some(hmac::sign(&key, text).as_ref().to_vec())
        }
        IdTokenAlg::Rs256 => {
            let key = key()?;
            let mut signature = vec![0; key.public_modulus_len()];
            let random = aws_lc_rs::rand::SystemRandom::new();
            key.sign(&RSA_PKCS1_SHA256, &random, text, &mut signature)
                .ok()?;
            Some(signature)
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
