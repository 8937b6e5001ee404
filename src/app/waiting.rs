//! What a parked job waits for, as commands that only look see it. The daemon's own view stands in `engine.rs`.

use crate::model::{scalar, sign_in};
use crate::store::runs::JobState;

/// What ends the waiting of a parked job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// A person who signs in; then it goes on by itself.
    SignIn,
    /// Its next tick: somebody has signed in since its last try.
    Tick,
    /// A person who puts something right and resumes it.
    Resume,
}

/// What a job waits for if it is parked; `obtained` is when its source last got tokens, as the store writes times.
///
/// A source that nobody was signed in to gets tokens only after somebody has signed in, so no secret has to be
/// opened to know that.
pub fn waiting(state: &JobState, source: &str, obtained: Option<&str>) -> Option<Waiting> {
    let reason = state.parked.as_deref()?;
    if !sign_in::is_wanted(reason, source) {
        return Some(Waiting::Resume);
    }
    // A job that never ticked is tried at its first tick in any case.
    let tried = state.last_due.as_deref().and_then(scalar::parse);
    let obtained = obtained.and_then(scalar::parse);
    let is_over = obtained.is_some_and(|obtained| tried.is_none_or(|tried| obtained > tried));
    Some(if is_over {
        Waiting::Tick
    } else {
        Waiting::SignIn
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_by_rows() {
        let login = "get a token for own: sign-in needed; run `rollbook login own`";
        let (early, tried, late) = (
            Some("2026-03-02T06:00:00.000Z"),
            Some("2026-03-02T07:00:00.000Z"),
            Some("2026-03-02T08:00:00.000Z"),
        );
        for (name, reason, last_due, obtained, expected) in [
            ("not parked", None, tried, late, None),
            (
                "a refused secret",
                Some("refused"),
                tried,
                late,
                Some(Waiting::Resume),
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
                "run by hand only",
                Some(login),
                None,
                late,
                Some(Waiting::Tick),
            ),
        ] {
            let state = JobState {
                parked: reason.map(str::to_owned),
                last_due: last_due.map(str::to_owned),
                ..JobState::default()
            };
            assert_eq!(waiting(&state, "own", obtained), expected, "{name}");
        }
    }
}
