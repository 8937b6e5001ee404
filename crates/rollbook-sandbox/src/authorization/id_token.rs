//! Id tokens: who signed in, signed (OpenID Connect Core 2), right or as a switch spoils them.
//!
//! The key is made anew in every process; a client that keeps a key set must be able to renew it.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::rules::{ANOTHER_CLIENT, Rules};
use super::server::Authorization;
use super::switches::{IdToken, IdTokenAlg, Switches};
use crate::tokens::Holder;

/// Life of an id token, and how far a wrong time is off, in seconds.
const HOUR: u64 = 3600;
/// Length of the key's modulus in bytes.
const MODULUS: usize = 256;
/// The name of the one key.
const KEY_ID: &str = "sandbox";

/// What the client said when it asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said<'a> {
    pub(super) client: &'static str,
    pub(super) nonce: Option<&'a str>,
}

/// The key that signs; none where the machine cannot make one.
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
/// Before the modulus stand two headers of four bytes, and the zero that makes it positive.
fn numbers(der: &[u8]) -> (String, String) {
    let modulus = der.get(9..9 + MODULUS).unwrap_or_default();
    let exponent = der.last_chunk::<3>().map_or(&[][..], |bytes| &bytes[..]);
    (base64(modulus), base64(exponent))
}

impl Authorization {
    /// The id token of an exchange; none where `openid` was not granted.
    pub(super) fn id_token(
        &self,
        rules: &Rules,
        switches: &Switches,
        holder: &Holder,
        said: Said<'_>,
    ) -> Option<String> {
        let openid = holder.scope.split(' ').any(|word| word == "openid");
        if !openid || switches.id_token == IdToken::Missing {
            return None;
        }
        // Real time, because the client compares it with its own clock; ahead when a test moved ours.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let now = (since + self.clock.ahead()).as_secs();
        let claims = claims(rules, switches.id_token, holder, said, now);
        let secret = &rules.client(said.client)?.secret;
        signed(&claims.to_string(), switches, secret)
    }
}

fn claims(rules: &Rules, how: IdToken, holder: &Holder, said: Said<'_>, now: u64) -> Value {
    let mut claims = json!({
        "iss": rules.issuer, "aud": said.client, "sub": holder.user,
        "iat": now, "exp": now + HOUR, "nonce": said.nonce,
    });
    match how {
        IdToken::WrongIssuer => claims["iss"] = json!("https://another.example"),
        IdToken::WrongAudience => claims["aud"] = json!(ANOTHER_CLIENT),
        IdToken::WrongParty => {
            claims["aud"] = json!([said.client, ANOTHER_CLIENT]);
            claims["azp"] = json!(ANOTHER_CLIENT);
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
