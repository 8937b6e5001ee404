//! How a vendor rejected a credential, as the vault keeps it, and when the same credential may be sent again.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::scalar;

/// A rejected password is sent once in this time: a few attempts may lock a person's account (fault-catalogue.md 104).
pub const PASSWORD_REST: Duration = Duration::from_secs(24 * 3600);

/// After an unclear response, a request without the password is sent this often, to find out who responds.
pub const PROBE_INTERVAL: Duration = Duration::from_secs(10 * 60);

/// After so many unclear responses a person must act.
const UNCLEAR_ATTEMPTS: u32 = 3;

/// A rejection of a credential. Without the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptRefusal {
    /// When it was sent last.
    pub at: Timestamp,
    /// How often it was sent since it was accepted last.
    pub attempts: u32,
    /// Whether the vendor's last response was a refusal; otherwise it was unclear, such as a web page.
    pub is_clear: bool,
}

/// Whether a rejected password may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordUse {
    /// It may.
    Send,
    /// Only if the token endpoint responds to a request without it as RFC 6749 says: then something else sent the
    /// unclear response.
    Probe,
    /// Not now.
    Rest,
}

/// When a password that was rejected at this time may be sent again in any case.
pub fn password_rests_until(at: Timestamp) -> Timestamp {
    scalar::saturating_add(at, signed(PASSWORD_REST))
}

impl KeptRefusal {
    /// The same credential is sent again at this time, and its outcome is not known.
    #[must_use]
    pub fn sent_again(self, at: Timestamp) -> Self {
        Self {
            at,
            attempts: self.attempts.saturating_add(1),
            ..self
        }
    }

    /// When the same password may be sent again in any case.
    pub fn until(self) -> Timestamp {
        password_rests_until(self.at)
    }

    /// Whether the same password may be sent at this time.
    pub fn password_use(self, now: Timestamp) -> PasswordUse {
        let left = self.until().duration_since(now);
        // A time in the future was stored with a wrong clock; it must not block for years.
        if !left.is_positive() || left > signed(2 * PASSWORD_REST) {
            return PasswordUse::Send;
        }
        let may_probe = scalar::saturating_add(self.at, signed(PROBE_INTERVAL));
        // A second unclear response to the password is how this server refuses it.
        match !self.is_clear && self.attempts <= 1 && may_probe <= now {
            true => PasswordUse::Probe,
            false => PasswordUse::Rest,
        }
    }

    /// Whether a person must act.
    pub fn needs_person(self) -> bool {
        self.is_clear || self.attempts >= UNCLEAR_ATTEMPTS
    }
}

fn signed(length: Duration) -> SignedDuration {
    SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::PasswordUse::{Probe, Rest, Send};
    use super::*;

    #[test]
    fn when_a_password_may_be_sent() {
        let at: Timestamp = "2026-03-02T06:00:00Z".parse().expect("a time");
        for (is_clear, attempts, minutes, expected) in [
            (true, 1, 0, Rest),
            (true, 1, 23 * 60 + 59, Rest),
            (true, 1, 24 * 60, Send),
            (false, 1, 0, Rest),
            (false, 1, 9, Rest),
            (false, 1, 10, Probe),
            (false, 1, 23 * 60 + 59, Probe),
            (false, 1, 24 * 60, Send),
            (false, 2, 10, Rest),
            (false, 2, 24 * 60, Send),
            // The clock was ahead by ten hours, and by years.
            (true, 1, -600, Rest),
            (false, 1, -600, Rest),
            (true, 1, -60 * 24 * 365, Send),
        ] {
            let refusal = KeptRefusal {
                at,
                attempts,
                is_clear,
            };
            let now = scalar::saturating_add(at, SignedDuration::from_mins(minutes));
            let seen = refusal.password_use(now);
            assert_eq!(seen, expected, "{is_clear} {attempts} {minutes}");
        }
    }
}
