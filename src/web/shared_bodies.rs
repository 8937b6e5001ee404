//! Bodies that are being sent, shared by all who are sent the same: slow readers of one page hold it once.
//!
//! Nothing is kept for later: a body is freed when its last reader has it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use hyper::body::Bytes;

/// A page of this age is sent to others too.
const FRESH: Duration = Duration::from_secs(2);

/// The most bytes that all readers together can hold.
const MAX_BYTES: usize = 4 << 20;

struct SharedBody {
    path: String,
    made: Duration,
    text: Weak<String>,
}

/// What a reader holds.
struct HeldText(Arc<String>);

impl AsRef<[u8]> for HeldText {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// The bodies that are being sent.
#[derive(Default)]
pub struct SharedBodies(Vec<SharedBody>);

impl SharedBodies {
    /// The body of this path: one that is being sent, or a new one; `None` inside if there is none.
    ///
    /// # Errors
    /// If readers hold too much already.
    pub fn body(
        &mut self,
        path: &str,
        now: Duration,
        make: impl FnOnce() -> Option<String>,
    ) -> Result<Option<Bytes>, TooMuchHeld> {
        self.0.retain(|body| body.text.strong_count() > 0);
        let is_fresh = |made: Duration| now.saturating_sub(made) < FRESH;
        let shared = self
            .0
            .iter()
            .find(|body| body.path == path && is_fresh(body.made));
        if let Some(text) = shared.and_then(|body| body.text.upgrade()) {
            return Ok(Some(Bytes::from_owner(HeldText(text))));
        }
        let held: usize = self
            .0
            .iter()
            .filter_map(|body| body.text.upgrade())
            .map(|text| text.capacity())
            .sum();
        if held > MAX_BYTES {
            return Err(TooMuchHeld);
        }
        let Some(text) = make().map(Arc::new) else {
            return Ok(None);
        };
        self.0.push(SharedBody {
            path: path.to_owned(),
            made: now,
            text: Arc::downgrade(&text),
        });
        Ok(Some(Bytes::from_owner(HeldText(text))))
    }
}

/// Readers hold too much already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMuchHeld;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_of_one_page_share_it_and_nothing_stays() {
        let mut bodies = SharedBodies::default();
        let at = Duration::from_secs;
        let mut made = 0;
        let mut body = |bodies: &mut SharedBodies, path: &str, now| {
            let text = || {
                made += 1;
                Some(format!("{made}"))
            };
            bodies.body(path, now, text).expect("room").expect("a body")
        };
        let first = body(&mut bodies, "/", at(0));
        assert_eq!(body(&mut bodies, "/", at(1)), first, "shared");
        assert_eq!(body(&mut bodies, "/storage", at(1)), "2", "another page");
        assert_eq!(body(&mut bodies, "/", at(3)), "3", "too old");
        drop(first);
        assert_eq!(body(&mut bodies, "/", at(3)), "4", "no one held it");
        assert_eq!(bodies.body("/no", at(3), || None), Ok(None));
    }

    #[test]
    fn readers_cannot_hold_more_than_the_limit() {
        let mut bodies = SharedBodies::default();
        let text = || Some("a".repeat(1 << 20));
        let mut held = Vec::new();
        for number in 0_u32.. {
            match bodies.body(&number.to_string(), Duration::ZERO, text) {
                Ok(body) => held.push(body),
                Err(TooMuchHeld) => break,
            }
        }
        assert_eq!(held.len(), 5);
        assert!(
            bodies.body("0", Duration::ZERO, text).is_ok(),
            "what is held is shared"
        );
        held.truncate(3);
        assert!(bodies.body("new", Duration::ZERO, text).is_ok());
    }
}
