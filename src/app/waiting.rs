//! What a parked job waits for, as commands that only look see it. The daemon's own view stands in `engine.rs`.

use crate::model::{ParkReason, scalar};
use crate::store::runs::JobState;

/// What ends the waiting of a parked job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// A person who signs in; then it goes on by itself.
    SignIn,
    /// Its next tick: somebody has signed in since its last try.
    Tick,
    /// A person who puts something on this machine right; then it goes on by itself.
    Repair,
    /// A person who puts something right and resumes it.
    Resume,
}

/// What a job waits for if it is parked; `tried` is when its last run ended, `obtained` when its source last got
/// tokens, both as the store writes times.
///
/// A source that nobody was signed in to gets tokens only after somebody has signed in, so no secret has to be
/// opened to know that.
pub fn waiting(state: &JobState, tried: Option<&str>, obtained: Option<&str>) -> Option<Waiting> {
    match state.parked.as_ref()?.reason {
        ParkReason::SignInNeeded => {}
        ParkReason::Unready => return Some(Waiting::Repair),
        ParkReason::CredentialRefused | ParkReason::VaultShut => return Some(Waiting::Resume),
    }
    match (
        tried.and_then(scalar::parse),
        obtained.and_then(scalar::parse),
    ) {
        (Some(tried), Some(obtained)) if obtained > tried => Some(Waiting::Tick),
        _ => Some(Waiting::SignIn),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::runs::Parked;

    #[test]
    fn the_way_back_by_rows() {
        let login = ParkReason::SignInNeeded;
        let (early, tried, late) = (
            Some("2026-03-02T06:00:00.000Z"),
            Some("2026-03-02T07:00:00.000Z"),
            Some("2026-03-02T08:00:00.000Z"),
        );
        for (name, reason, tried, obtained, expected) in [
            ("not parked", None, tried, late, None),
            (
                "a refused secret",
                Some(ParkReason::CredentialRefused),
                tried,
                late,
                Some(Waiting::Resume),
            ),
            (
                "a vault without its key",
                Some(ParkReason::VaultShut),
                tried,
                late,
                Some(Waiting::Resume),
            ),
            (
                "a secret that is missing",
                Some(ParkReason::Unready),
                tried,
                late,
                Some(Waiting::Repair),
            ),
            (
                "nobody signed in",
                Some(login),
                tried,
                None,
                Some(Waiting::SignIn),
            ),
            (
                "an older sign-in",
                Some(login),
                tried,
                early,
                Some(Waiting::SignIn),
            ),
            (
                "signed in since",
                Some(login),
                tried,
                late,
                Some(Waiting::Tick),
            ),
            (
                "no run is known",
                Some(login),
                None,
                late,
                Some(Waiting::SignIn),
            ),
        ] {
            let state = JobState {
                parked: reason.map(|reason| Parked {
                    reason,
                    message: String::new(),
                    config_fingerprint: None,
                }),
                ..JobState::default()
            };
            assert_eq!(waiting(&state, tried, obtained), expected, "{name}");
        }
    }
}
