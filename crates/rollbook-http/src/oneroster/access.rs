//! Access tokens: signed with a key of this process, so that nothing is kept of them. A restart ends all of them.

use std::time::Duration;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::scope::RosterScopes;

/// How long a token is valid.
pub const TOKEN_LIFE: Duration = Duration::from_secs(3600);

/// Bytes of the signature.
const SIGNATURE: usize = 32;

/// The key of this process.
pub struct AccessKey(hmac::Key);

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RosterAccess {
    /// The client's name.
    pub client: String,
    /// What it may read.
    pub scopes: RosterScopes,
}

impl AccessKey {
    /// A new one.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn new() -> Result<Self, Unspecified> {
        hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).map(Self)
    }

    /// A token that is valid from now on.
    pub fn token(&self, access: &RosterAccess, now: Duration) -> String {
        let end = (now + TOKEN_LIFE).as_nanos() as u64; // 584 years
        let mut bytes = vec![access.scopes.bits()];
        bytes.extend_from_slice(&end.to_le_bytes());
        bytes.extend_from_slice(access.client.as_bytes());
        let signature = hmac::sign(&self.0, &bytes);
        bytes.extend_from_slice(signature.as_ref());
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What a token says; `None` if it is forged or expired.
    pub fn access(&self, token: &[u8], now: Duration) -> Option<RosterAccess> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
        let at = bytes.len().checked_sub(SIGNATURE)?;
        let (said, signature) = bytes.split_at(at);
        hmac::verify(&self.0, said, signature).ok()?;
        let (scopes, said) = said.split_first()?;
        let (end, client) = said.split_first_chunk()?;
        (now.as_nanos() < u128::from(u64::from_le_bytes(*end))).then_some(())?;
        Some(RosterAccess {
            client: String::from_utf8(client.to_vec()).ok()?,
            scopes: RosterScopes::from_bits(*scopes),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oneroster::scope::RosterScope;

    #[test]
    fn a_token_says_what_it_was_made_for_until_it_ends() {
        let key = AccessKey::new().expect("random numbers");
        let access = RosterAccess {
            client: "moodle".to_owned(),
            scopes: RosterScopes::of([RosterScope::Core, RosterScope::Demographics]),
        };
        let start = Duration::from_secs(100);
        let token = key.token(&access, start);
        let read = |token: &str, at: Duration| key.access(token.as_bytes(), at);
        assert_eq!(read(&token, start), Some(access.clone()));
        assert_eq!(
            read(&token, start + TOKEN_LIFE - Duration::from_secs(1)),
            Some(access.clone())
        );
        assert_eq!(read(&token, start + TOKEN_LIFE), None);
        for at in 0..token.len() {
            let other = if token.as_bytes()[at] == b'A' {
                "B"
            } else {
                "A"
            };
            let mut forged = token.clone();
            forged.replace_range(at..=at, other);
            assert_eq!(read(&forged, start), None, "{forged}");
        }
        for wrong in ["", "a", &token[1..], &format!("{token}AAAA")] {
            assert_eq!(read(wrong, start), None, "{wrong}");
        }
        let other = AccessKey::new().expect("random numbers");
        assert_eq!(
            other.access(token.as_bytes(), start),
            None,
            "of another process"
        );
    }
}
