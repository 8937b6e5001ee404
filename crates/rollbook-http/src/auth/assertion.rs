//! Assertions of the JWT bearer grant (RFC 7523): claims, signed with RS256.
//!
//! The key is PEM, or in the JSON file of a service account, whose other members name the issuer and the key. No message
//! contains anything of either.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use crate::http::error::HttpErrorKind;
use rollbook_core::model::EndpointRules;

/// An assertion begins so long before now, for a server whose clock is behind.
const BACKDATED: i64 = 10;

/// How long an assertion is valid, by default.
const LIFETIME: Duration = Duration::from_secs(300);

/// Signs assertions.
#[derive(Clone)]
pub struct Signer {
    issuer: String,
    key_id: Option<String>,
    key: Arc<RsaKeyPair>,
}

impl Signer {
    /// Reads a key in PEM.
    ///
    /// # Errors
    /// A message that fits after the name of its key, without anything of it.
    pub fn of_pem(issuer: &str, key_id: Option<&str>, pem: &[u8]) -> Result<Self, &'static str> {
        let key = PrivateKeyDer::from_pem_slice(pem)
            .map_err(|_| "contains no private key in PEM (`-----BEGIN PRIVATE KEY-----`)")?;
        let key = match &key {
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            _ => return Err("contains a key that is not RSA; assertions are signed with RS256"),
        };
        let key = key.map_err(|_| {
            "contains a key that is not RSA with at least 2048 bits; assertions are signed with RS256"
        })?;
        Ok(Self {
            issuer: issuer.to_owned(),
            key_id: key_id.map(str::to_owned),
            key: Arc::new(key),
        })
    }

    /// Reads the JSON file of a service account: `client_email`, `private_key` and `private_key_id`.
    ///
    /// # Errors
    /// As for [`Signer::of_pem`].
    pub fn of_service_account(json: &[u8]) -> Result<Self, &'static str> {
        let file: Map<String, Value> = serde_json::from_slice(json)
            .map_err(|_| "is not the JSON file of a service account")?;
        let text = |name: &str| file.get(name).and_then(Value::as_str);
        let issuer = text("client_email").ok_or("has no member `client_email`")?;
        let key = text("private_key").ok_or("has no member `private_key`")?;
        Self::of_pem(issuer, text("private_key_id"), key.as_bytes())
    }

    /// The issuer of the assertions: a client id, or the address of a service account.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// An assertion for an audience.
    pub(super) fn assertion(
        &self,
        rules: &EndpointRules,
        audience: &str,
        now: Timestamp,
    ) -> Result<SecretString, HttpErrorKind> {
        let from = now.as_second() - BACKDATED;
        let lifetime = rules.assertion_lifetime.map_or(LIFETIME, |period| period.0);
        let until = from.saturating_add(i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX));
        let mut header = json!({ "alg": "RS256", "typ": "JWT" });
        if let Some(id) = &self.key_id {
            header["kid"] = id.as_str().into();
        }
        let audience = rules.audience.as_deref().unwrap_or(audience);
        let mut claims = json!({ "iss": self.issuer, "aud": audience, "iat": from, "exp": until });
        let further = rules.claims.iter().flatten();
        for (name, value) in further.filter(|(_, value)| !value.is_empty()) {
            claims[name] = value.as_str().into();
        }
        let encoded = |part: Value| BASE64_URL_SAFE_NO_PAD.encode(part.to_string());
        let mut text = format!("{}.{}", encoded(header), encoded(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        let random = SystemRandom::new();
        let signed = self
            .key
            .sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature);
        signed.map_err(|_| HttpErrorKind::Setup("the private key cannot sign".into()))?;
        text.push('.');
        text.push_str(&BASE64_URL_SAFE_NO_PAD.encode(signature));
        Ok(text.into())
    }
}

#[cfg(test)]
mod tests;
