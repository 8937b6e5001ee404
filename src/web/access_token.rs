//! The token of the page: `Authorization: Bearer`, or the password of `Basic`, for which a browser asks.
//!
//! Kept and compared as a hash, in constant time, so that neither length nor beginning of the token shows.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};

/// A token's hash.
#[derive(Clone)]
pub struct AccessToken([u8; 32]);

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken")
    }
}

impl AccessToken {
    /// Of a secret.
    pub fn new(token: &SecretString) -> Self {
        Self(hash(token.expose_secret().as_bytes()))
    }

    fn is(&self, presented: &[u8]) -> bool {
        verify_slices_are_equal(&self.0, &hash(presented)).is_ok()
    }

    /// Whether a header `Authorization` has it.
    pub fn is_in(&self, authorization: &[u8]) -> bool {
        let Some(at) = authorization.iter().position(|byte| *byte == b' ') else {
            return false;
        };
        let (scheme, value) = authorization.split_at(at);
        let value = value.trim_ascii();
        if scheme.eq_ignore_ascii_case(b"bearer") {
            return self.is(value);
        }
        if !scheme.eq_ignore_ascii_case(b"basic") {
            return false;
        }
        let Ok(pair) = STANDARD.decode(value).map(Zeroizing::new) else {
            return false;
        };
        let colon = pair.iter().position(|byte| *byte == b':');
        colon.is_some_and(|colon| self.is(&pair[colon + 1..]))
    }
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_the_bearer_or_the_password_of_any_user() {
        let token = AccessToken::new(&SecretString::from("s3cret:with colon"));
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        for (header, expected) in [
            ("Bearer s3cret:with colon".to_owned(), true),
            ("bearer  s3cret:with colon ".to_owned(), true),
            (basic("admin:s3cret:with colon"), true),
            (basic(":s3cret:with colon"), true),
            (basic("s3cret:with colon"), false),
            (basic("admin:s3cret"), false),
            (basic("s3cret"), false),
            ("Basic !!!".to_owned(), false),
            ("Bearer".to_owned(), false),
            ("Bearer ".to_owned(), false),
            ("Bearer s3cret:with colo".to_owned(), false),
            ("Bearer s3cret:with colon1".to_owned(), false),
            ("Digest s3cret:with colon".to_owned(), false),
            ("s3cret:with colon".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(token.is_in(header.as_bytes()), expected, "{header}");
        }
        assert!(!token.is_in(b"Bearer \xff\xfe"));
        assert_eq!(format!("{token:?}"), "AccessToken");
    }
}
