//! The secrets of clients: made here, shown once, and kept as a hash in the configuration.
//!
//! A secret is 256 random bits, so a plain hash of it cannot be tried.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};

use rollbook_core::document::text_value::{ValueError, text_value};

/// The SHA-256 of a client's secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientSecretHash([u8; 32]);

impl ClientSecretHash {
    /// Of a secret.
    pub fn of(secret: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
        Self(hash)
    }

    /// Whether a secret has it; takes as long for a wrong one.
    pub fn is_of(&self, secret: &str) -> bool {
        verify_slices_are_equal(&self.0, &Self::of(secret).0).is_ok()
    }
}

impl fmt::Display for ClientSecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ClientSecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecretHash")
    }
}

impl FromStr for ClientSecretHash {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wrong = || {
            ValueError::new("this is not the hash of a client's secret")
                .help("`rollbook serve client NAME` makes a secret and prints its hash")
        };
        let mut hash = [0; 32];
        let pairs = text.as_bytes().chunks_exact(2);
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        for (byte, pair) in hash.iter_mut().zip(pairs) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(hash))
    }
}

text_value!(
    ClientSecretHash,
    pattern = r"^[0-9A-Fa-f]{64}$",
    example = "8ba834d2fc8681b1d83d9a8ce7936980e9c8596a334f5d28d360b4824aff6a25"
);

/// A new secret, 43 characters.
///
/// # Errors
/// If the system has no random numbers.
pub fn new_client_secret() -> Result<SecretString, Unspecified> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes).into())
}

/// Its hash.
pub fn hash_of(secret: &SecretString) -> ClientSecretHash {
    ClientSecretHash::of(secret.expose_secret())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_that_of_its_secret_alone() {
        let secret = new_client_secret().expect("random numbers");
        let hash = hash_of(&secret);
        let written = hash.to_string();
        assert_eq!(written.parse(), Ok(hash.clone()));
        assert_eq!(written.to_uppercase().parse(), Ok(hash.clone()));
        assert!(hash.is_of(secret.expose_secret()));
        assert!(!hash.is_of("") && !hash.is_of(&written));
        for wrong in ["", "e3b0", &written[1..], &format!("{}g", &written[1..])] {
            assert!(wrong.parse::<ClientSecretHash>().is_err(), "{wrong}");
        }
        assert_eq!(format!("{hash:?}"), "ClientSecretHash");
    }
}
