//! Leaves a source alone whose requests all fail, for all its jobs.
//!
//! Arithmetic under a lock; `session.rs` applies it. Failures of single streams or items do not count: any response of
//! the API itself, also a refusal, shows that the source works. After a rest one request tries again.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::error::HttpErrorKind;
use rollbook_core::model::{ResponseFault, UnexpectedResponse};

/// Failures in a row, by weight, after which a source rests: five that concern every request, twelve that may concern
/// one list (two lists with five attempts each may be broken), thirty that are most often about one list or item.
const LIMIT: u32 = 60;
const OF_THE_SOURCE: u32 = 12;
const OF_A_LIST: u32 = 5;
const OF_AN_ITEM: u32 = 2;

/// The first rest, and the longest; each is twice as long as the one before.
const REST: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(15 * 60));

/// The same after 429 without `Retry-After`: a quota may be used up for the day.
const REST_AFTER_429: (Duration, Duration) =
    (Duration::from_secs(5 * 60), Duration::from_secs(3600));

/// What an attempt says of its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    /// The API responded.
    Works,
    /// It failed, with this weight.
    Fails(u32),
    /// Nothing: no request was sent, or the vendor named a time.
    None,
}

fn sign(kind: &HttpErrorKind) -> Sign {
    match kind {
        HttpErrorKind::Unreachable(_)
        | HttpErrorKind::Proxy(..)
        | HttpErrorKind::Unavailable(429, None) => Sign::Fails(OF_THE_SOURCE),
        HttpErrorKind::Unavailable(500, None) => Sign::Fails(OF_AN_ITEM),
        HttpErrorKind::Unavailable(_, None)
        | HttpErrorKind::Cut
        | HttpErrorKind::TooSlow(..)
        | HttpErrorKind::UnexpectedResponse(
            _,
            UnexpectedResponse {
                fault: ResponseFault::Server,
                ..
            },
        ) => Sign::Fails(OF_A_LIST),
        HttpErrorKind::Missing(..)
        | HttpErrorKind::Forbidden
        | HttpErrorKind::TooMuchRequested(..)
        | HttpErrorKind::HttpStatus(_)
        | HttpErrorKind::UnexpectedResponse(..) => Sign::Works,
        _ => Sign::None,
    }
}

/// The circuit breaker of one session, in the clock's running time.
#[derive(Default)]
pub(super) struct CircuitBreaker(Mutex<BreakerState>);

#[derive(Default)]
struct BreakerState {
    /// The weight of the failures in a row.
    weight: u32,
    /// Rests in a row.
    rests: u32,
    rest: Option<SourceRest>,
}

/// A source that is left alone.
#[derive(Clone, Debug)]
pub(super) struct SourceRest {
    pub until: Duration,
    /// The last failure, as a message.
    pub reason: String,
}

impl CircuitBreaker {
    /// The rest that is not over.
    pub fn rest(&self, now: Duration) -> Option<SourceRest> {
        self.with(|state| state.rest.clone().filter(|rest| now < rest.until))
    }

    /// The API responded as it should.
    pub fn succeeded(&self) {
        self.with(|state| *state = BreakerState::default());
    }

    /// An attempt failed; returns the end of the rest that begins with it.
    pub fn failed(
        &self,
        kind: &HttpErrorKind,
        now: Duration,
        reason: impl FnOnce() -> String,
    ) -> Option<Duration> {
        self.with(|state| match sign(kind) {
            Sign::None => None,
            Sign::Works => {
                *state = BreakerState::default();
                None
            }
            Sign::Fails(weight) => {
                state.weight += weight;
                if state.weight < LIMIT {
                    return None;
                }
                let (first, longest) = match kind {
                    HttpErrorKind::Unavailable(429, _) => REST_AFTER_429,
                    _ => REST,
                };
                let doubled = first.saturating_mul(1 << state.rests.min(16));
                let until = now + doubled.min(longest);
                state.rests += 1;
                // One failure of the next request is enough.
                state.weight = LIMIT - OF_AN_ITEM;
                state.rest = Some(SourceRest {
                    until,
                    reason: reason(),
                });
                Some(until)
            }
        })
    }

    /// A person wants a request now.
    pub fn wake(&self) {
        self.with(|state| state.rest = None);
    }

    fn with<T>(&self, act: impl FnOnce(&mut BreakerState) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::error::{Slow, Unreachable};

    fn rests_after(kinds: &[HttpErrorKind]) -> Option<usize> {
        let breaker = CircuitBreaker::default();
        let rests = |kind| {
            breaker
                .failed(kind, Duration::ZERO, || "why".into())
                .is_some()
        };
        kinds.iter().position(rests).map(|index| index + 1)
    }

    #[test]
    fn how_many_failures_make_a_source_rest() {
        let slow = HttpErrorKind::TooSlow(Slow::FirstByte, Duration::from_secs(60));
        let page = HttpErrorKind::UnexpectedResponse(
            200,
            UnexpectedResponse::of_server("expected JSON, got a web page"),
        );
        let later = HttpErrorKind::Unavailable(429, Some(Duration::from_secs(5)));
        let form = HttpErrorKind::UnexpectedResponse(200, UnexpectedResponse::of_form("odd"));
        for (kind, expected) in [
            (HttpErrorKind::Unreachable(Unreachable::Refused), Some(5)),
            (HttpErrorKind::Unavailable(429, None), Some(5)),
            (HttpErrorKind::Unavailable(503, None), Some(12)),
            (HttpErrorKind::Unavailable(500, None), Some(30)),
            (slow, Some(12)),
            (page, Some(12)),
            (later, None),
            (HttpErrorKind::Forbidden, None),
            (HttpErrorKind::HttpStatus(400), None),
            (HttpErrorKind::Missing(404, None), None),
            (form, None),
            (HttpErrorKind::OutOfTime, None),
        ] {
            assert_eq!(rests_after(&vec![kind.clone(); 100]), expected, "{kind:?}");
        }
        // A list that is broken is followed by one that works.
        let mut mixed = vec![HttpErrorKind::Unavailable(503, None); 11];
        mixed.push(HttpErrorKind::Missing(404, None));
        assert_eq!(
            rests_after(&[mixed.clone(), mixed.clone(), mixed].concat()),
            None
        );
    }

    #[test]
    fn rests_grow_and_one_good_response_ends_them() {
        let breaker = CircuitBreaker::default();
        let refused = HttpErrorKind::Unreachable(Unreachable::Refused);
        let mut now = Duration::ZERO;
        let fail = |now| breaker.failed(&refused, now, || "it is down".into());
        for _ in 0..4 {
            assert_eq!(fail(now), None);
        }
        for minutes in [1, 2, 4, 8, 15, 15] {
            let until = fail(now).expect("it rests");
            assert_eq!(until - now, Duration::from_secs(60 * minutes));
            assert_eq!(breaker.rest(now).expect("a rest").reason, "it is down");
            now = until;
            assert!(breaker.rest(now).is_none(), "one request may try");
        }
        assert!(fail(now).is_some());
        breaker.wake();
        assert!(breaker.rest(now).is_none());
        breaker.succeeded();
        assert_eq!(fail(now), None, "all is forgotten");
    }
}
