//! Proof key for code exchange: the challenge, and the verifier it was made of (RFC 7636).

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Whether a text is a challenge by S256: 32 bytes in base64url.
pub(super) fn is_challenge(text: &str) -> bool {
    URL_SAFE_NO_PAD
        .decode(text)
        .is_ok_and(|bytes| bytes.len() == SHA256.output_len())
}

/// Whether a text is a valid verifier (4.1) of this challenge (4.6).
pub(super) fn verifies(verifier: &str, challenge: &str) -> bool {
    let spelt = verifier
        .bytes()
        .all(|letter| letter.is_ascii_alphanumeric() || b"-._~".contains(&letter));
    let made = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    spelt && (43..=128).contains(&verifier.len()) && made == challenge
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_matches_its_own_challenge_only() {
        // Appendix B of the RFC.
        let (verifier, challenge) = (
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        );
        assert!(is_challenge(challenge));
        assert!(verifies(verifier, challenge));
        let blank = format!("{verifier} ");
        let long = "a".repeat(129);
        for wrong in ["", challenge, &verifier[1..], &blank, &long] {
            assert!(!verifies(wrong, challenge), "{wrong}");
        }
        for wrong in ["", "E9Melhoa", verifier.trim_end_matches('k'), "a+/="] {
            assert!(!is_challenge(wrong), "{wrong}");
        }
        let of = |verifier: &str| URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        for (length, fine) in [(42, false), (43, true), (128, true), (129, false)] {
            let verifier = "a".repeat(length);
            assert_eq!(verifies(&verifier, &of(&verifier)), fine, "{length}");
        }
    }
}
