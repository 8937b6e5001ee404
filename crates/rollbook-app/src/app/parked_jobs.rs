//! What a parked job needs, for commands that only read. The daemon decides in `engine.rs`.

use rollbook_core::model::{ParkReason, scalar};
use rollbook_core::store::runs::JobState;

/// What lets a parked job run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParkedJobNeeds {
    /// A sign-in; then it resumes by itself.
    SignIn,
    /// Only its next tick: there was a sign-in since its last run.
    NextTick,
    /// A repair on this machine; then it resumes by itself.
    Repair,
    /// A repair, and then `rollbook resume`.
    Resume,
}

/// What a job needs if it is parked; `tried` is when its last run ended, `obtained` when its source last got tokens,
/// both in the store's time format.
///
/// A source without a sign-in gets tokens only by a sign-in, so no secret has to be opened.
pub fn parked_job_needs(
    state: &JobState,
    tried: Option<&str>,
    obtained: Option<&str>,
) -> Option<ParkedJobNeeds> {
    match state.parked.as_ref()?.reason {
        ParkReason::SignInNeeded => {}
        ParkReason::Unready => return Some(ParkedJobNeeds::Repair),
        ParkReason::CredentialRefused
        | ParkReason::PasswordRefused
        | ParkReason::VaultShut
        | ParkReason::RefreshOpen => {
            return Some(ParkedJobNeeds::Resume);
        }
    }
    match (
        tried.and_then(scalar::parse),
        obtained.and_then(scalar::parse),
    ) {
        (Some(tried), Some(obtained)) if obtained > tried => Some(ParkedJobNeeds::NextTick),
        _ => Some(ParkedJobNeeds::SignIn),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollbook_core::store::runs::Parked;

    #[test]
    fn needs_by_reason_and_times() {
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
                Some(ParkedJobNeeds::Resume),
            ),
            (
                "a refused password",
                Some(ParkReason::PasswordRefused),
                tried,
                late,
                Some(ParkedJobNeeds::Resume),
            ),
            (
                "a vault without its key",
                Some(ParkReason::VaultShut),
                tried,
                late,
                Some(ParkedJobNeeds::Resume),
            ),
            (
                "a secret that is missing",
                Some(ParkReason::Unready),
                tried,
                late,
                Some(ParkedJobNeeds::Repair),
            ),
            (
                "no sign-in",
                Some(login),
                tried,
                None,
                Some(ParkedJobNeeds::SignIn),
            ),
            (
                "an older sign-in",
                Some(login),
                tried,
                early,
                Some(ParkedJobNeeds::SignIn),
            ),
            (
                "signed in since",
                Some(login),
                tried,
                late,
                Some(ParkedJobNeeds::NextTick),
            ),
            (
                "no run is known",
                Some(login),
                None,
                late,
                Some(ParkedJobNeeds::SignIn),
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
            assert_eq!(
                parked_job_needs(&state, tried, obtained),
                expected,
                "{name}"
            );
        }
    }
}
