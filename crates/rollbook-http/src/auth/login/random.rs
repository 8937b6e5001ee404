//! Random values that bind a response to its attempt: `state`, `nonce`, and the PKCE verifier (RFC 7636).

use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};

use crate::http::error::HttpErrorKind;

/// As many as RFC 7636 4.1 recommends.
const RANDOM_BYTES: usize = 32;

/// A random text of 43 characters.
pub(super) fn random_text() -> Result<SecretString, HttpErrorKind> {
    let mut bytes = [0; RANDOM_BYTES];
    rand::fill(&mut bytes)
        .map_err(|_| HttpErrorKind::Setup("the system has no random numbers".into()))?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes).into())
}

/// The challenge of a verifier by the method S256 (RFC 7636 4.2).
pub(super) fn challenge(verifier: &SecretString) -> String {
    let hash = digest::digest(&digest::SHA256, verifier.expose_secret().as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7636() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into();
        assert_eq!(
            challenge(&verifier),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn random_texts_differ_and_are_long_enough() {
        let texts = [random_text(), random_text()].map(|text| text.expect("random bytes"));
        assert_ne!(texts[0].expose_secret(), texts[1].expose_secret());
        assert_eq!(texts[0].expose_secret().len(), 43, "RFC 7636 4.1");
    }
}
