//! How a stream is requested from a server that does not serve it as its connector defines.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::scalar;

/// After this time the connector's own parameters and page size are tried again: the server may have been busy.
const PARAMETERS_LAST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A stream that is not served is requested again after this time: once a day, also when the clock is put forward.
const REFUSAL_LASTS: SignedDuration = SignedDuration::from_hours(23);

/// What a server turned out to accept, for later requests of the same stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adaptation {
    /// The template of the path that works, if it is not the connector's first.
    pub path: Option<String>,
    /// Query parameters to leave out.
    pub without: Vec<String>,
    /// Rows to request per page, if different from the connector.
    pub size: Option<u64>,
    /// Items to ask for by one request, if fewer than the connector's.
    pub items: Option<u64>,
    /// When `without`, `size` and `items` were found.
    pub found: Option<Timestamp>,
    /// The vendor does not serve the stream.
    pub refusal: Option<NotServed>,
}

/// A stream that a vendor does not serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotServed {
    /// When it was requested last.
    pub at: Timestamp,
    /// The vendor's response, as a message.
    pub reason: String,
}

impl NotServed {
    /// How long the stream is not requested at this time; nothing where it is.
    pub fn lasts(&self, now: Timestamp) -> Option<Duration> {
        let left = scalar::saturating_add(self.at, REFUSAL_LASTS).duration_since(now);
        // A time in the future was written by a wrong clock.
        let is_plausible = self.at <= now && left.is_positive();
        is_plausible.then(|| left.unsigned_abs())
    }
}

impl Adaptation {
    /// Forgets what has been known for long enough to be tried again.
    pub fn expire(&mut self, now: Timestamp) {
        let end = self
            .found
            .map(|found| scalar::saturating_add(found, PARAMETERS_LAST));
        let is_over = end.is_some_and(|end| end <= now) || self.found.is_some_and(|at| at > now);
        if is_over {
            *self = Self {
                path: self.path.take(),
                refusal: self.refusal.take(),
                ..Self::default()
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn what_is_tried_again_and_when() {
        let found = time("2026-03-02T06:00:00Z");
        for (now, is_known, is_refused) in [
            ("2026-03-02T06:00:00Z", true, true),
            ("2026-03-03T04:59:00Z", true, true),
            ("2026-03-03T05:00:00Z", true, false),
            ("2026-03-09T05:59:00Z", true, false),
            ("2026-03-09T06:00:00Z", false, false),
            // The clock was wrong then.
            ("2026-02-20T06:00:00Z", false, false),
        ] {
            let mut adaptation = Adaptation {
                path: Some("/b".into()),
                without: vec!["sort".into()],
                size: Some(100),
                items: Some(1),
                found: Some(found),
                refusal: None,
            };
            adaptation.expire(time(now));
            assert_eq!(adaptation.size.is_some(), is_known, "{now}");
            assert_eq!(adaptation.items.is_some(), is_known, "{now}");
            assert_eq!(adaptation.without.is_empty(), !is_known, "{now}");
            assert_eq!(adaptation.path.as_deref(), Some("/b"), "{now}");
            let refusal = NotServed {
                at: found,
                reason: "404".into(),
            };
            assert_eq!(refusal.lasts(time(now)).is_some(), is_refused, "{now}");
        }
    }
}
