//! A vendor's webhooks in a connector: how a call shows that it knows the secret, and which streams it is about.
//!
//! What a call says selects streams and nothing else. How a vendor uses the secret is often undocumented, so a connector
//! lists every form that it accepts; the schemes are a closed set.

use std::collections::BTreeMap;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

/// The vendor's webhooks, which ask for an early run.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WebhookRules {
    /// Member of the JSON body that names the kind of record, such as `"EntityName"` or `"data.type"`.
    pub entity: String,
    /// How a call may show that it knows the secret; one of them is enough.
    #[cfg_attr(any(test, feature = "testing"), schemars(length(min = 1)))]
    pub proofs: Vec<WebhookProof>,
    /// The streams that a kind of record is in, by its name without regard to case, blanks, `_` and `-`. An empty list: it is not
    /// mirrored. A name that is not here, or no name: every stream of which changes are read.
    #[serde(default)]
    pub entities: BTreeMap<String, Vec<String>>,
}

/// One way to show that a call knows the secret.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WebhookProof {
    /// The header, in any case.
    #[cfg_attr(
        any(test, feature = "testing"),
        schemars(regex(pattern = "^[A-Za-z0-9-]+$"))
    )]
    pub header: String,
    /// What its value is.
    pub scheme: ProofScheme,
    /// What the value starts with, in any case, such as `"sha256="`.
    #[serde(default)]
    pub prefix: String,
}

/// What the value of a header is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ProofScheme {
    /// HMAC-SHA256 of the body under the secret, as hexadecimal digits in any case.
    HmacSha256Hex,
    /// The same as base64.
    HmacSha256Base64,
    /// The secret itself.
    Secret,
}

impl WebhookRules {
    /// Whether one of the proofs is good. Compares in constant time.
    pub fn is_proven(&self, secret: &[u8], headers: &[(String, String)], body: &[u8]) -> bool {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), body);
        let is_good = |proof: &WebhookProof, value: &str| {
            let Some(value) = without_prefix(value.trim(), &proof.prefix) else {
                return false;
            };
            let (given, expected) = match proof.scheme {
                ProofScheme::HmacSha256Hex => (from_hex(value), tag.as_ref()),
                ProofScheme::HmacSha256Base64 => (STANDARD.decode(value).ok(), tag.as_ref()),
                ProofScheme::Secret => (Some(value.as_bytes().to_vec()), secret),
            };
            given.is_some_and(|given| verify_slices_are_equal(&given, expected).is_ok())
        };
        headers.iter().any(|(name, value)| {
            let mut proofs = self.proofs.iter();
            proofs.any(|proof| proof.header.eq_ignore_ascii_case(name) && is_good(proof, value))
        })
    }

    /// The streams that a call is about; `None` if it names no kind of record that is known.
    pub fn streams_of(&self, body: &[u8]) -> Option<&[String]> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let mut members = self.entity.split('.');
        let named = members.try_fold(&body, |value, member| value.get(member))?;
        let named = normalized(named.as_str()?);
        let mut entities = self.entities.iter();
        let found = entities.find(|(name, _)| normalized(name) == named);
        found.map(|(_, streams)| streams.as_slice())
    }
}

/// A kind of record, however the vendor spells it: `CourseEnrolment`, `Course Enrolment`, `course_enrolment`.
fn normalized(name: &str) -> String {
    let letters = name.chars().filter(|c| !matches!(c, ' ' | '_' | '-'));
    letters.flat_map(char::to_lowercase).collect()
}

fn without_prefix<'a>(value: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = value.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    let bytes = pairs.map(|pair| match *pair {
        [high, low] => u8::try_from(digit(high)? * 16 + digit(low)?).ok(),
        _ => None,
    });
    bytes.collect()
}

#[cfg(test)]
mod tests;
